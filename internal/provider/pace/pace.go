package pace

import (
	"sync"
	"time"
)

// PauseAfterThrottle is how long a provider rests after a throttling answer
// (contracts/delivery.md §2.4).
const PauseAfterThrottle = time.Second

const (
	slowFor   = 10 * time.Second      // contracts/delivery.md §2.4
	paceSlack = 10 * time.Millisecond // lost to a late timer and made good
)

// Pace spaces submissions: the configured rate, and after a throttling status
// one second's rest and then half the rate for ten seconds. It outlives links.
type Pace struct {
	mu     sync.Mutex
	base   float64
	slowed float64 // a second; holds until slowUntil

	pausedUntil, slowUntil time.Time
	next                   time.Time // when the next submission may go

	second          int64 // the meter: what left in this second and the one before
	count, previous int
}

// New is a pace of base submissions a second; 0 is no limit. It starts with no
// submission behind it.
func New(base float64) *Pace { return &Pace{base: base} }

// Reserve takes the next place in line and tells how long to wait for it.
func (p *Pace) Reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meter(now)
	p.count++
	rate := p.rate(now)
	if rate == 0 {
		return max(p.pausedUntil.Sub(now), 0)
	}
	at := later(p.next, now.Add(-paceSlack))
	at = later(at, p.pausedUntil)
	p.next = at.Add(time.Duration(float64(time.Second) / rate))
	return max(at.Sub(now), 0)
}

// Ahead is how long a submission at now would wait. It takes no place in line.
func (p *Pace) Ahead(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := p.pausedUntil.Sub(now)
	if p.rate(now) > 0 {
		wait = max(wait, p.next.Sub(now))
	}
	return max(wait, 0)
}

// Throttled notes a throttling status. More of them during the rest are
// answers to what was sent before it, and change nothing.
func (p *Pace) Throttled(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.pausedUntil) {
		return
	}
	rate := p.rate(now)
	if rate == 0 {
		p.meter(now)
		rate = float64(max(p.count, p.previous))
	}
	p.slowed = max(rate/2, 1)
	p.pausedUntil = now.Add(PauseAfterThrottle)
	p.slowUntil = now.Add(slowFor)
	p.next = p.pausedUntil
}

// rate is what holds at now; 0 is no limit.
func (p *Pace) rate(now time.Time) float64 {
	if now.Before(p.slowUntil) {
		return p.slowed
	}
	return p.base
}

func (p *Pace) meter(now time.Time) {
	second := now.Unix()
	switch second {
	case p.second:
		return
	case p.second + 1:
		p.previous = p.count
	default:
		p.previous = 0
	}
	p.second, p.count = second, 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
