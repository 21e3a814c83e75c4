package guard

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Bucket is one subject under one rule. Subject is a keyed hash that already
// separates rules from each other (see Rule.For), never a number or address.
type Bucket struct {
	Subject uint64
	Rule    *Rule
}

// Verdict is the strictest answer over a set of buckets.
type Verdict struct {
	Action     Action        // Allow, or what the exceeded rule says; Refuse wins over the others
	Rule       string        // the rule that says so; empty for Allow
	RetryAfter time.Duration // for Refuse: waiting exactly this long succeeds
}

// Limiter counts events. Buckets are taken all or none; the subjects of one
// call are distinct. Times are counted to the millisecond.
type Limiter interface {
	// Take counts one event in every bucket, or in none: then the error is a
	// *core.Error of KindRateLimited whose RetryAfter is exact (the longest of
	// the buckets that refuse) and whose Detail is the name of that rule.
	Take(ctx context.Context, now time.Time, buckets []Bucket) (Taken, error)

	// Peek tells what Take would say, and counts nothing.
	Peek(ctx context.Context, now time.Time, buckets []Bucket) (Verdict, error)

	// GiveBack removes the events that a Take counted, after the request was
	// refused for another reason. Once per Taken.
	GiveBack(ctx context.Context, t Taken)
}

// Refused is the error of a Verdict that refuses; nil for the others.
func (v Verdict) Refused() error {
	if v.Action != Refuse {
		return nil
	}
	return core.RetryIn(core.KindRateLimited, v.RetryAfter, v.Rule)
}

// Taken is what one Take counted: it can be journaled and given back.
type Taken struct {
	Challenge bool     // some rule asks for a challenge (contracts/README.md §6)
	Alerts    []string // names of the rules that want the operator's attention

	at    int64 // Unix milliseconds
	count int
	first [8]Mark
	rest  []Mark // only for calls with more than eight buckets
}

// Mark is one event of a Taken.
type Mark struct {
	Subject   uint64
	Retention Retention
}

// NewTaken begins the list of what was counted at a time in Unix milliseconds.
// It is for implementations of Limiter.
func NewTaken(at int64) Taken { return Taken{at: at} }

// Add notes one counted event.
func (t *Taken) Add(m Mark) {
	if t.count < len(t.first) {
		t.first[t.count] = m
	} else {
		t.rest = append(t.rest, m)
	}
	t.count++
}

// At is the time of the events in Unix milliseconds.
func (t *Taken) At() int64 { return t.at }

// Len is how many events were counted.
func (t *Taken) Len() int { return t.count }

// Mark is the i-th counted event.
func (t *Taken) Mark(i int) Mark {
	if i < len(t.first) {
		return t.first[i]
	}
	return t.rest[i-len(t.first)]
}

// Room is nil where each bucket has room for one more event, or the refusal that
// Take would give. Nothing is counted.
func Room(ctx context.Context, l Limiter, now time.Time, buckets []Bucket) error {
	if len(buckets) == 0 {
		return nil
	}
	verdict, err := l.Peek(ctx, now, buckets)
	if err != nil {
		return err
	}
	return verdict.Refused()
}

// Count counts one event that is not given back, or refuses it.
func Count(ctx context.Context, l Limiter, now time.Time, buckets []Bucket) error {
	if len(buckets) == 0 {
		return nil
	}
	_, err := l.Take(ctx, now, buckets)
	return err
}
