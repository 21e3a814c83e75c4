package sentry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Engine judges (internal/guard/fraud).
type Engine interface {
	Admit(now time.Time, s fraud.Subject) fraud.Decision
	Judge(now time.Time, s fraud.Subject) fraud.Decision
	JudgeCheck(now time.Time, s fraud.Subject) fraud.Decision
	GiveBack(now time.Time, s fraud.Subject)
	Verified(now time.Time, s fraud.Subject)
	Failed(now time.Time, s fraud.Subject)
	SetLists(l fraud.Lists)
	Findings(now time.Time) []fraud.Finding
	Levels(now time.Time, most int) []fraud.Level
}

// Database runs plain transactions.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Options are what a Guard is made of; all are required.
type Options struct {
	Engine   Engine
	Database Database
	IDs      *core.IDs
	Now      func() time.Time
	Log      *slog.Logger
	Mode     tenant.GuardMode // the configuration's: off, record or enforce
}

// Guard asks the engine about requests, in the mode of their app.
type Guard struct {
	o     Options
	given atomic.Pointer[Settings]

	quit    chan struct{}
	running sync.WaitGroup
	once    sync.Once
}

// New returns a guard. Read gives it the operator's settings.
func New(o Options) *Guard {
	g := &Guard{o: o, quit: make(chan struct{})}
	g.given.Store(&Settings{})
	return g
}

// Mode is what holds for an app.
func (g *Guard) Mode(app *tenant.App) tenant.GuardMode {
	if app.Guard != tenant.GuardDefault {
		return app.Guard
	}
	return g.Default()
}

// Default is what holds for apps that say nothing.
func (g *Guard) Default() tenant.GuardMode {
	if mode := g.given.Load().Mode; mode != tenant.GuardDefault {
		return mode
	}
	return g.o.Mode
}

// Send judges a code that is about to be sent, and counts it when it passes:
// once for each message that may cost something. KindChallengeRequired or
// KindBlocked. What is not sent after all goes to GiveBack.
func (g *Guard) Send(now time.Time, app *tenant.App, s fraud.Subject) error {
	mode := g.Mode(app)
	if mode == tenant.GuardOff {
		return nil
	}
	s.Record = mode == tenant.GuardRecord
	d := g.o.Engine.Admit(now, s)
	return refusal(now, &d)
}

// Resend judges a code that goes out again by itself, in a fall-back plan, and
// counts nothing: the person asked once.
func (g *Guard) Resend(now time.Time, app *tenant.App, s fraud.Subject) error {
	mode := g.Mode(app)
	if mode == tenant.GuardOff {
		return nil
	}
	s.Record = mode == tenant.GuardRecord
	d := g.o.Engine.Judge(now, s)
	return refusal(now, &d)
}

// GiveBack takes back what Send counted.
func (g *Guard) GiveBack(now time.Time, app *tenant.App, s fraud.Subject) {
	if g.Mode(app) != tenant.GuardOff {
		g.o.Engine.GiveBack(now, s)
	}
}

// Check judges a guess before it is compared: KindBlocked. What would only ask
// for a challenge passes, because no dialect carries one beside a code.
func (g *Guard) Check(now time.Time, app *tenant.App, s fraud.Subject) error {
	mode := g.Mode(app)
	if mode == tenant.GuardOff {
		return nil
	}
	s.Record, s.Challenged = mode == tenant.GuardRecord, true
	d := g.o.Engine.JudgeCheck(now, s)
	return refusal(now, &d)
}

// Verified tells that a code was entered.
func (g *Guard) Verified(now time.Time, app *tenant.App, s fraud.Subject) {
	if g.Mode(app) != tenant.GuardOff {
		g.o.Engine.Verified(now, s)
	}
}

// Failed tells that a code was wrong.
func (g *Guard) Failed(now time.Time, app *tenant.App, s fraud.Subject) {
	if g.Mode(app) != tenant.GuardOff {
		g.o.Engine.Failed(now, s)
	}
}

// shortestWait is what a refusal without a hold tells to wait.
const shortestWait = time.Minute

func refusal(now time.Time, d *fraud.Decision) error {
	if d.Outcome == fraud.Allow {
		return nil
	}
	kind, wait, why := core.KindBlocked, shortestWait, ""
	if d.Outcome == fraud.Challenge {
		kind = core.KindChallengeRequired
	}
	if reasons := d.Reasons(); len(reasons) > 0 {
		wait = max(wait, reasons[0].Until.Sub(now))
		why = reasons[0].Rule.String() + ": " + reasons[0].Subject.String()
	}
	return core.RetryIn(kind, wait, why)
}
