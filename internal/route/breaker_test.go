package route

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestReq36_BreakerOpensAfterFiveFailuresInARow(t *testing.T) {
	var b Breaker
	for range 4 {
		b.Fail(b.Admit(began), began, 0)
	}
	b.Succeed(b.Admit(began))
	for range 4 {
		if b.Fail(b.Admit(began), began, 0) {
			t.Fatal("open after four")
		}
	}
	if !b.Fail(b.Admit(began), began, 0) || b.State() != BreakerOpen || b.Opened() != 1 {
		t.Fatalf("after five: %s", b.State())
	}
	if b.Admit(began) != Refused {
		t.Fatal("open, and lets something through")
	}
}

func TestReq36_OneProbeAtATimeWithGrowingPauses(t *testing.T) {
	var b Breaker
	now := began
	b.Trip(now, 0.999999)
	for _, seconds := range []int{1, 2, 4, 8, 16, 30, 30} {
		half := time.Duration(seconds) * time.Second / 2
		if now = now.Add(half - 1); b.Admit(now) != Refused {
			t.Fatalf("a probe before half of %d s is over", seconds)
		}
		if now = now.Add(half + 1); b.Admit(now) != Probe {
			t.Fatalf("no probe after %d s", seconds)
		}
		if b.Admit(now) != Refused || b.Admit(now.Add(time.Hour)) != Refused {
			t.Fatal("a second probe beside the first")
		}
		b.Fail(Probe, now, 0.999999)
	}
	now = now.Add(30 * time.Second)
	if b.Admit(now) != Probe {
		t.Fatal("no probe")
	}
	b.Succeed(Probe)
	if b.State() != BreakerClosed || b.Opened() != 1 {
		t.Fatalf("%s after a good probe, opened %d times", b.State(), b.Opened())
	}
	b.Trip(now, 0.999999) // at once again: the pauses go on growing
	if b.Admit(now.Add(29*time.Second)) != Refused {
		t.Error("a provider that fails again at once is asked soon")
	}
	if b.Admit(now.Add(30*time.Second)) != Probe {
		t.Fatal("no probe")
	}
	b.Succeed(Probe)
	for range steady {
		b.Succeed(b.Admit(now))
	}
	b.Trip(now, 0.999999)
	if b.Admit(now.Add(time.Second)) != Probe {
		t.Error("a steady provider's pause does not begin small again")
	}
}

func TestBreakerAfterTheClockWasSetBack(t *testing.T) {
	var b Breaker
	b.Trip(began, 0)
	if b.Admit(began.Add(-time.Hour)) != Probe {
		t.Error("waits an hour for its clock")
	}
}

// TestReq36_BreakerProperties: over any sequence of answers and pauses, at most
// one probe is out, nothing passes while it is open, pauses are between half a
// second and thirty, and a provider that answers is let in again.
func TestReq36_BreakerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Breaker
		now := began
		var passes, probes int
		opened := time.Time{}
		jitter := rapid.Float64Range(0, 0.999999)
		was := b.State()
		t.Repeat(map[string]func(*rapid.T){
			"admit": func(t *rapid.T) {
				ready := b.Ready(now)
				a := b.Admit(now)
				if ready != (a != Refused) {
					t.Fatalf("ready %v, admission %d", ready, a)
				}
				switch a {
				case Pass:
					if b.State() != BreakerClosed {
						t.Fatalf("passes while %s", b.State())
					}
					passes++
				case Probe:
					if probes++; probes > 1 {
						t.Fatal("two probes at a time")
					}
					if waited := now.Sub(opened); waited < firstPause/2 {
						t.Fatalf("a probe after %v", waited)
					}
				default:
				}
			},
			"answer": func(*rapid.T) {
				if probes > 0 && rapid.Bool().Draw(t, "the probe") {
					probes--
					b.Succeed(Probe)
					if b.State() != BreakerClosed {
						t.Fatalf("%s after a good probe", b.State())
					}
				} else if passes > 0 {
					passes--
					b.Succeed(Pass)
				}
			},
			"fail": func(*rapid.T) {
				if probes > 0 && rapid.Bool().Draw(t, "the probe") {
					probes--
					b.Fail(Probe, now, jitter.Draw(t, "jitter"))
					opened = now
				} else if passes > 0 {
					passes--
					if b.Fail(Pass, now, jitter.Draw(t, "jitter")) {
						opened = now
					}
				}
			},
			"trip": func(*rapid.T) {
				if b.State() == BreakerClosed {
					opened = now
				}
				b.Trip(now, jitter.Draw(t, "jitter"))
			},
			"give up": func(*rapid.T) {
				if probes > 0 {
					probes--
					b.Abandon(Probe)
				}
			},
			"wait": func(*rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(40*time.Second)).Draw(t, "wait")))
			},
			"": func(t *rapid.T) {
				if (b.State() == BreakerHalfOpen) != (probes == 1) {
					t.Fatalf("%s with %d probes", b.State(), probes)
				}
				if b.State() == BreakerOpen && !b.Ready(opened.Add(longestPause)) {
					t.Fatal("a pause longer than the longest")
				}
				if was == BreakerOpen && b.State() == BreakerClosed {
					t.Fatal("closed without a probe")
				}
				was = b.State()
			},
		})
	})
}
