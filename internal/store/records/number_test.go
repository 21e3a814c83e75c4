package records_test

import (
	"crypto/sha256"
	"testing"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TestProofKeys: every key once, whatever the page.
func TestProofKeys(t *testing.T) {
	e := openEngine(t)
	want := map[store.ProofKey]bool{}
	put(t, e, func(b *store.Batch) {
		for i := range byte(25) {
			k := store.ProofKey(sha256.Sum256([]byte{i}))
			want[k] = true
			b.Proofs.Put(k, store.NumberProof{Key: k, App: 1, Check: 1, Until: 100})
		}
	})
	for _, page := range []int{1, 7, 25, 100} {
		have := map[store.ProofKey]bool{}
		after, n := make([]byte, len(store.ProofKey{})), page
		for n == page {
			view(t, e, func(q store.SQL) (err error) {
				after, n, err = records.ProofKeys(ctx, q, after, page, func(k store.ProofKey) {
					if !want[k] || have[k] {
						t.Errorf("page %d: %x is none, or came twice", page, k)
					}
					have[k] = true
				})
				return err
			})
		}
		if len(have) != len(want) {
			t.Errorf("page %d: %d keys, want %d", page, len(have), len(want))
		}
	}
}
