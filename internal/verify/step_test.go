package verify

import (
	"context"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// planned gives the app a plan of two texts and a call.
func planned(a *tenant.App) {
	a.Plan = []tenant.PlanStep{{Channel: core.ChannelSMS}, {Channel: core.ChannelSMS, Route: "other", After: 30 * time.Second},
		{Channel: core.ChannelVoice, After: 30 * time.Second}}
	a.VoicePrice = 7
}

func (w *world) step(n int) (bool, error) {
	return w.Step(context.Background(), StepRequest{App: w.app, Message: w.phones.sent[len(w.phones.sent)-1].Row.ID, Number: n})
}

func (w *world) mustStep(t *testing.T, n int) core.Code {
	t.Helper()
	sent, err := w.step(n)
	if err != nil || !sent {
		t.Fatalf("step %d: sent %v, %v", n, sent, err)
	}
	return w.phones.last(t)
}

// TestReq07_AStepOfThePlanOverwritesTheCode: under the same id, with a life of
// its own; the older digits are void.
func TestReq07_AStepOfThePlanOverwritesTheCode(t *testing.T) {
	w := newWorld(t, setting{edit: planned})
	first := w.send(t, phone)
	id := w.phones.sent[0].Row.Verification
	w.clock.advance(30 * time.Second)
	second := w.mustStep(t, 1)
	w.clock.advance(30 * time.Second)
	third := w.mustStep(t, 2)
	rows := w.rows()
	if len(rows.Verifications) != 1 || len(rows.Messages) != 3 {
		t.Fatalf("%d codes, %d messages", len(rows.Verifications), len(rows.Messages))
	}
	last := w.phones.sent[2].Row
	v := rows.Verifications[id]
	if last.Verification != id || v.Message != last.ID || v.Channel != core.ChannelVoice || last.Channel != core.ChannelVoice || last.Price != 7 ||
		v.Expires != store.At(w.clock.now().Add(5*time.Minute+RingTime)) || outbox.PlanStep(&last) != 2 {
		t.Errorf("%+v, %+v", v, last)
	}
	if got := w.balance(billing.Held); got != 5+5+7 {
		t.Errorf("%d credits held", got)
	}
	checkLedger(t, rows)
	for _, void := range []core.Code{first, second} {
		if void == third {
			continue
		}
		_, err := w.login(phone, void)
		wantKind(t, err, core.KindWrongCode)
	}
	_, err := w.login(phone, third)
	wantOK(t, err)
}

// TestReq05_AStepOfThePlanKeepsTheCounters: five wrong tries are five, over all
// digits of a code, and those of the number go on.
func TestReq05_AStepOfThePlanKeepsTheCounters(t *testing.T) {
	w := newWorld(t, setting{edit: planned})
	code := w.send(t, phone)
	for range 3 {
		_, err := w.login(phone, wrongOf(code))
		wantKind(t, err, core.KindWrongCode)
	}
	w.clock.advance(30 * time.Second)
	code = w.mustStep(t, 1)
	for range 2 {
		_, err := w.login(phone, wrongOf(code))
		wantKind(t, err, core.KindWrongCode)
	}
	_, err := w.login(phone, code)
	wantKind(t, err, core.KindWrongCode) // the fifth wrong try killed it
	for _, f := range w.rows().Failures {
		if f.Total != 5 {
			t.Errorf("%d wrong tries counted, want 5", f.Total)
		}
	}
	w.clock.advance(time.Second)
	if sent, err := w.step(2); sent || err != nil {
		t.Errorf("a dead code goes out again: %v, %v", sent, err)
	}
}

// TestAStepStopsAsSoonAsTheCodeIsEntered: and when it expired, or was replaced
// by a newer one, or went on by another node.
func TestAStepStopsAsSoonAsTheCodeIsEntered(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *world, core.Code){
		"entered":  func(t *testing.T, w *world, c core.Code) { _, err := w.login(phone, c); wantOK(t, err) },
		"expired":  func(_ *testing.T, w *world, _ core.Code) { w.clock.advance(5 * time.Minute) },
		"replaced": func(t *testing.T, w *world, _ core.Code) { w.send(t, phone) },
		"went on":  func(t *testing.T, w *world, _ core.Code) { w.mustStep(t, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{edit: planned})
			code := w.send(t, phone)
			first := w.phones.sent[0].Row.ID
			end(t, w, code)
			before, held := w.phones.count(), w.balance(billing.Held)
			sent, err := w.Step(context.Background(), StepRequest{App: w.app, Message: first, Number: 1})
			if sent || err != nil || w.phones.count() != before || w.balance(billing.Held) != held {
				t.Errorf("sent %v, %v", sent, err)
			}
		})
	}
}

// TestAStepPassesNoLimit: what a person may ask for, the plan may send.
func TestAStepPassesNoLimit(t *testing.T) {
	w := newWorld(t, setting{edit: func(a *tenant.App) { planned(a); withLimits(a) }})
	w.send(t, phone)
	w.clock.advance(30 * time.Second)
	_, err := w.step(1)
	wantKind(t, err, core.KindRateLimited)
	if e := core.AsError(err); e.RetryAfter <= 0 || e.RetryAfter > 30*time.Second {
		t.Errorf("try again in %v", e.RetryAfter)
	}
	w.clock.advance(core.AsError(err).RetryAfter)
	w.mustStep(t, 1)

	poor := newEmptyWorld(t, setting{edit: planned})
	poor.topUp(t, 5)
	poor.send(t, phone)
	_, err = poor.step(1)
	wantKind(t, err, core.KindInsufficientBalance)
	checkLedger(t, poor.rows())
}

// TestAStepHeedsTheLock: a number that is locked after wrong tries gets no code.
func TestAStepHeedsTheLock(t *testing.T) {
	policy := guard.DefaultFailurePolicy()
	w := newWorld(t, setting{edit: planned, policy: &policy})
	code := w.send(t, phone)
	for range 4 {
		_, _ = w.login(phone, wrongOf(code))
	}
	lockAll(w)
	_, err := w.step(1)
	wantKind(t, err, core.KindLocked)
}

// lockAll locks every number that somebody failed at.
func lockAll(w *world) {
	rows := w.rows()
	w.batcher.Do(context.Background(), &relock{rows.Failures, store.At(w.clock.now().Add(time.Hour))})
}

type relock struct {
	failures map[core.FailureID]store.Failure
	until    store.Time
}

func (c *relock) Want(b *store.Batch) {
	for id := range c.failures {
		b.Failures.Want(id)
	}
}

func (c *relock) Decide(b *store.Batch) error {
	for _, f := range c.failures {
		f.LockedUntil = c.until
		b.PutFailure(f)
	}
	return nil
}

// TestAStepWithdrawsWhatStillWaits: a message that no provider took yet would
// bring void digits.
func TestAStepWithdrawsWhatStillWaits(t *testing.T) {
	w := newWorld(t, setting{edit: planned})
	w.send(t, phone)
	row := w.phones.sent[0].Row
	w.do(t, &outbox.RecordOutcomes{IDs: w.ids, Lease: time.Second, Hold: time.Second,
		Outcomes: []outbox.Outcome{{Outcome: provider.Outcome{Class: provider.NotSent}, Message: row.ID, Node: row.Node, Attempt: 1}}})
	w.clock.advance(30 * time.Second)
	w.mustStep(t, 1)
	rows := w.rows()
	if m := rows.Messages[row.ID]; m.State != store.MessageExpired || m.Money != store.MoneyRefunded || m.Body != nil {
		t.Errorf("%+v", m)
	}
	if got := w.balance(billing.Held); got != 5 {
		t.Errorf("%d credits held", got)
	}
	checkLedger(t, rows)
}
