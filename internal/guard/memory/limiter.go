package memory

import (
	"context"
	"iter"
	"math/bits"
	"time"

	"yanma.dev/yanma/internal/guard"
)

// Limiter implements guard.Limiter in memory. It is safe for concurrent use.
type Limiter struct {
	now    func() time.Time
	shards [shards]shard
	sweep  sweeper
}

var _ guard.Limiter = (*Limiter)(nil)

// New makes an empty limiter. now drives the background sweep only; every other
// call is told its time.
func New(now func() time.Time) *Limiter { return &Limiter{now: now} }

// Load adds the events of journal rows, in any order, as far as they still
// matter at now. An event from the future (the clock was set back) counts as
// one of now. It fails on a row that is damaged, with the rows before it loaded.
func (l *Limiter) Load(now time.Time, rows iter.Seq[[]byte]) error {
	n := instantOf(now)
	for row := range rows {
		err := guard.ReadJournal(row, func(at int64, m guard.Mark) {
			at = min(at, n.ms)
			if n.ms-at >= m.Retention.Duration().Milliseconds() {
				return
			}
			s := &l.shards[shardOf(m.Subject)]
			s.mu.Lock()
			s.add(n, m.Subject, uint32(at), m.Retention, guard.MaxEvents)
			s.mu.Unlock()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Take counts one event in every bucket or in none (guard.Limiter).
func (l *Limiter) Take(_ context.Context, now time.Time, buckets []guard.Bucket) (guard.Taken, error) {
	n := instantOf(now)
	locked := l.lock(buckets)
	defer l.unlock(locked)

	taken := guard.NewTaken(n.ms)
	var refused guard.Verdict
	for _, b := range buckets {
		switch v := l.judge(n, b); v.Action {
		case guard.Refuse:
			if v.RetryAfter > refused.RetryAfter {
				refused = v
			}
		case guard.Alert:
			taken.Challenge = true
			taken.Alerts = append(taken.Alerts, v.Rule)
		case guard.Challenge:
			taken.Challenge = true
		case guard.Allow:
		}
	}
	if refused.Action == guard.Refuse {
		return guard.Taken{}, refused.Refused()
	}
	for _, b := range buckets {
		mark := guard.Mark{Subject: b.Subject, Retention: b.Rule.Retention()}
		l.shards[shardOf(b.Subject)].add(n, b.Subject, n.wrap, mark.Retention, worthKeeping(b.Rule))
		taken.Add(mark)
	}
	return taken, nil
}

// Peek tells what Take would say (guard.Limiter).
func (l *Limiter) Peek(_ context.Context, now time.Time, buckets []guard.Bucket) (guard.Verdict, error) {
	n := instantOf(now)
	locked := l.lock(buckets)
	defer l.unlock(locked)

	var strictest guard.Verdict
	for _, b := range buckets {
		if v := l.judge(n, b); stricter(v, strictest) {
			strictest = v
		}
	}
	return strictest, nil
}

// stricter orders verdicts: refusals by their time, then alerts, then challenges.
func stricter(v, than guard.Verdict) bool {
	if v.RetryAfter != than.RetryAfter {
		return v.RetryAfter > than.RetryAfter
	}
	return than.Action != guard.Refuse && v.Action > than.Action
}

// GiveBack removes what a Take counted (guard.Limiter).
func (l *Limiter) GiveBack(_ context.Context, t guard.Taken) {
	for i := range t.Len() {
		subject := t.Mark(i).Subject
		s := &l.shards[shardOf(subject)]
		s.mu.Lock()
		s.remove(subject, uint32(t.At()))
		s.mu.Unlock()
	}
}

// Len is the number of subjects that are kept.
func (l *Limiter) Len() int {
	total := 0
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		total += s.table.used
		s.mu.Unlock()
	}
	return total
}

func (l *Limiter) judge(n instant, b guard.Bucket) guard.Verdict {
	s := &l.shards[shardOf(b.Subject)]
	var room [1]uint32
	e := s.table.entry(s.table.find(b.Subject))
	return n.judge(s.events(e, &room), max(e.retention(), b.Rule.Retention()), b.Rule)
}

// worthKeeping is how many of a subject's newest events a rule can need. A rule
// that refuses bounds itself. One that never does needs Max of them, and as
// many again so that giving back the newest leaves the level exact.
func worthKeeping(rule *guard.Rule) int {
	if rule.Exceeded < guard.Challenge || rule.RefuseTimes > 0 {
		return guard.MaxEvents
	}
	most := 0
	for i := range rule.Windows {
		most = max(most, rule.Windows[i].Max)
	}
	return min(2*most, guard.MaxEvents)
}

func shardOf(subject uint64) uint64 { return hash(subject) >> (64 - shardBits) }

// lock takes the shards of the buckets in ascending order, so that two calls
// never wait for each other. The set is a bit mask.
func (l *Limiter) lock(buckets []guard.Bucket) uint64 {
	var set uint64
	for i := range buckets {
		set |= 1 << shardOf(buckets[i].Subject)
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		l.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return set
}

func (l *Limiter) unlock(set uint64) {
	for ; set != 0; set &= set - 1 {
		l.shards[bits.TrailingZeros64(set)].mu.Unlock()
	}
}
