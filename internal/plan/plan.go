package plan

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

const (
	every     = time.Second
	page      = 256
	lookBack  = 11 * time.Minute // of the first pass: longer than codes with a plan live
	takeOver  = 15 * time.Second // later for messages of another node
	afterFail = 5 * time.Second  // a step that failed is tried again
)

// Options are what a Service is made of; all are required.
type Options struct {
	Node uint8
	Now  func() time.Time
	Log  *slog.Logger

	Apps func() []*tenant.App
	App  func(core.AppID) (*tenant.App, bool)
	// Waiting gives the messages with ids in [from, to) whose codes are still to
	// be entered, in order: ID, App, Phone and History of each.
	Waiting func(ctx context.Context, from, to int64, limit int) ([]store.Message, error)
	// Able tells whether a step has a provider for the message's number.
	Able func(m *store.Message, step tenant.PlanStep) bool
	// Step sends one (verify.Service.Step).
	Step func(ctx context.Context, r verify.StepRequest) (sent bool, err error)
}

// Service carries plans out from Start to Stop.
type Service struct {
	options Options

	begun bool
	seen  map[time.Duration]int64 // by wait: messages with smaller ids were looked at
	later []delayed

	quit    chan struct{}
	running sync.WaitGroup
	once    sync.Once
}

// delayed is a message whose step could not be sent yet.
type delayed struct {
	at time.Time
	m  store.Message
}

// New returns a service.
func New(o Options) *Service {
	return &Service{options: o, seen: map[time.Duration]int64{}, quit: make(chan struct{})}
}

// Start runs the plans until Stop. It is called once.
func (s *Service) Start() {
	s.running.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-tick.C:
			}
			if err := s.Pass(ctx); err != nil {
				s.options.Log.Error("plan: codes could not be looked at; they are tried again", "error", err.Error())
			}
		}
	})
}

// Stop ends the service. Stopping twice, or what was never started, is fine.
func (s *Service) Stop() {
	s.once.Do(func() { close(s.quit) })
	s.running.Wait()
}

// Pass is one round: everything that is due now. It is not safe for concurrent
// use.
func (s *Service) Pass(ctx context.Context) error {
	now := s.options.Now()
	waits := s.waits()
	var errs []error
	for _, wait := range waits {
		errs = append(errs, s.look(ctx, wait, now))
	}
	for wait := range s.seen {
		if !slices.Contains(waits, wait) {
			delete(s.seen, wait)
		}
	}
	s.begun = true
	due := s.later
	s.later = nil
	for _, d := range due {
		if now.Before(d.at) {
			s.later = append(s.later, d)
			continue
		}
		s.next(ctx, d.m, now)
	}
	return errors.Join(errs...)
}

// waits are the different waits of all plans.
func (s *Service) waits() (all []time.Duration) {
	for _, app := range s.options.Apps() {
		for _, step := range app.Plan[min(1, len(app.Plan)):] {
			if !slices.Contains(all, step.After) {
				all = append(all, step.After)
			}
		}
	}
	return all
}

// look carries out the steps that follow a wait, for messages that are that old
// by now and were not when it looked last. The first look goes back to what a
// life before may have left.
func (s *Service) look(ctx context.Context, wait time.Duration, now time.Time) error {
	to := core.IDAt(now.Add(-wait))
	from, known := s.seen[wait]
	switch {
	case known:
	case s.begun:
		from = core.IDAt(now.Add(-wait - every))
	default:
		from = core.IDAt(now.Add(-wait - lookBack))
	}
	for from < to && !s.ended() {
		found, err := s.options.Waiting(ctx, from, to, page)
		if err != nil {
			s.seen[wait] = from
			return err
		}
		for _, m := range found {
			s.mature(ctx, m, wait, now)
		}
		if len(found) < page {
			break
		}
		from = int64(found[len(found)-1].ID) + 1
	}
	s.seen[wait] = max(from, to)
	return nil
}

// mature sends the step after a message when that wait is the step's. What
// another node accepted is left to it for a while.
func (s *Service) mature(ctx context.Context, m store.Message, wait time.Duration, now time.Time) {
	app, known := s.options.App(m.App)
	step := outbox.PlanStep(&m) + 1
	if !known || step >= len(app.Plan) || app.Plan[step].After != wait {
		return
	}
	if core.IDNode(int64(m.ID)) != s.options.Node {
		s.later = append(s.later, delayed{core.IDTime(int64(m.ID)).Add(wait + takeOver), m})
		return
	}
	s.next(ctx, m, now)
}

// next sends the next step of a message's plan that has a provider.
func (s *Service) next(ctx context.Context, m store.Message, now time.Time) {
	app, known := s.options.App(m.App)
	if !known || s.ended() {
		return
	}
	for step := outbox.PlanStep(&m) + 1; step < len(app.Plan); step++ {
		if !s.options.Able(&m, app.Plan[step]) {
			continue
		}
		_, err := s.options.Step(ctx, verify.StepRequest{App: app, Message: m.ID, Number: step})
		s.after(m, step, now, err)
		return
	}
}

// after decides what becomes of a step that was not sent. A code whose life is
// over is not waiting any more: that ends every repetition.
func (s *Service) after(m store.Message, step int, now time.Time, err error) {
	switch e := core.AsError(err); {
	case err == nil:
	case e.Kind == core.KindSpendCap:
		s.options.Log.Warn("plan: a step is over its app's cap", "app", int64(m.App), "message", int64(m.ID), "step", step+1)
	case e.ToldToWait():
		s.later = append(s.later, delayed{now.Add(max(e.RetryAfter, every)), m})
	case e.Kind == core.KindInsufficientBalance:
		s.options.Log.Warn("plan: a step is not paid for", "app", int64(m.App), "message", int64(m.ID), "step", step+1)
	default:
		s.options.Log.Error("plan: a step failed and is tried again", "app", int64(m.App), "message", int64(m.ID), "step", step+1, "error", err.Error())
		s.later = append(s.later, delayed{now.Add(afterFail), m})
	}
}

func (s *Service) ended() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}
