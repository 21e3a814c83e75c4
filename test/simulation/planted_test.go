package simulation

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// TestPlantedBugsAreFound: a checker that can not fail proves nothing. Each bug
// is put where a real one could be, and must be found within a few seeds.
func TestPlantedBugsAreFound(t *testing.T) {
	s := newSite(t)
	for _, bug := range []struct {
		name    string
		planted planted
		finds   string // part of what is said about it
	}{
		{"answers before the commit is on disk", planted{early: true}, "codes on disk"},
		{"answers a commit that failed", planted{lies: true}, "codes on disk"},
		{"sends an unknown outcome again and again", planted{forgets: 3 * time.Second}, "left"},
		{"pays twice", planted{write: payTwice}, "entries"},
		{"forgets wrong tries", planted{write: forgetWrong}, "wrong tries"},
		{"leaves the older code alive", planted{write: keepOld}, "live codes"},
		{"uses a code and leaves it alive", planted{write: neverUsed}, "one code"},
		{"loses a receipt that it acknowledged", planted{write: loseReceipts}, "the receipt of"},
		{"sends what nobody reserved", planted{write: forgetReserve}, "reserve"},
	} {
		t.Run(bug.name, func(t *testing.T) {
			const atMost = 40
			for seed := int64(1); seed <= atMost; seed++ {
				o := run(t, s, newHits(), seed, bug.planted)
				for _, odd := range o.strange {
					if strings.Contains(odd, bug.finds) {
						t.Logf("found by seed %d: %s", seed, odd)
						return
					}
				}
			}
			t.Errorf("not found by %d seeds", atMost)
		})
	}
}

// payTwice settles a message or login a second time.
func payTwice(b *store.Batch) {
	var twice []store.Ledger
	_ = b.Ledger.Inserted(func(l *store.Ledger) error {
		if l.Kind == store.LedgerSettle {
			twice = append(twice, *l)
		}
		return nil
	})
	for _, l := range twice {
		l.ID += 1 << 12 // of the same millisecond, and nobody else's
		b.Ledger.Put(l.ID, l)
	}
}

// forgetWrong stores no wrong try.
func forgetWrong(b *store.Batch) {
	changeCodes(b, func(v *store.Verification) bool {
		forgotten := v.Wrong > 0
		v.Wrong = 0
		return forgotten
	})
}

// keepOld lets the older code live.
func keepOld(b *store.Batch) {
	changeCodes(b, func(v *store.Verification) bool {
		if v.State != store.VerificationSuperseded {
			return false
		}
		v.State = store.VerificationPending
		return true
	})
}

// neverUsed lets a code live that was used.
func neverUsed(b *store.Batch) {
	changeCodes(b, func(v *store.Verification) bool {
		if v.State != store.VerificationVerified {
			return false
		}
		v.State = store.VerificationPending
		return true
	})
}

func changeCodes(b *store.Batch, change func(*store.Verification) bool) {
	var changed []store.Verification
	_ = b.Verifications.Updated(func(_, is *store.Verification) error {
		if v := *is; change(&v) {
			changed = append(changed, v)
		}
		return nil
	})
	for _, v := range changed {
		b.PutVerification(v)
	}
}

// loseReceipts stores no delivery.
func loseReceipts(b *store.Batch) {
	var lost []store.Message
	_ = b.Messages.Updated(func(was, is *store.Message) error {
		if was.State == store.MessageSubmitted && is.State == store.MessageDelivered {
			lost = append(lost, *was)
		}
		return nil
	})
	for _, m := range lost {
		b.Messages.Put(m.ID, m)
	}
}

// forgetReserve stores no reservation of a new message.
func forgetReserve(b *store.Batch) {
	var ids []core.LedgerID
	_ = b.Ledger.Inserted(func(l *store.Ledger) error {
		if l.Kind == store.LedgerReserve {
			ids = append(ids, l.ID)
		}
		return nil
	})
	for _, id := range ids {
		b.Ledger.Delete(id)
	}
}
