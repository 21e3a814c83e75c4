package route

import "time"

// The breaker's constants. A provider that answers nothing costs each message a
// possible duplicate and the time of its hold, so five are enough.
const (
	failuresToOpen = 5
	firstPause     = time.Second
	longestPause   = 30 * time.Second
	steady         = 20 // successes after which the pauses begin small again
)

// BreakerState is where a breaker stands.
type BreakerState uint8

// The states of a breaker.
const (
	BreakerClosed   BreakerState = iota // everything passes
	BreakerOpen                         // nothing passes until the pause is over
	BreakerHalfOpen                     // one probe is under way, nothing else passes
)

// String names the state for metrics and operators.
func (s BreakerState) String() string { return [...]string{"closed", "open", "half-open"}[s] }

// Admission is what a breaker says to one submission.
type Admission uint8

// The admissions.
const (
	Refused Admission = iota
	Pass
	Probe // the one submission that finds out; its end is told with Admission Probe
)

// Breaker keeps messages from a provider that does not answer. It is a pure
// state machine: closed → open after five failures in a row → half-open after a
// pause, with one probe at a time → closed, or open again for twice as long.
// The zero Breaker is closed.
type Breaker struct {
	state    BreakerState
	failures int // in a row, while closed
	good     int // successes since it closed
	pause    time.Duration
	until    time.Time // the end of the pause, while open
	opened   int64     // how often it opened
}

// State tells where the breaker stands.
func (b *Breaker) State() BreakerState { return b.state }

// Opened counts how often it opened from closed.
func (b *Breaker) Opened() int64 { return b.opened }

// Ready tells whether Admit would let a message through.
func (b *Breaker) Ready(now time.Time) bool {
	return b.state == BreakerClosed || b.state == BreakerOpen && b.rested(now)
}

// Admit asks for one submission. A Probe must be ended by Succeed, Fail or
// Abandon.
func (b *Breaker) Admit(now time.Time) Admission {
	switch {
	case b.state == BreakerClosed:
		return Pass
	case b.state == BreakerOpen && b.rested(now):
		b.state = BreakerHalfOpen
		return Probe
	default:
		return Refused
	}
}

// rested tells whether the pause is over; a clock that was set back does not
// make it longer than it can be.
func (b *Breaker) rested(now time.Time) bool {
	return !now.Before(b.until) || b.until.Sub(now) > longestPause
}

// Succeed tells that a submission was answered, whatever the answer. What began
// before the breaker opened says nothing about now.
func (b *Breaker) Succeed(as Admission) {
	switch {
	case as == Probe && b.state == BreakerHalfOpen:
		b.state, b.failures, b.good = BreakerClosed, 0, 0
	case as == Pass && b.state == BreakerClosed:
		b.failures = 0
		if b.good++; b.good >= steady {
			b.pause = 0
		}
	}
}

// Fail tells that no answer came; jitter is uniform in [0, 1). It is true when
// that opened the breaker, or kept it open after a probe.
func (b *Breaker) Fail(as Admission, now time.Time, jitter float64) bool {
	switch {
	case as == Probe && b.state == BreakerHalfOpen:
		b.open(now, jitter)
		return true
	case as == Pass && b.state == BreakerClosed:
		b.good = 0
		if b.failures++; b.failures >= failuresToOpen {
			b.Trip(now, jitter)
			return true
		}
	}
	return false
}

// Trip opens a closed breaker at once: the provider is silent.
func (b *Breaker) Trip(now time.Time, jitter float64) {
	if b.state == BreakerClosed {
		b.opened++
		b.open(now, jitter)
	}
}

// open begins a pause between half of its length and all of it. Each is twice as
// long as the one before.
func (b *Breaker) open(now time.Time, jitter float64) {
	b.pause = min(max(b.pause*2, firstPause), longestPause)
	b.state, b.failures, b.good = BreakerOpen, 0, 0
	b.until = now.Add(b.pause/2 + time.Duration(jitter*float64(b.pause/2)))
}

// Abandon tells that a probe ended without having asked the provider: the next
// message is the probe.
func (b *Breaker) Abandon(as Admission) {
	if as == Probe && b.state == BreakerHalfOpen {
		b.state = BreakerOpen
	}
}
