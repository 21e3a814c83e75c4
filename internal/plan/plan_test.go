package plan

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// world is what a service sees: codes that wait, and what it had sent.
type world struct {
	now     time.Time
	app     *tenant.App
	waiting []store.Message
	steps   []verify.StepRequest
	answer  func(n int) error // to the n-th step from 0; nil: sent
	unable  core.Channel
	broken  error
	asked   int
}

func newWorld(steps ...string) *world {
	plan, err := tenant.ParsePlan(steps, 5*time.Minute)
	if err != nil {
		panic(err)
	}
	return &world{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), app: &tenant.App{ID: 3, Plan: plan}}
}

func (w *world) service() *Service {
	return New(Options{Node: 1, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
		Apps: func() []*tenant.App { return []*tenant.App{w.app} },
		App:  func(id core.AppID) (*tenant.App, bool) { return w.app, id == w.app.ID },
		Waiting: func(_ context.Context, from, to int64, limit int) (found []store.Message, err error) {
			w.asked++
			for _, m := range w.waiting {
				if int64(m.ID) >= from && int64(m.ID) < to && len(found) < limit {
					found = append(found, m)
				}
			}
			return found, w.broken
		},
		Able: func(_ *store.Message, step tenant.PlanStep) bool { return step.Channel != w.unable },
		Step: func(_ context.Context, r verify.StepRequest) (bool, error) {
			w.steps = append(w.steps, r)
			if w.answer != nil {
				if err := w.answer(len(w.steps) - 1); err != nil {
					return false, err
				}
			}
			return true, nil
		}})
}

// accepted is a message of this node, or another, made now.
func (w *world) accepted(node uint8, step int) core.MessageID {
	m := store.Message{ID: core.MessageID(core.NewIDs(func() time.Time { return w.now }, node).Next()), App: w.app.ID}
	if step > 0 {
		outbox.Planned(&m, step)
	}
	w.waiting = append(w.waiting, m)
	return m.ID
}

// pass lets seconds go by, with a pass at each.
func (w *world) pass(t *testing.T, s *Service, seconds int) {
	t.Helper()
	for range seconds {
		w.now = w.now.Add(time.Second)
		if err := s.Pass(t.Context()); err != nil && w.broken == nil {
			t.Fatal(err)
		}
	}
}

func (w *world) want(t *testing.T, steps ...verify.StepRequest) {
	t.Helper()
	if len(w.steps) != len(steps) {
		t.Fatalf("%d steps, want %d", len(w.steps), len(steps))
	}
	for i, want := range steps {
		if got := w.steps[i]; got.Message != want.Message || got.Number != want.Number || got.App != w.app {
			t.Errorf("step %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestStepsComeAfterTheirWaits(t *testing.T) {
	w := newWorld("sms", "sms:other=30s", "voice=45s")
	s := w.service()
	w.pass(t, s, 3)
	first := w.accepted(1, 0)
	w.pass(t, s, 29)
	w.want(t)
	w.pass(t, s, 2)
	w.want(t, verify.StepRequest{Message: first, Number: 1})
	w.waiting = nil // the code has another message now
	second := w.accepted(1, 1)
	w.pass(t, s, 44)
	w.want(t, verify.StepRequest{Message: first, Number: 1})
	w.pass(t, s, 2)
	w.want(t, verify.StepRequest{Message: first, Number: 1}, verify.StepRequest{Message: second, Number: 2})
	w.waiting = nil
	w.accepted(1, 2)
	w.pass(t, s, 600) // the plan is over
	if len(w.steps) != 2 {
		t.Errorf("%d steps of a plan of two", len(w.steps))
	}
}

func TestAStepWithoutAProviderIsSkipped(t *testing.T) {
	w := newWorld("sms", "voice=30s", "sms:other=60s")
	w.unable = core.ChannelVoice
	s := w.service()
	m := w.accepted(1, 0)
	w.pass(t, s, 32)
	w.want(t, verify.StepRequest{Message: m, Number: 2})
}

func TestWhatALifeBeforeLeftIsDoneAtOnce(t *testing.T) {
	w := newWorld("sms", "sms=30s")
	m := w.accepted(1, 0)
	w.now = w.now.Add(2 * time.Minute)
	s := w.service()
	w.pass(t, s, 10)
	w.want(t, verify.StepRequest{Message: m, Number: 1})
}

// TestAPlanThatIsSetLaterIsForNewCodes: those that were sent without one keep
// still.
func TestAPlanThatIsSetLaterIsForNewCodes(t *testing.T) {
	w := newWorld()
	s := w.service()
	w.accepted(1, 0)
	w.pass(t, s, 60)
	if w.asked != 0 {
		t.Errorf("asked %d times for plans that nobody has", w.asked)
	}
	w.app = newWorld("sms", "sms=30s").app
	w.pass(t, s, 60)
	w.want(t)
}

func TestAnotherNodesStepsAreTakenOverLater(t *testing.T) {
	w := newWorld("sms", "sms=30s")
	s := w.service()
	m := w.accepted(2, 0)
	w.pass(t, s, 44)
	w.want(t)
	w.pass(t, s, 3)
	w.want(t, verify.StepRequest{Message: m, Number: 1})
}

func TestAStepThatALimitRefusesComesWhenItMay(t *testing.T) {
	w := newWorld("sms", "sms=30s")
	w.answer = func(n int) error {
		switch n {
		case 0:
			return core.RetryIn(core.KindRateLimited, 20*time.Second, "limit")
		case 1:
			return errors.New("the database is away")
		}
		return nil
	}
	s := w.service()
	m := w.accepted(1, 0)
	w.pass(t, s, 49)
	w.want(t, verify.StepRequest{Message: m, Number: 1})
	w.pass(t, s, 2)
	w.want(t, verify.StepRequest{Message: m, Number: 1}, verify.StepRequest{Message: m, Number: 1})
	w.pass(t, s, 60)
	w.want(t, verify.StepRequest{Message: m, Number: 1}, verify.StepRequest{Message: m, Number: 1}, verify.StepRequest{Message: m, Number: 1})
}

func TestAStepThatIsNotPaidForEndsThePlan(t *testing.T) {
	w := newWorld("sms", "sms=30s")
	w.answer = func(int) error { return core.E(core.KindInsufficientBalance, "") }
	s := w.service()
	w.accepted(1, 0)
	w.pass(t, s, 300)
	if len(w.steps) != 1 {
		t.Errorf("tried %d times", len(w.steps))
	}
}

func TestNothingIsMissedWhileTheDatabaseIsAway(t *testing.T) {
	w := newWorld("sms", "sms=30s")
	s := w.service()
	w.pass(t, s, 1)
	m := w.accepted(1, 0)
	w.broken = errors.New("away")
	w.pass(t, s, 90)
	w.want(t)
	w.broken = nil
	w.pass(t, s, 1)
	w.want(t, verify.StepRequest{Message: m, Number: 1})
}

func TestStartStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("sms", "sms=30s")
		s := w.service()
		s.Start()
		time.Sleep(5 * time.Second)
		s.Stop()
		s.Stop()
		if w.asked == 0 {
			t.Error("it never looked")
		}
	})
	goleak.VerifyNone(t)
}
