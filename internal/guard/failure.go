package guard

import (
	"time"

	"yanma.dev/yanma/internal/store"
)

// FailurePolicy is how many wrong tries a number may take
// (contracts/README.md §5, contracts/yunbox.md §4.2).
type FailurePolicy struct {
	PerCode     uint8         // wrong tries against one code, and against a number between pauses
	Pause       time.Duration // without a wrong try, after which the 5-counter is zero again
	Consecutive uint16        // wrong tries across codes, then Lock
	Lock        time.Duration
	Total       uint16 // wrong tries since the last success, then disabled until bound anew

	// Row is how many wrong tries in a row, over several codes and however slowly,
	// lock the number for Pause; 0: PerCode of them do, unless a Pause went by
	// between two. The longer locks count on through it.
	Row uint16
}

// DefaultFailurePolicy is the contract's: 5 a code, 15 minutes' pause, 20 then
// a day's lock, 100 then disabled.
func DefaultFailurePolicy() FailurePolicy {
	return FailurePolicy{PerCode: 5, Pause: 15 * time.Minute, Consecutive: 20, Lock: 24 * time.Hour, Total: 100}
}

// RowPolicy is the one of contracts/oneaccess.md §2.4: as DefaultFailurePolicy,
// but ten in a row lock for 15 minutes, and five kill only the code.
func RowPolicy() FailurePolicy {
	p := DefaultFailurePolicy()
	p.Row = 10
	return p
}

// most is how many recent wrong tries a number may have.
func (p FailurePolicy) most() uint16 {
	if p.Row > 0 {
		return p.Row
	}
	return uint16(p.PerCode)
}

// disabledRetry is the Retry-After of a number that only an operator, or a
// new binding, opens again: there is no true value, so a day is said.
const disabledRetry = 24 * time.Hour

// Settle returns the counters as they stand at now: a pause (with Row: only a
// served lock) returns the 5-counter to zero, a served day's lock the 20-counter.
// The 100-counter goes on.
func (p FailurePolicy) Settle(f store.Failure, now store.Time) store.Failure {
	if f.Recent > 0 && (p.Row == 0 || f.Recent >= p.Row) && now >= f.LastWrong.Add(p.Pause) {
		f.Recent = 0
	}
	if f.LockedUntil > 0 && now >= f.LockedUntil {
		f.LockedUntil, f.Consecutive, f.Recent = 0, 0, 0
	}
	return f
}

// Locked tells whether the number may neither get nor answer a code at now,
// and how long that lasts: waiting exactly that long opens it. Call it on
// settled counters.
func (p FailurePolicy) Locked(f store.Failure, now store.Time) (time.Duration, bool) {
	switch {
	case f.Disabled:
		return disabledRetry, true
	case f.LockedUntil > now:
		return f.LockedUntil.Sub(now), true
	case f.Recent >= p.most():
		return f.LastWrong.Add(p.Pause).Sub(now), true
	}
	return 0, false
}

// Wrong counts one wrong try at now on settled counters. dead tells whether
// the live code has to die with it.
func (p FailurePolicy) Wrong(f store.Failure, now store.Time) (counted store.Failure, dead bool) {
	f.Recent++
	f.Consecutive++
	f.Total++
	f.LastWrong = now
	if f.Consecutive >= p.Consecutive {
		f.LockedUntil = now.Add(p.Lock)
	}
	if f.Total >= p.Total {
		f.Disabled = true
	}
	return f, f.Recent >= p.most() || f.LockedUntil > now || f.Disabled
}
