package memory

import (
	"time"

	"yanma.dev/yanma/internal/guard"
)

// entry is what the table holds of one subject, in 64 bits. The common subject
// has one event, and its time fits here; more live in a chunk.
//
//	one event:  0 | retention 3 | unused 28          | time 32
//	a chunk:    1 | retention 3 | size class 4 | count 24 | chunk 32
//
// The zero entry is an empty slot: a retention is never 0.
type entry uint64

const (
	entryMany       = entry(1) << 63
	retentionShift  = 60
	sizeClassShift  = 56
	countShift      = 32
	countMask       = 1<<24 - 1
	retentionMask   = 7
	sizeClassMask   = 15
	sizeClasses     = 16
	smallestChunk   = 2
	largestChunkLen = smallestChunk << (sizeClasses - 1) // 65,536 = guard.MaxEvents
)

func oneEvent(r guard.Retention, at uint32) entry {
	return entry(r)<<retentionShift | entry(at)
}

func manyEvents(r guard.Retention, sizeClass uint8, count int, chunk uint32) entry {
	return entryMany | entry(r)<<retentionShift | entry(sizeClass)<<sizeClassShift | entry(count)<<countShift | entry(chunk)
}

func (e entry) empty() bool { return e == 0 }
func (e entry) many() bool  { return e&entryMany != 0 }
func (e entry) retention() guard.Retention {
	return guard.Retention(e >> retentionShift & retentionMask)
}
func (e entry) sizeClass() uint8 { return uint8(e >> sizeClassShift & sizeClassMask) }
func (e entry) count() int       { return int(e >> countShift & countMask) }
func (e entry) low() uint32      { return uint32(e) } // the time, or the chunk

// instant is now in the three forms that judging needs.
type instant struct {
	ms   int64         // Unix milliseconds, rounded down
	wrap uint32        // ms modulo 2^32, as events are kept
	part time.Duration // what rounding down took off
}

func instantOf(t time.Time) instant {
	ms := t.UnixMilli()
	return instant{ms: ms, wrap: uint32(ms), part: time.Duration(t.Nanosecond() % int(time.Millisecond))}
}

// age is how long ago an event was, in milliseconds; negative after the clock
// was set back.
func (n instant) age(event uint32) int64 { return int64(int32(n.wrap - event)) }

// expired tells whether an event can not matter any more. One further in the
// future than it is kept is the trace of a clock that jumped.
func (n instant) expired(event uint32, r guard.Retention) bool {
	age, kept := n.age(event), r.Duration().Milliseconds()
	return age >= kept || age <= -kept
}

// fullUntil is how long a window with room for limit events stays full, given
// the subject's events in time order; 0 when there is room. The window is full
// as long as the limit-th newest event counts.
func (n instant) fullUntil(events []uint32, r guard.Retention, w guard.Window, limit int) time.Duration {
	if len(events) < limit {
		return 0
	}
	event := events[len(events)-limit]
	if n.expired(event, r) {
		return 0
	}
	at := n.ms - n.age(event)
	end := at + w.Per.Milliseconds()
	if w.Calendar {
		end = calendarEnd(at, w.Per.Milliseconds())
	}
	if end <= n.ms {
		return 0
	}
	return time.Duration(end-n.ms)*time.Millisecond - n.part
}

// calendarEnd is the end of the minute, hour or day of UTC+8 that holds at.
func calendarEnd(at, per int64) int64 {
	const utc8 = int64(8 * time.Hour / time.Millisecond)
	into := (at + utc8) % per
	if into < 0 {
		into += per
	}
	return at - into + per
}

// judge is the pure rule: what the events so far say about one more.
func (n instant) judge(events []uint32, kept guard.Retention, rule *guard.Rule) guard.Verdict {
	v := guard.Verdict{}
	for _, w := range rule.Windows {
		if hard := rule.HardMax(w); hard > 0 {
			v.RetryAfter = max(v.RetryAfter, n.fullUntil(events, kept, w, hard))
		}
		if rule.Exceeded >= guard.Challenge && n.fullUntil(events, kept, w, w.Max) > 0 {
			v.Action, v.Rule = rule.Exceeded, rule.Name
		}
	}
	if v.RetryAfter > 0 {
		v.Action, v.Rule = guard.Refuse, rule.Name
	}
	return v
}
