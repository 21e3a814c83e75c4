package numberverify

import (
	"context"
	"encoding/binary"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// A process that has the store for itself knows which proofs have a row: most
// of those that are asked with are new, and need not be looked up. It knows of
// none too few, and of some too many: those are looked up.

// recallFor is longer than any proof's row is kept (ProofKept, and the longest
// life before with reportKept).
const recallFor = 2 * ProofKept

// recallBits is the size of a filter: 8 MiB. Ten million proofs in it make one
// look-up in twenty needless.
const recallBits = 1 << 26

// filter is a Bloom filter over keyed hashes, which are as good as random.
type filter []uint64

func newFilter() filter { return make(filter, recallBits/64) }

func (f filter) add(k store.ProofKey) {
	for i := 0; i < len(k); i += 8 {
		bit := binary.LittleEndian.Uint64(k[i:]) % recallBits
		f[bit/64] |= 1 << (bit % 64)
	}
}

func (f filter) has(k store.ProofKey) bool {
	if f == nil {
		return false
	}
	for i := 0; i < len(k); i += 8 {
		bit := binary.LittleEndian.Uint64(k[i:]) % recallBits
		if f[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// recall is what is known of rows: two filters, of which the older one goes
// when all that it knows is gone. Without filters, it knows nothing.
type recall struct {
	whole       bool // the rows from before the start are in it
	now, before filter
	since       time.Time // of now
}

func (r *recall) init(now time.Time) { r.now, r.since = newFilter(), now }

func (r *recall) add(k store.ProofKey, now time.Time) {
	if r.now == nil {
		return
	}
	if now.Sub(r.since) > recallFor {
		r.before, r.now, r.since = r.now, newFilter(), now
	}
	r.now.add(k)
}

// isNew tells whether a proof certainly has no row.
func (r *recall) isNew(keys []store.ProofKey) bool {
	if !r.whole {
		return false
	}
	for _, k := range keys {
		if r.now.has(k) || r.before.has(k) {
			return false
		}
	}
	return true
}

// ProofKeys calls f with the keys of all proofs that have a row, of those that
// were there when it began; others may be among them.
type ProofKeys func(ctx context.Context, f func(store.ProofKey)) error

// recollect reads which proofs have rows. Until it is done, and where it failed,
// each is looked up.
func (s *Service) recollect(ctx context.Context) {
	err := s.o.ProofKeys(ctx, func(k store.ProofKey) {
		s.underway.mu.Lock()
		defer s.underway.mu.Unlock()
		s.underway.recall.add(k, s.o.Now())
	})
	if err != nil {
		if ctx.Err() == nil {
			s.o.Log.Warn("numberverify: proofs could not be read at the start, each is looked up", "error", err.Error())
		}
		return
	}
	s.underway.mu.Lock()
	defer s.underway.mu.Unlock()
	s.underway.recall.whole = true
}

// leftFor is how long a balance that a commit left counts as what an account has.
const leftFor = 100 * time.Millisecond

// left is an account's balance.
type left struct {
	available core.Credits
	at        time.Time
}
