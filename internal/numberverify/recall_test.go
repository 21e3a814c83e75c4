package numberverify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// newRecalling is a world of a process that knows which proofs have rows.
func newRecalling(t *testing.T) *world {
	w := newWorld(t, func(o *Options) {
		o.Alone = true
		o.ProofKeys = func(context.Context, func(store.ProofKey)) error { return nil }
	})
	w.topUp(t, w.app, rich-plenty)
	w.awaitRecall(t, w.Service)
	return w
}

func (w *world) awaitRecall(t *testing.T, s *Service) {
	t.Helper()
	eventually(t, "the rows of before are known", func() bool {
		s.underway.mu.Lock()
		defer s.underway.mu.Unlock()
		return s.underway.recall.whole
	})
}

// TestNewProofsAreNotLookedUp: one command each, once the balance is known; and
// what has a row is refused as ever, after a restart too.
func TestNewProofsAreNotLookedUp(t *testing.T) {
	w := newRecalling(t)
	first := w.proof()
	for i := range 10 {
		p, before := first, w.batcher.Stats().Commands
		if i > 0 {
			p = w.proof()
		}
		_, err := w.verify(t, p)
		wantOK(t, err)
		want := int64(1)
		if i == 0 { // nothing is known of the account yet
			want = 2
		}
		if have := w.batcher.Stats().Commands - before; have != want {
			t.Errorf("question %d took %d commands, want %d", i, have, want)
		}
	}
	w.wantMoney(t, rich-10*verifyPrice, 0, 10*verifyPrice)
	_, err := w.verify(t, first)
	wantError(t, err, ClassProof, "104201 token expired or used")
	reported := w.proof()
	_, err = w.Report(t.Context(), w.other, CarrierMobile, reported.Token.Reveal())
	wantOK(t, err)
	_, err = w.verify(t, reported)
	wantError(t, err, ClassProof, "104201 token expired or used")
	w.clock.advance(leftFor) // a balance is not believed for long
	before := w.batcher.Stats().Commands
	_, err = w.verify(t, w.proof())
	wantOK(t, err)
	if have := w.batcher.Stats().Commands - before; have != 2 {
		t.Errorf("%d commands with an old balance, want 2", have)
	}

	o := w.o
	o.ProofKeys = func(_ context.Context, f func(store.ProofKey)) error {
		for k := range w.memory.Rows().Proofs {
			f(k)
		}
		return nil
	}
	next := New(o)
	next.Start()
	defer next.Stop()
	w.awaitRecall(t, next)
	asked := w.gateway.count()
	_, err = next.Verify(t.Context(), VerifyRequest{App: w.app, Proof: first, Phone: zhang, Browser: "x"})
	wantError(t, err, ClassProof, "104201 token expired or used")
	if w.gateway.count() != asked {
		t.Error("the carrier was asked with a proof that was used before the restart")
	}
}

// TestProofReportedMeanwhile: a row that came after the look is found when the
// answer is recorded.
func TestProofReportedMeanwhile(t *testing.T) {
	w := newRecalling(t)
	p := w.proof()
	w.gateway.set(func(ctx context.Context, _ Question) (Answer, error) {
		_, err := w.Report(ctx, w.app, CarrierUnicom, p.Token.Reveal())
		return match, err
	})
	_, err := w.verify(t, p)
	wantOK(t, err)
	w.wantMoney(t, rich-verifyPrice, 0, verifyPrice)
	rows := w.memory.Rows().Proofs
	for _, row := range rows {
		if len(rows) != 1 || row.Check == 0 || row.Carrier != uint8(CarrierUnicom) {
			t.Errorf("%+v", rows)
		}
	}
}

// TestUnknownRowsAreLookedUp: while they are read, and where that failed.
func TestUnknownRowsAreLookedUp(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.Alone = true
		o.ProofKeys = func(context.Context, func(store.ProofKey)) error { return errors.New("the disk") }
	})
	w.topUp(t, w.app, rich-plenty)
	for range 3 {
		before := w.batcher.Stats().Commands
		_, err := w.verify(t, w.proof())
		wantOK(t, err)
		if have := w.batcher.Stats().Commands - before; have != 2 {
			t.Errorf("%d commands, want 2", have)
		}
	}
}

// TestBalanceSpentElsewhere: a balance of a moment ago that others spent since
// withholds the answer; nobody pays with what is not there.
func TestBalanceSpentElsewhere(t *testing.T) {
	w := newRecalling(t)
	_, err := w.verify(t, w.proof())
	wantOK(t, err)
	payer := billing.PayerOf(w.app.Tenant, w.app.ID, false, core.PoolGeneral)
	wantOK(t, w.batcher.Do(t.Context(), &drain{ids: w.o.IDs, payer: payer, amount: rich - verifyPrice}))
	p := w.proof()
	_, err = w.verify(t, p)
	wantError(t, err, ClassDebit, " deduction failed")
	if have := w.balance(w.app, billing.Available); have != 0 {
		t.Errorf("%d is left", have)
	}
	_, err = w.verify(t, p)
	if err == nil {
		t.Error("the proof serves again")
	}
}

// drain spends all that an app has.
type drain struct {
	ids    *core.IDs
	payer  billing.Payer
	amount core.Credits
}

func (c *drain) Want(b *store.Batch) { billing.Want(b, c.payer) }

func (c *drain) Decide(b *store.Batch) error {
	return billing.Reserve(b, c.ids, c.payer, c.amount, 1)
}

// TestFilter: it forgets nothing while rows are kept, and little is taken for
// known that is not.
func TestFilter(t *testing.T) {
	key := func(i uint32) store.ProofKey { return sha256.Sum256(binary.BigEndian.AppendUint32(nil, i)) }
	var r recall
	r.init(epoch)
	r.whole = true
	const n = 10_000
	for i := range uint32(n) {
		r.add(key(i), epoch)
	}
	for _, at := range []time.Duration{0, recallFor + 1, recallFor + ProofKept} {
		r.add(key(n), epoch.Add(at))
		for i := range uint32(n) {
			if r.isNew([]store.ProofKey{key(n + 1 + i), key(i)}) {
				t.Fatalf("key %d is forgotten after %v", i, at)
			}
		}
	}
	false0 := 0
	for i := range uint32(n) {
		if !r.isNew([]store.ProofKey{key(n + 1 + i)}) {
			false0++
		}
	}
	if false0 > 1 {
		t.Errorf("%d of %d are taken for known", false0, n)
	}
	r.add(key(n), epoch.Add(2*recallFor+2))
	if !r.isNew([]store.ProofKey{key(0)}) {
		t.Error("what is gone for long is known for ever")
	}
}

// TestAnswersGather: what is answered together goes to the disk together, and
// nobody waits for what does not come.
func TestAnswersGather(t *testing.T) {
	w := newRecalling(t)
	_, err := w.verify(t, w.proof())
	wantOK(t, err)
	const n = 32
	var ready, done sync.WaitGroup
	ready.Add(n)
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		ready.Done()
		ready.Wait()
		return match, nil
	})
	before := w.batcher.Stats().Batches
	for range n {
		p := w.proof()
		done.Go(func() {
			if _, err := w.verify(t, p); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if have := w.batcher.Stats().Batches - before; have > n/2 {
		t.Errorf("%d commits for %d answers", have, n)
	}
	w.wantMoney(t, rich-(n+1)*verifyPrice, 0, (n+1)*verifyPrice)
}
