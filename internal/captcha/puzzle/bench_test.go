package puzzle

import (
	"crypto/rand"
	"testing"
)

// BenchmarkDraw is one puzzle as it is served: both pictures in Base64.
func BenchmarkDraw(b *testing.B) {
	d := NewDrawer(rand.Reader, "")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Draw(); err != nil {
			b.Fatal(err)
		}
	}
}
