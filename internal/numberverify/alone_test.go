package numberverify

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

// rich is enough for questions without a reservation on disk.
const rich core.Credits = 1_000_000

// newAlone is a world whose process has the store for itself, and an app with
// plenty of credit.
func newAlone(t *testing.T) *world {
	w := newWorld(t, func(o *Options) { o.Alone = true })
	w.topUp(t, w.app, rich-plenty)
	return w
}

// TestReq31_OneUseInOneCommit: of many callers with one proof one is answered;
// the carrier is asked once, and that before anything is on disk. What is
// answered then is: burnt, charged, noted, in one commit.
func TestReq31_OneUseInOneCommit(t *testing.T) {
	w := newAlone(t)
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		if rows := w.memory.Rows(); len(rows.NumberChecks) != 0 || len(rows.Proofs) != 0 {
			t.Error("something was written before the carrier answered")
		}
		return match, nil
	})
	p := w.proof()
	var right, used atomic.Int32
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			v, err := w.verify(t, p)
			if e, ok := AsError(err); ok && e.Code == CodeProof {
				used.Add(1)
			} else if err == nil && v.Identical {
				right.Add(1)
			}
		})
	}
	wg.Wait()
	if right.Load() != 1 || used.Load() != 39 || w.gateway.count() != 1 {
		t.Errorf("%d answered, %d refused, the carrier was asked %d times", right.Load(), used.Load(), w.gateway.count())
	}
	w.wantMoney(t, rich-verifyPrice, 0, verifyPrice)
	if row := w.only(t); row.State != store.NumberCheckMatch || row.Money != store.MoneySettled || row.Due != 0 || row.Price != verifyPrice {
		t.Errorf("%+v", row)
	}
	// Another app's proof is refused without the carrier, and so is a dead one.
	reported := w.proof()
	wantOK(t, w.Note(t.Context(), CarrierMobile, reported.Token, time.Minute))
	w.clock.advance(time.Minute)
	_, err := w.verify(t, reported)
	wantError(t, err, ClassProof, "104201 token expired or used")
	foreign := w.proof()
	_, err = w.Report(t.Context(), w.other, CarrierMobile, foreign.Token.Reveal())
	wantOK(t, err)
	_, err = w.verify(t, foreign)
	wantError(t, err, ClassProof, "104201 token expired or used")
	if w.gateway.count() != 1 {
		t.Error("the carrier was asked with a proof that is not the app's")
	}
}

// TestReq31_ErrorBurns: a carrier's error costs nothing, and the proof is used.
func TestReq31_ErrorBurns(t *testing.T) {
	w := newAlone(t)
	w.gateway.set(always(Answer{}, &Error{Class: ClassCarrier, Code: "999", Desc: "system error", Sent: true}))
	p := w.proof()
	_, err := w.verify(t, p)
	wantError(t, err, ClassCarrier, "999 system error")
	w.gateway.set(always(match, nil))
	_, err = w.verify(t, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
	w.wantMoney(t, rich, 0, 0)
	if row := w.only(t); row.State != store.NumberCheckFailed || row.Money != store.MoneyNone || row.Price != 0 || row.Code != "999" {
		t.Errorf("%+v", row)
	}
}

// TestReq33_FaultsOfTheOnlyCommit: both directions of each fault, after the
// carrier answered: withheld, nothing charged. A store that can not be read asks
// nobody.
func TestReq33_FaultsOfTheOnlyCommit(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			w := newAlone(t)
			w.gateway.set(func(context.Context, Question) (Answer, error) {
				w.faulty.Inject(c.fault)
				return match, nil
			})
			p := w.proof()
			v, err := w.verify(t, p)
			wantError(t, err, ClassLedger, " credit deduction log failed")
			if v != (Verified{}) {
				t.Errorf("the answer is not withheld: %+v", v)
			}
			eventually(t, "given back", func() bool { return w.Withheld() == 0 })
			w.wantMoney(t, rich, 0, 0)
			if c.fault == storetest.FailCommitKept {
				if row := w.only(t); row.State != store.NumberCheckWithheld || row.Money != store.MoneyRefunded {
					t.Errorf("%+v", row)
				}
			} else if n := len(w.memory.Rows().NumberChecks); n != 0 {
				t.Errorf("%d checks on disk", n)
			}
		})
	}
	w := newAlone(t)
	w.faulty.Inject(storetest.FailLoad)
	_, err := w.verify(t, w.proof())
	wantKind(t, err, core.KindInternal)
	if w.gateway.count() != 0 {
		t.Error("asked without a look at the balance")
	}
}

// TestDeductionFailedInOneCommit is step 23 where nothing was reserved: the
// money went elsewhere while the carrier was asked.
func TestDeductionFailedInOneCommit(t *testing.T) {
	w := newAlone(t)
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		w.topUp(t, w.app, -rich)
		return match, nil
	})
	p := w.proof()
	_, err := w.verify(t, p)
	wantError(t, err, ClassDebit, " deduction failed")
	w.wantMoney(t, 0, 0, 0)
	if row := w.only(t); row.State != store.NumberCheckWithheld || row.Money != store.MoneyNone || row.Price != 0 {
		t.Errorf("%+v", row)
	}
	w.topUp(t, w.app, rich)
	_, err = w.verify(t, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
}

// TestShortBalanceReservesFirst: where the account has less than a thousand
// questions left, the last unit is never promised twice: contracts/submail.md
// §10 row 8.
func TestShortBalanceReservesFirst(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Alone = true })
	w.topUp(t, w.app, verifyPrice-plenty) // for one
	asking, answer := make(chan struct{}), make(chan struct{})
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		close(asking)
		<-answer
		return match, nil
	})
	errs := make(chan error, 1)
	first, second := w.proof(), w.proof()
	go func() {
		_, err := w.verify(t, first)
		errs <- err
	}()
	<-asking
	w.wantMoney(t, 0, verifyPrice, 0)
	_, err := w.verify(t, second)
	wantKind(t, err, core.KindInsufficientBalance)
	close(answer)
	wantOK(t, <-errs)
	w.wantMoney(t, 0, 0, verifyPrice)
}

// TestFreeInOneCommit: without a price no account is looked at, and an app
// without one is answered; also while every gateway rests.
func TestFreeInOneCommit(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Alone = true })
	w.topUp(t, w.app, -plenty)
	w.app.VerifyPrice = 0
	_, err := w.verify(t, w.proof())
	wantOK(t, err)
	if row := w.only(t); row.Money != store.MoneyNone || row.Price != 0 || row.State != store.NumberCheckMatch {
		t.Errorf("%+v", row)
	}
	w.gateway.set(always(Answer{}, ErrUnreadable()))
	for range 10 {
		_, err = w.verify(t, w.proof())
		wantError(t, err, ClassCarrier, "603 carrier answer unreadable")
	}
	_, err = w.verify(t, w.proof())
	wantError(t, err, ClassCarrier, "602 carrier circuit open")
}

// TestReportsAreShort: a report that nobody uses is kept ten minutes behind the
// proof's life; a proof that was used, for 25 hours, however it was reported.
func TestReportsAreShort(t *testing.T) {
	for _, alone := range []bool{false, true} {
		w := newWorld(t, func(o *Options) { o.Alone = alone })
		unused, used := w.proof(), w.proof()
		for _, p := range []Proof{unused, used} {
			_, err := w.Report(t.Context(), w.app, CarrierMobile, p.Token.Reveal())
			wantOK(t, err)
		}
		_, err := w.verify(t, used)
		wantOK(t, err)
		for _, c := range []struct {
			proof Proof
			kept  time.Duration
		}{{unused, 12 * time.Minute}, {used, 25 * time.Hour}} {
			if row := w.memory.Rows().Proofs[w.keysOf(c.proof.Token)[0]]; row.Until != store.At(epoch.Add(c.kept)) {
				t.Errorf("alone %v: kept until %v, want %v", alone, row.Until.Time(), epoch.Add(c.kept))
			}
		}
	}
}

// TestUnderwayIsForgotten: what ended leaves nothing behind.
func TestUnderwayIsForgotten(t *testing.T) {
	w := newAlone(t)
	for range 3 {
		_, err := w.verify(t, w.proof())
		wantOK(t, err)
	}
	if len(w.underway.proofs) != 0 || len(w.underway.prices) != 0 {
		t.Errorf("%d proofs, %v", len(w.underway.proofs), w.underway.prices)
	}
	u := &underway{}
	u.init()
	if !u.hold(7, 3, 3000) || u.hold(7, 3, 3000) || !u.hold(8, 0, 0) {
		t.Error("what is under way does not count against the balance")
	}
}
