package simulation

import (
	"testing"
	"time"
	"unsafe"
)

// setBy is a clock reading of a machine whose clock was set by an amount: the
// wall clock shows another time, and the monotonic clock beside it goes on as if
// nothing had happened. The time package makes such readings only from a real
// clock, and a bubble's has no monotonic part, so it is written in by hand
// (time.Time: one bit, 33 bits of seconds since 1885, 30 bits of nanoseconds;
// then the monotonic clock).
func setBy(since time.Time, by time.Duration) time.Time {
	const monotonic, since1885 = 1 << 63, 2_682_288_000 // seconds from 1885 to 1970
	now := time.Now()
	wall := now.Add(by)
	reading := wall
	parts := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&reading))
	parts.wall = monotonic | uint64(wall.Unix()+since1885)<<30 | uint64(wall.Nanosecond())
	parts.ext = int64(now.Sub(since)) + 1
	return reading
}

// TestClock: the clock that the servers have behaves like a real one.
func TestClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := time.Now()
		before := setBy(began, clockAhead)
		if want := began.Add(clockAhead); !before.Round(0).Equal(want) {
			t.Errorf("it shows %v, not %v", before, want)
		}
		time.Sleep(time.Minute)
		after := setBy(began, clockAhead-time.Hour)
		if d := after.Sub(before); d != time.Minute {
			t.Errorf("a minute is %v", d)
		}
		if d := after.Round(0).Sub(before.Round(0)); d != time.Minute-time.Hour {
			t.Errorf("on the wall it is %v", d)
		}
	})
}
