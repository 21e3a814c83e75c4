package memory

import (
	"time"

	"yanma.dev/yanma/internal/guard"
)

// oracle is a limiter written the obvious way: it keeps every event as a
// time.Time for ever and counts. It shares no code with the limiter.
type oracle struct{ events map[uint64][]time.Time }

func newOracle() *oracle { return &oracle{events: map[uint64][]time.Time{}} }

var beijing = time.FixedZone("UTC+8", 8*60*60)

// startOf is the beginning of what a calendar window counts at now.
func startOf(now time.Time, per time.Duration) time.Time {
	y, m, d := now.In(beijing).Date()
	h, min := now.In(beijing).Hour(), now.In(beijing).Minute()
	switch per {
	case time.Minute:
		return time.Date(y, m, d, h, min, 0, 0, beijing)
	case time.Hour:
		return time.Date(y, m, d, h, 0, 0, 0, beijing)
	default:
		return time.Date(y, m, d, 0, 0, 0, 0, beijing)
	}
}

func (o *oracle) level(subject uint64, now time.Time, w guard.Window) int {
	n := 0
	for _, t := range o.events[subject] {
		if w.Calendar && !t.Before(startOf(now, w.Per)) || !w.Calendar && now.Sub(t) < w.Per {
			n++
		}
	}
	return n
}

func (o *oracle) refuses(now time.Time, buckets []guard.Bucket) bool {
	for _, b := range buckets {
		for _, w := range b.Rule.Windows {
			times := 1
			if b.Rule.Exceeded != guard.Refuse {
				times = b.Rule.RefuseTimes
			}
			if times > 0 && o.level(b.Subject, now, w) >= w.Max*times {
				return true
			}
		}
	}
	return false
}

// asks tells whether some rule's soft limit is passed by one more event.
func (o *oracle) asks(now time.Time, buckets []guard.Bucket) bool {
	for _, b := range buckets {
		for _, w := range b.Rule.Windows {
			if b.Rule.Exceeded != guard.Refuse && o.level(b.Subject, now, w) >= w.Max {
				return true
			}
		}
	}
	return false
}

func (o *oracle) add(now time.Time, buckets []guard.Bucket) {
	for _, b := range buckets {
		o.events[b.Subject] = append(o.events[b.Subject], now.Truncate(time.Millisecond))
	}
}

func (o *oracle) giveBack(at time.Time, buckets []guard.Bucket) {
	for _, b := range buckets {
		events := o.events[b.Subject]
		for i, t := range events {
			if t.Equal(at.Truncate(time.Millisecond)) {
				o.events[b.Subject] = append(append([]time.Time{}, events[:i]...), events[i+1:]...)
				break
			}
		}
	}
}
