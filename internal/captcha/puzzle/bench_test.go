package puzzle

import (
	"crypto/rand"
	"testing"
)

// BenchmarkDraw is one puzzle as it is served: both pictures in Base64.
func BenchmarkDraw(b *testing.B) {
	d, err := NewDrawer(rand.Reader, "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Draw(); err != nil {
			b.Fatal(err)
		}
	}
}
