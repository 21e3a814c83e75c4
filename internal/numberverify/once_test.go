package numberverify

import (
	"testing"

	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/store/storetest"
)

// TestReq32_AnswerWithTheCharge: the answer is noted in the commit of the
// charge, or of the refund; a repetition asks nobody and costs nothing.
func TestReq32_AnswerWithTheCharge(t *testing.T) {
	for _, c := range []struct {
		name string
		err  *Error
		body string
	}{{"an answer", nil, "identical"}, {"an error", &Error{Class: ClassProof, Code: "606", Desc: "token check failed", Sent: true}, "606"}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			if c.err != nil {
				w.gateway.set(always(Answer{}, c.err))
			}
			calls := idempotency.New(idempotency.Options{Store: w.batcher, Keys: w.o.Ring, IDs: w.o.IDs, Node: 1})
			p := w.proof()
			begin := func() *idempotency.Call {
				call, err := calls.Begin(t.Context(), idempotency.Request{Scope: "app 1", Key: []string{"k"}, Call: "/vfmobile/verify", Body: []byte("b")})
				wantOK(t, err)
				return call
			}
			call := begin()
			if _, _, replayed := call.Replayed(); replayed {
				t.Fatal("replayed what never was")
			}
			_, err := w.Verify(t.Context(), VerifyRequest{App: w.app, Proof: p, Phone: zhang, Call: call, Answer: func(v Verified, err error) (int, []byte) {
				if e, ok := AsError(err); ok {
					return 200, []byte(e.Code)
				}
				if v.ID == 0 || !v.Identical {
					t.Errorf("%+v", v)
				}
				return 200, []byte("identical")
			}})
			if (err != nil) != (c.err != nil) {
				t.Error(err)
			}
			call.End()
			again := begin()
			defer again.End()
			if status, body, replayed := again.Replayed(); !replayed || status != 200 || string(body) != c.body {
				t.Errorf("%v %d %q, want %q", replayed, status, body, c.body)
			}
			if w.gateway.count() != 1 {
				t.Error("asked twice")
			}
		})
	}
}

// TestReq32_NotNotedWithoutTheCharge: a charge that failed, or that is given back
// since nobody knew whether it was written, leaves no answer to be repeated.
func TestReq32_NotNotedWithoutTheCharge(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.FailCommit, storetest.FailCommitLost, storetest.FailCommitKept} {
		for _, alone := range []bool{false, true} {
			w := newWorld(t, func(o *Options) { o.Alone = alone })
			w.topUp(t, w.app, 9*plenty) // Alone reserves nothing first then
			calls := idempotency.New(idempotency.Options{Store: w.batcher, Keys: w.o.Ring, IDs: w.o.IDs, Node: 1})
			request := idempotency.Request{Scope: "app 1", Key: []string{"k"}, Call: "/vfmobile/verify", Body: []byte("b")}
			call, err := calls.Begin(t.Context(), request)
			wantOK(t, err)
			w.faulty.Inject(storetest.FailNothing, fault)
			_, err = w.Verify(t.Context(), VerifyRequest{App: w.app, Proof: w.proof(), Phone: zhang, Call: call,
				Answer: func(Verified, error) (int, []byte) { return 200, []byte("identical") }})
			wantError(t, err, ClassLedger, " credit deduction log failed")
			call.End()
			eventually(t, "given back", func() bool { return w.Withheld() == 0 })
			again, err := calls.Begin(t.Context(), request)
			wantOK(t, err)
			if _, _, replayed := again.Replayed(); replayed {
				t.Errorf("fault %d, alone %v: an answer is repeated that was never charged, or whose charge was given back", fault, alone)
			}
			again.End()
			w.wantMoney(t, 10*plenty, 0, 0)
		}
	}
}
