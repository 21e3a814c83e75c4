package guard

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/store"
)

var failureStart = store.At(time.Date(2026, 3, 1, 4, 0, 0, 123, time.UTC))

// tryWrong is one wrong try of a number that is not locked.
func tryWrong(t *testing.T, p FailurePolicy, f store.Failure, now store.Time) (store.Failure, bool) {
	t.Helper()
	f = p.Settle(f, now)
	if wait, locked := p.Locked(f, now); locked {
		t.Fatalf("locked for %v: %+v", wait, f)
	}
	return p.Wrong(f, now)
}

// TestReq05_LadderOfLocks walks contracts/README.md §5: five and 15 minutes,
// twenty and a day, a hundred and the end.
func TestReq05_LadderOfLocks(t *testing.T) {
	p, now := DefaultFailurePolicy(), failureStart
	var f store.Failure
	for try := 1; try <= 100; try++ {
		var dead bool
		f, dead = tryWrong(t, p, f, now)
		wait, locked := p.Locked(p.Settle(f, now), now)
		want := time.Duration(0)
		switch {
		case try%20 == 0: // the last one, too: disabled says a day
			want = 24 * time.Hour
		case try%5 == 0:
			want = 15 * time.Minute
		}
		if wait != want || locked != (want > 0) || dead != locked {
			t.Fatalf("try %d: locked %v for %v, the code dead %v; want %v", try, locked, wait, dead, want)
		}
		if try == 100 {
			break
		}
		if want > 0 { // waiting exactly that long opens it, a nanosecond less does not
			if _, still := p.Locked(p.Settle(f, now.Add(want-1)), now.Add(want-1)); !still {
				t.Fatalf("try %d: open a nanosecond early", try)
			}
			now = now.Add(want)
		}
	}
	if !f.Disabled || f.Total != 100 {
		t.Errorf("after a hundred: %+v", f)
	}
	for _, years := range []int{1, 10, 100} {
		later := now.Add(time.Duration(years) * 365 * 24 * time.Hour)
		if wait, locked := p.Locked(p.Settle(f, later), later); !locked || wait != 24*time.Hour {
			t.Errorf("%d years later: locked %v, %v", years, locked, wait)
		}
	}
}

// TestPauseResetsOnlyTheFive is contracts/yunbox.md §4.2.
func TestPauseResetsOnlyTheFive(t *testing.T) {
	p := DefaultFailurePolicy()
	f := store.Failure{Recent: 4, Consecutive: 19, Total: 60, LastWrong: failureStart}
	for _, c := range []struct {
		after  time.Duration
		recent uint16
	}{{0, 4}, {15*time.Minute - 1, 4}, {15 * time.Minute, 0}, {365 * 24 * time.Hour, 0}} {
		got := p.Settle(f, failureStart.Add(c.after))
		want := f
		want.Recent = c.recent
		if got.Recent != want.Recent || got.Consecutive != 19 || got.Total != 60 {
			t.Errorf("after %v: %+v, want %+v", c.after, got, want)
		}
	}
}

// TestServedLockKeepsTheHundred: a day's lock returns the 20-counter, never the
// 100-counter.
func TestServedLockKeepsTheHundred(t *testing.T) {
	p := DefaultFailurePolicy()
	f := store.Failure{Recent: 5, Consecutive: 20, Total: 20, LastWrong: failureStart, LockedUntil: failureStart.Add(24 * time.Hour)}
	if got := p.Settle(f, f.LockedUntil-1); got.Consecutive != 20 || got.LockedUntil != f.LockedUntil {
		t.Errorf("a nanosecond before: %+v", got)
	}
	got := p.Settle(f, f.LockedUntil)
	if got.Consecutive != 0 || got.LockedUntil != 0 || got.Recent != 0 || got.Total != 20 {
		t.Errorf("served: %+v", got)
	}
}

// TestFailureProperties: settling twice is settling once, never adds, and what
// Locked says is exact to the nanosecond.
func TestFailureProperties(tb *testing.T) {
	p := DefaultFailurePolicy()
	rapid.Check(tb, func(t *rapid.T) {
		f := store.Failure{Recent: uint16(rapid.IntRange(0, 5).Draw(t, "recent")), Consecutive: uint16(rapid.IntRange(0, 20).Draw(t, "consecutive")),
			Total: uint16(rapid.IntRange(0, 99).Draw(t, "total")), LastWrong: failureStart}
		if rapid.Bool().Draw(t, "locked") {
			f.LockedUntil = failureStart.Add(time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "lock")))
		}
		now := failureStart.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "now")))
		settled := p.Settle(f, now)
		again := p.Settle(settled, now)
		if again.Recent != settled.Recent || again.Consecutive != settled.Consecutive || again.LockedUntil != settled.LockedUntil {
			t.Fatalf("settled %+v, again %+v", settled, again)
		}
		if settled.Recent > f.Recent || settled.Consecutive > f.Consecutive || settled.Total != f.Total {
			t.Fatalf("settling %+v gave %+v", f, settled)
		}
		wait, locked := p.Locked(settled, now)
		if !locked {
			return
		}
		if wait <= 0 {
			t.Fatalf("locked for %v", wait)
		}
		if _, still := p.Locked(p.Settle(f, now.Add(wait-1)), now.Add(wait-1)); !still {
			t.Fatal("open a nanosecond early")
		}
		if more, still := p.Locked(p.Settle(f, now.Add(wait)), now.Add(wait)); still {
			t.Fatalf("still locked for %v after waiting %v", more, wait)
		}
	})
}

// TestReq05_TenInARow walks contracts/oneaccess.md §2.4: ten in a row and 15
// minutes, however slow; the 20- and the 100-counter go on through that lock.
func TestReq05_TenInARow(t *testing.T) {
	p, now := RowPolicy(), failureStart
	var f store.Failure
	for try := 1; try <= 100; try++ {
		var dead bool
		f, dead = tryWrong(t, p, f, now)
		wait, locked := p.Locked(p.Settle(f, now), now)
		want := time.Duration(0)
		switch {
		case try%20 == 0:
			want = 24 * time.Hour
		case try%10 == 0:
			want = 15 * time.Minute
		}
		if wait != want || locked != (want > 0) || dead != locked {
			t.Fatalf("try %d: locked %v for %v, the code dead %v; want %v", try, locked, wait, dead, want)
		}
		if try == 100 {
			break
		}
		if want > 0 {
			if wait, still := p.Locked(p.Settle(f, now.Add(want-1)), now.Add(want-1)); !still || wait != 1 {
				t.Fatalf("try %d: open a nanosecond early", try)
			}
		}
		now = now.Add(max(want, time.Hour)) // an hour between two tries forgives nothing
	}
	if !f.Disabled || f.Total != 100 {
		t.Errorf("after a hundred: %+v", f)
	}
}
