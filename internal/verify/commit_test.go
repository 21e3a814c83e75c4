package verify

import (
	"testing"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// together is a world whose batches are put together by the test.
func together(t *testing.T) (*world, *storetest.Gate) {
	t.Helper()
	var gate *storetest.Gate
	w := newEmptyWorld(t, setting{engine: onDisk(t, t.TempDir()), wrap: func(e store.Engine) store.Engine {
		gate = storetest.NewGate(e)
		return gate
	}})
	w.app.ImportedUsers, w.app.LoginPrice = true, 7
	return w, gate
}

// one runs a command in a commit of its own.
func one(t *testing.T, w *world, gate *storetest.Gate, c store.Command) {
	t.Helper()
	if err := gate.Together(t, w.batcher, c)[0]; err != nil {
		t.Fatal(err)
	}
}

// sendThrough stores a code without the outbox.
func sendThrough(t *testing.T, w *world, gate *storetest.Gate, a *tenant.App) core.Code {
	t.Helper()
	c, out, err := w.prepare(&StartRequest{App: a, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS}, w.clock.now())
	wantOK(t, err)
	one(t, w, gate, c)
	return codeIn(out.Text)
}

func answerOf(t *testing.T, w *world, a *tenant.App, code core.Code) *checkCode {
	t.Helper()
	c, err := w.check(LoginRequest{App: a, Phone: phone, Code: code})
	wantOK(t, err)
	return c
}

// TestInOneCommit: what conflicts inside one commit is decided like one after
// the other.
func TestInOneCommit(t *testing.T) {
	w, gate := together(t)
	second := newApp(3)
	second.ImportedUsers = true
	for _, a := range []*tenant.App{w.app, second} {
		one(t, w, gate, &billing.TopUp{IDs: w.ids, Payer: payerOf(a, core.PoolGeneral), Amount: 1000})
	}

	t.Run("two apps register one number", func(t *testing.T) {
		first, other := answerOf(t, w, w.app, sendThrough(t, w, gate, w.app)), answerOf(t, w, second, sendThrough(t, w, gate, second))
		for _, err := range gate.Together(t, w.batcher, first, other) {
			wantOK(t, err)
		}
		if first.verdict != verified || other.verdict != verified || !first.isNew || other.isNew || first.user.ID != other.user.ID {
			t.Errorf("verdicts %d and %d, users %d and %d", first.verdict, other.verdict, first.user.ID, other.user.ID)
		}
	})
	t.Run("the right code twice", func(t *testing.T) {
		code := sendThrough(t, w, gate, w.app)
		first, again := answerOf(t, w, w.app, code), answerOf(t, w, w.app, code)
		for _, err := range gate.Together(t, w.batcher, first, again) {
			wantOK(t, err)
		}
		if first.verdict != verified || again.verdict != wrong {
			t.Errorf("verdicts %d and %d, want verified, then wrong", first.verdict, again.verdict)
		}
	})
	t.Run("a new code and the old one", func(t *testing.T) {
		old := sendThrough(t, w, gate, w.app)
		c, _, err := w.prepare(&StartRequest{App: w.app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS}, w.clock.now())
		wantOK(t, err)
		late := answerOf(t, w, w.app, old)
		for _, err := range gate.Together(t, w.batcher, c, late) {
			wantOK(t, err)
		}
		if late.verdict != wrong {
			t.Errorf("the old code is %d, want wrong", late.verdict)
		}
	})
	t.Run("the last credits", func(t *testing.T) {
		code, elsewhere := sendThrough(t, w, gate, w.app), sendThrough(t, w, gate, second)
		var balance core.Credits
		err := w.engine.View(t.Context(), func(q store.SQL) error {
			return q.Query(t.Context(), "SELECT balance FROM account WHERE id = $1", func(r store.Scanner) error { return r.Scan((*int64)(&balance)) },
				int64(billing.Account(billing.OwnerApp(2), core.PoolGeneral, billing.Available)))
		})
		wantOK(t, err)
		one(t, w, gate, &billing.TopUp{IDs: w.ids, Payer: payerOf(w.app, core.PoolGeneral), Amount: 6 - balance})
		unpaid, paid := answerOf(t, w, w.app, code), answerOf(t, w, second, elsewhere)
		errs := gate.Together(t, w.batcher, unpaid, paid)
		wantKind(t, errs[0], core.KindInsufficientBalance) // and does not spoil its neighbour
		wantOK(t, errs[1])
		if paid.verdict != verified {
			t.Errorf("the neighbour is %d", paid.verdict)
		}
	})
}
