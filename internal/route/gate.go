package route

import (
	"context"
	"sync"
	"time"

	"yanma.dev/yanma/internal/provider"
)

// silence is how long a provider may answer nothing while submissions are under
// way, until others are asked instead: longer where its answers are known to
// take their time, so that slow is not taken for dead.
const (
	silence        = 3 * time.Second
	silenceFactor  = 3    // times the slowest answer of late
	slownessFading = 0.98 // of the slowest answer, with each answer
	// instant is how fast an answer that nothing was sent comes from a provider
	// that knows it is not connected: it costs nobody anything.
	instant = 100 * time.Millisecond
)

// gate stands before one provider: it counts what is under way, and keeps
// messages out while the provider's breaker is open. Messages that wait for its
// window when the breaker opens come back as not sent, and go elsewhere.
type gate struct {
	inner  provider.Provider
	alone  bool // there is no other provider: silence is waited for
	router *Router

	mu       sync.Mutex
	breaker  Breaker
	underWay int
	heard    time.Time     // of the last answer, or when the first of what is under way left
	slowest  time.Duration // fading
	stirred  bool          // an answer came since the breaker opened
	parent   context.Context
	ctx      context.Context // of everything that passes; it ends when the breaker opens
	cancel   context.CancelFunc
}

// pass is one submission behind the gate.
type pass struct {
	as    Admission
	began time.Time
	ctx   context.Context
}

// Name is the provider's.
func (g *gate) Name() string { return g.inner.Name() }

// submit hands the message to the provider, or answers NotSent at once.
func (g *gate) submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	p := g.enter(ctx)
	if p.as == Refused {
		done(provider.Outcome{Class: provider.NotSent, Detail: "the provider does not answer"})
		return
	}
	g.inner.Submit(p.ctx, m, func(o provider.Outcome) {
		g.leave(p, o.Class)
		done(o)
	})
}

// enter asks the breaker. A probe waits for the window under ctx alone.
func (g *gate) enter(ctx context.Context) pass {
	now := g.router.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	p := pass{began: now, ctx: ctx}
	if !g.stuck() {
		p.as = g.breaker.Admit(now)
	}
	if p.as == Refused {
		return p
	}
	if g.underWay == 0 {
		g.heard = now
	}
	g.underWay++
	if p.as == Pass && !g.alone {
		p.ctx = g.under(ctx)
	}
	return p
}

// stuck tells whether the breaker is open and what left before still waits: a
// probe would only stand behind it.
func (g *gate) stuck() bool {
	return g.underWay > 0 && g.breaker.State() != BreakerClosed && !g.stirred
}

// under is a context that ends with ctx or when the breaker opens. The outbox
// submits everything under one context, so it is made once.
func (g *gate) under(ctx context.Context) context.Context {
	if g.parent != ctx || g.ctx.Err() != nil {
		if g.cancel != nil {
			g.cancel()
		}
		g.parent = ctx
		g.ctx, g.cancel = context.WithCancel(ctx)
	}
	return g.ctx
}

// leave tells the breaker how a submission ended.
func (g *gate) leave(p pass, class provider.Class) {
	now := g.router.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.breaker.State()
	g.underWay--
	took := now.Sub(p.began)
	switch class {
	case provider.NotSent:
		if p.ctx.Err() != nil || took < instant {
			g.breaker.Abandon(p.as) // given up by us, or not connected: it says so at once
			break
		}
		g.fail(p, now)
	case provider.Accepted, provider.Rejected, provider.Throttled:
		g.heard, g.stirred = now, true
		g.slowest = max(took, time.Duration(float64(g.slowest)*slownessFading))
		g.breaker.Succeed(p.as)
	default:
		g.fail(p, now)
	}
	g.note(before)
}

func (g *gate) fail(p pass, now time.Time) {
	if g.breaker.Fail(p.as, now, g.router.uniform()) {
		g.shut()
	}
}

// shut gives up what waits for the window.
func (g *gate) shut() {
	g.stirred = false
	if g.cancel != nil {
		g.cancel()
	}
}

// watch opens the breaker of a provider that has been silent for too long.
func (g *gate) watch(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alone || g.underWay < 2 || g.breaker.State() != BreakerClosed {
		return
	}
	if now.Sub(g.heard) >= max(silence, silenceFactor*g.slowest) {
		before := g.breaker.State()
		g.breaker.Trip(now, g.router.uniform())
		g.shut()
		g.note(before)
	}
}

// note keeps the router's count of gates that are not closed. g.mu is held.
func (g *gate) note(before BreakerState) {
	after := g.breaker.State()
	switch {
	case before == BreakerClosed && after != BreakerClosed:
		g.router.sick.Add(1)
		g.router.say(g.Name(), after, g.breaker.until)
	case before != BreakerClosed && after == BreakerClosed:
		g.router.sick.Add(-1)
		g.router.say(g.Name(), after, time.Time{})
	}
}

// ready tells whether a message may be given to the provider now.
func (g *gate) ready(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.stuck() && g.breaker.Ready(now)
}

func (g *gate) state() (BreakerState, int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.breaker.State(), g.breaker.Opened()
}
