package breaker

import (
	"sync"
	"time"
)

// Rule says when a breaker opens and for how long.
type Rule struct {
	Failures int           // this many failures, at least 1 …
	Within   time.Duration // … in this time open it
	Rest     time.Duration // how long it stays open
}

// State is where a breaker stands.
type State uint8

// The states.
const (
	Closed   State = 0
	Open     State = 1
	HalfOpen State = 2
)

// String names the state for logs, metrics and the operator.
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "unknown"
}

// Breaker guards one target. It is safe for concurrent use.
type Breaker struct {
	rule Rule
	now  func() time.Time

	mu      sync.Mutex
	state   State
	epoch   uint64      // grows with every change of state: late results of an earlier one do not count
	failed  []time.Time // a ring of the newest failures
	next    int
	until   time.Time // open: when the rest is over
	probing bool      // half-open: a permit is out
}

// New returns a closed breaker.
func New(rule Rule, now func() time.Time) *Breaker {
	return &Breaker{rule: rule, now: now, failed: make([]time.Time, max(rule.Failures, 1))}
}

// Permit is leave to ask once. Done or Cancel ends it; a second end counts
// nothing.
type Permit struct {
	breaker *Breaker
	epoch   uint64
}

// Allow gives a permit, unless the target rests or is being probed.
func (b *Breaker) Allow() (*Permit, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && !b.now().Before(b.until) {
		b.become(HalfOpen)
	}
	if b.state == Open || b.probing {
		return nil, false
	}
	b.probing = b.state == HalfOpen
	return &Permit{breaker: b, epoch: b.epoch}, true
}

// State is where the breaker stands; one whose rest is over shows as half-open.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && !b.now().Before(b.until) {
		return HalfOpen
	}
	return b.state
}

// Ready tells whether Allow would give a permit now.
func (b *Breaker) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.probing && (b.state != Open || !b.now().Before(b.until))
}

// Done says how the call ended, and whether that opened the breaker.
func (p *Permit) Done(failed bool) (opened bool) {
	b := p.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.epoch != b.epoch {
		return false
	}
	switch {
	case b.state == HalfOpen && !failed:
		clear(b.failed)
		b.become(Closed)
	case b.state == HalfOpen, failed && b.tooMany():
		b.become(Open)
		b.until = b.now().Add(b.rule.Rest)
		return true
	}
	return false
}

// Cancel says that nothing was asked.
func (p *Permit) Cancel() {
	b := p.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.epoch == b.epoch {
		b.probing = false
	}
}

// tooMany notes a failure, and tells whether the oldest of the last Failures is
// young enough.
func (b *Breaker) tooMany() bool {
	now := b.now()
	b.failed[b.next] = now
	b.next = (b.next + 1) % len(b.failed)
	oldest := b.failed[b.next]
	return !oldest.IsZero() && now.Sub(oldest) <= b.rule.Within
}

func (b *Breaker) become(s State) {
	b.state, b.probing = s, false
	b.epoch++
}
