package reply

import (
	"crypto/rand"
	"encoding/base64"
	"testing"
)

// TestLongIDOfACarrier: an id that no index takes does not keep the texts beside
// it from being stored, nor comes again for ever.
func TestLongIDOfACarrier(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var id [12000]byte // that can not be compressed
		if _, err := rand.Read(id[:]); err != nil {
			t.Fatal(err)
		}
		long := base64.StdEncoding.EncodeToString(id[:])
		s := w.service()
		for range 2 {
			for _, err := range comes(s, "main", text("1", zhang, "1069", "hello"), text(long, li, "1069", "again")) {
				ok(t, err)
			}
		}
		if n := len(w.stored()); n != 2 {
			t.Errorf("%d replies", n)
		}
	})
}
