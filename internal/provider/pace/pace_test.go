package pace

import (
	"testing"
	"time"
)

var paceStart = time.Unix(1_700_000_000, 0)

func TestPaceUnlimited(t *testing.T) {
	p := New(0)
	for range 1000 {
		if wait := p.Reserve(paceStart); wait != 0 {
			t.Fatalf("waits %v", wait)
		}
	}
}

// TestPaceRate submits as fast as it may for ten seconds.
func TestPaceRate(t *testing.T) {
	p := New(100)
	now, sent := paceStart, 0
	for now.Before(paceStart.Add(10 * time.Second)) {
		now = now.Add(p.Reserve(now))
		sent++
	}
	if sent < 1000 || sent > 1002 {
		t.Errorf("%d in ten seconds at 100 a second", sent)
	}
}

// TestReq37_ThrottleHalvesTheRate is contracts/delivery.md §2.4: one second's
// rest, half the rate for ten seconds, then the old rate.
func TestReq37_ThrottleHalvesTheRate(t *testing.T) {
	p := New(100)
	now := paceStart
	p.Throttled(now)
	p.Throttled(now.Add(time.Millisecond)) // an answer to what was sent before
	perSecond := make(map[int]int)
	for now.Before(paceStart.Add(14 * time.Second)) {
		now = now.Add(p.Reserve(now))
		perSecond[int(now.Sub(paceStart)/time.Second)]++
	}
	if perSecond[0] != 0 {
		t.Errorf("%d left during the rest", perSecond[0])
	}
	for second := 1; second < 10; second++ {
		if n := perSecond[second]; n < 49 || n > 51 {
			t.Errorf("second %d: %d left, half the rate is 50", second, n)
		}
	}
	for second := 11; second < 14; second++ {
		if n := perSecond[second]; n < 99 || n > 101 {
			t.Errorf("second %d: %d left, the rate is 100", second, n)
		}
	}
}

// TestPaceThrottledWithoutARate halves what was measured.
func TestPaceThrottledWithoutARate(t *testing.T) {
	p := New(0)
	now := paceStart
	for range 600 {
		p.Reserve(now)
		now = now.Add(time.Second / 600)
	}
	p.Throttled(now)
	if got := p.rate(now.Add(2 * time.Second)); got < 295 || got > 305 {
		t.Errorf("rate %v after 600 a second", got)
	}
	if got := p.rate(now.Add(slowFor)); got != 0 {
		t.Errorf("rate %v after ten seconds, want none", got)
	}
	// Throttled again after the rest: half again.
	later := now.Add(PauseAfterThrottle)
	p.Throttled(later)
	if got := p.rate(later); got < 147 || got > 153 {
		t.Errorf("rate %v after a second throttling", got)
	}
}
