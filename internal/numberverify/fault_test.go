package numberverify

import (
	"context"
	"errors"
	"testing"
	"time"

	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

// faultPairs are the ways in which a commit ends badly.
var faultPairs = []struct {
	name  string
	fault storetest.Fault
}{
	{"begin", storetest.FailBegin}, {"load", storetest.FailLoad}, {"write", storetest.FailWrite},
	{"commit, known lost", storetest.FailCommit}, {"fail and not persist", storetest.FailCommitLost}, {"fail but persist", storetest.FailCommitKept},
}

// TestReq33_FaultsBeforeTheQuestion: nobody is asked before the reservation is
// on disk; what was kept of it is given back.
func TestReq33_FaultsBeforeTheQuestion(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			p := w.proof()
			w.faulty.Inject(c.fault)
			_, err := w.verify(t, p)
			wantKind(t, err, core.KindInternal)
			if w.gateway.count() != 0 {
				t.Error("the carrier was asked without a reservation on disk")
			}
			eventually(t, "given back", func() bool { return w.Withheld() == 0 })
			w.wantMoney(t, plenty, 0, 0)
			_, err = w.verify(t, p)
			if c.fault == storetest.FailCommitKept {
				wantError(t, err, ClassProof, "104201 token expired or used")
				return
			}
			wantOK(t, err)
			w.wantMoney(t, plenty-verifyPrice, 0, verifyPrice)
		})
	}
}

// TestReq33_FaultsOfTheCharge: an answer whose charge failed, or may have failed, is
// withheld and costs nothing (contracts/submail.md §3.3 step 24).
func TestReq33_FaultsOfTheCharge(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.gateway.set(func(context.Context, Question) (Answer, error) {
				w.faulty.Inject(c.fault)
				return match, nil
			})
			v, err := w.verify(t, w.proof())
			wantError(t, err, ClassLedger, " credit deduction log failed")
			if v != (Verified{}) {
				t.Errorf("the answer is not withheld: %+v", v)
			}
			eventually(t, "given back", func() bool { return w.Withheld() == 0 })
			w.wantMoney(t, plenty, 0, 0)
			if row := w.only(t); row.State != store.NumberCheckWithheld || row.Money != store.MoneyRefunded || row.Due != 0 {
				t.Errorf("%+v", row)
			}
		})
	}
}

// TestReq33_StoreStaysAway: what can not be given back yet is, later.
func TestReq33_StoreStaysAway(t *testing.T) {
	w := newWorld(t, nil)
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		w.faulty.Inject(storetest.FailCommitKept, storetest.FailBegin, storetest.FailCommitLost)
		return mismatch, nil
	})
	_, err := w.verify(t, w.proof())
	wantError(t, err, ClassLedger, " credit deduction log failed")
	eventually(t, "given back", func() bool { return w.Withheld() == 0 && w.faulty.Pending() == 0 })
	w.wantMoney(t, plenty, 0, 0)
}

// TestDeductionFailed is step 23: the reservation is gone when the carrier
// answers at last.
func TestDeductionFailed(t *testing.T) {
	w := newWorld(t, nil)
	w.gateway.set(func(ctx context.Context, _ Question) (Answer, error) {
		w.clock.advance(61 * time.Second)
		for id := range w.memory.Rows().NumberChecks {
			if err := w.Lapse(ctx, []core.NumberCheckID{id}); err != nil {
				t.Error(err)
			}
		}
		return match, nil
	})
	v, err := w.verify(t, w.proof())
	wantError(t, err, ClassDebit, " deduction failed")
	if v != (Verified{}) {
		t.Errorf("the answer is not withheld: %+v", v)
	}
	eventually(t, "nothing waits", func() bool { return w.Withheld() == 0 })
	w.wantMoney(t, plenty, 0, 0)
}

// TestReq33_FaultsOfTheRefund: the carrier's error is told, and the price comes back.
func TestReq33_FaultsOfTheRefund(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.gateway.set(func(context.Context, Question) (Answer, error) {
				w.faulty.Inject(c.fault)
				return Answer{}, &Error{Class: ClassProof, Code: "606", Desc: "token check failed", Sent: true}
			})
			_, err := w.verify(t, w.proof())
			wantError(t, err, ClassProof, "606 token check failed")
			eventually(t, "given back", func() bool { return w.Withheld() == 0 })
			w.wantMoney(t, plenty, 0, 0)
		})
	}
}

// TestReq33_Crash: what a crash left reserved lapses a minute after it was
// asked, not before.
func TestReq33_Crash(t *testing.T) {
	w := newWorld(t, nil)
	q := &question{app: w.app, proof: w.proof(), kind: kindVerify, price: verifyPrice, carrier: CarrierMobile, ask: Question{Phone: zhang}}
	q.keys = w.keysOf(q.proof.Token)
	row, err := w.begin(t.Context(), q)
	wantOK(t, err)
	all := []core.NumberCheckID{row.ID, 12345}
	w.clock.advance(time.Minute - 1)
	wantOK(t, w.Lapse(t.Context(), all))
	w.wantMoney(t, plenty-verifyPrice, verifyPrice, 0)
	w.clock.advance(1)
	for range 2 {
		wantOK(t, w.Lapse(t.Context(), all))
		w.wantMoney(t, plenty, 0, 0)
	}
	if row := w.only(t); row.State != store.NumberCheckFailed {
		t.Errorf("%+v", row)
	}
}

// TestReq36_DeadGatewayTrips: contracts/carriers.md §1: ten failures in 30 s; a
// caller waits no longer than the time limit, and after that not at all.
func TestReq36_DeadGatewayTrips(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limit = 20 * time.Millisecond })
	w.gateway.set(func(ctx context.Context, _ Question) (Answer, error) {
		<-ctx.Done()
		return Answer{}, ErrTimeout(true)
	})
	tripped := 0
	for i := range 20 {
		_, err := w.verify(t, w.proof())
		e, ok := AsError(err)
		if !ok {
			t.Fatal(err)
		}
		if e.Code == CodeOpen {
			tripped = i
			break
		}
		wantError(t, err, ClassTimeout, " no answer")
	}
	if tripped != 10 || w.gateway.count() != 10 {
		t.Fatalf("tripped after %d calls, the gateway was asked %d times; want 10", tripped, w.gateway.count())
	}
	// Open: nothing is burnt or charged, and what the caller would be refused for comes first.
	p := w.proof()
	_, err := w.verify(t, p)
	wantError(t, err, ClassCarrier, "602 carrier circuit open")
	if s := w.Stats(); len(s.Gateways) != 1 || s.Gateways[0].Breaker != breaker.Open || s.Gateways[0].Opened != 1 || s.Gateways[0].Answered != 0 ||
		s.Gateways[0].Failed[ClassTimeout] != 10 || s.Withheld != 0 {
		t.Errorf("%+v", s)
	}
	used := Proof{Token: core.NewSecret("told"), Number: zhang}
	_, err = w.verify(t, used)
	wantOK(t, err)
	_, err = w.verify(t, Proof{Token: used.Token})
	wantError(t, err, ClassProof, "104201 token expired or used")
	w.topUp(t, w.app, -w.balance(w.app, 1))
	_, err = w.verify(t, p)
	wantKind(t, err, core.KindInsufficientBalance)
	w.topUp(t, w.app, plenty)
	// Half-open: one probe at a time; its answer closes it.
	w.clock.advance(15 * time.Second)
	asking, answer := make(chan struct{}), make(chan struct{})
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		close(asking)
		<-answer
		return match, nil
	})
	errs := make(chan error, 1)
	go func() {
		_, err := w.verify(t, p)
		errs <- err
	}()
	<-asking
	_, err = w.verify(t, w.proof())
	wantError(t, err, ClassCarrier, "602 carrier circuit open")
	close(answer)
	wantOK(t, <-errs)
	w.gateway.set(always(match, nil))
	_, err = w.verify(t, w.proof())
	wantOK(t, err)
	w.gateway.set(always(Answer{}, &Error{Class: ClassProof, Code: "606", Desc: "token check failed", Sent: true}))
	_, err = w.verify(t, w.proof())
	wantError(t, err, ClassProof, "606 token check failed")
	s := w.Stats().Gateways[0]
	if _, shown := s.Failed[ClassCaller]; s.Breaker != breaker.Closed || s.Opened != 1 || s.Answered != 2 || s.Failed[ClassProof] != 1 || !shown {
		t.Errorf("%+v", s)
	}
}

// TestReq36_CarriersOwnErrorsTrip, and answers about proofs do not.
func TestReq36_CarriersOwnErrorsTrip(t *testing.T) {
	for _, c := range []struct {
		err   *Error
		trips bool
	}{
		{&Error{Class: ClassCarrier, Code: "999", Desc: "system error", Sent: true}, true}, {ErrUnreadable(), true}, {ErrTimeout(false), true},
		{&Error{Class: ClassProof, Code: "606", Desc: "token check failed", Sent: true}, false},
		{&Error{Class: ClassCaller, Code: "302", Desc: "signature error", Sent: true}, false},
		{&Error{Class: ClassQuota, Code: "102315", Desc: "quota used up", Sent: true}, false},
	} {
		w := newWorld(t, nil)
		w.gateway.set(always(Answer{}, c.err))
		for range 10 {
			_, err := w.verify(t, w.proof())
			wantError(t, err, c.err.Class, c.err.Code+" "+c.err.Desc)
		}
		_, err := w.verify(t, w.proof())
		if e, _ := AsError(err); (e.Code == CodeOpen) != c.trips {
			t.Errorf("%v: then %v", c.err, err)
		}
	}
}

// TestReq36_NextGateway: where no byte left, the next gateway is asked in the
// same call; where one may have, nobody is (the proof serves once).
func TestReq36_NextGateway(t *testing.T) {
	second := &scripted{name: "second", can: everyone, act: always(match, nil)}
	w := newWorld(t, func(o *Options) { o.Routes = append(o.Routes, Route{Gateway: second}) })
	w.gateway.set(always(Answer{}, ErrTimeout(false)))
	for range 10 {
		_, err := w.verify(t, w.proof())
		wantOK(t, err)
	}
	if w.gateway.count() != 10 || second.count() != 10 {
		t.Errorf("asked %d and %d times", w.gateway.count(), second.count())
	}
	_, err := w.verify(t, w.proof()) // the first one rests
	wantOK(t, err)
	if w.gateway.count() != 10 || second.count() != 11 {
		t.Errorf("asked %d and %d times", w.gateway.count(), second.count())
	}
	w = newWorld(t, func(o *Options) { o.Routes = append(o.Routes, Route{Gateway: second}) })
	w.gateway.set(always(Answer{}, ErrTimeout(true)))
	_, err = w.verify(t, w.proof())
	wantError(t, err, ClassTimeout, " no answer")
	if second.count() != 11 {
		t.Error("a proof was sent to two carriers")
	}
}

// TestGatewayThatReturnsNonsense is answered as unreadable or late.
func TestGatewayThatReturnsNonsense(t *testing.T) {
	for _, c := range []struct {
		act  func(context.Context, Question) (Answer, error)
		want Class
	}{
		{always(Answer{}, nil), ClassCarrier},
		{always(Answer{Outcome: OutcomeNumber, Phone: zhang}, nil), ClassCarrier},
		{always(Answer{}, errors.New("anything")), ClassCarrier},
		{always(Answer{}, context.DeadlineExceeded), ClassTimeout},
	} {
		w := newWorld(t, nil)
		w.gateway.set(c.act)
		_, err := w.verify(t, w.proof())
		if e, ok := AsError(err); !ok || e.Class != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
		w.wantMoney(t, plenty, 0, 0)
	}
}
