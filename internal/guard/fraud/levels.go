package fraud

import (
	"cmp"
	"slices"
	"time"
)

// Level is how one subject stands.
type Level struct {
	Subject    Key
	Unverified float32 // level
	Threshold  float32 // of a challenge, now
	Usual      float32 // the level around this hour in the last 14 days
	Failures   float32
	Most       float32 // threshold of a challenge for wrong codes; 0: not judged
	Outcome    Outcome // of the hold that goes on
	Until      time.Time
	Trips      int // times it was over a threshold lately
	Sent       uint32
	Verified   uint32
	Failed     uint32
	Refused    uint32
	Conversion float32 // of 14 days, 0 to 1
	Vouches    bool    // requests from this range stand one step better
}

// Levels are the subjects that are not empty, the fullest first, at most most
// of them.
func (e *Engine) Levels(now time.Time, most int) []Level {
	var all []Level
	ms := now.UnixMilli()
	for i := range e.shards {
		sh := &e.shards[i]
		sh.mu.Lock()
		for kind := range sh.tables {
			for j := range sh.tables[kind].slab {
				s := sh.tables[kind].slab[j] // a copy: looking changes nothing
				l := s.touch(ms, &e.rules)
				if s.unverified.level == 0 && s.failing.level == 0 && s.unverified.mode == Allow && s.failing.mode == Allow {
					continue
				}
				all = append(all, s.levelAt(ms, &l))
			}
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Level) int {
		return cmp.Or(cmp.Compare(b.Outcome, a.Outcome), cmp.Compare(b.fullness(), a.fullness()))
	})
	return all[:min(len(all), most)]
}

func (l *Level) fullness() float32 {
	return max(l.Unverified/max(l.Threshold, 1), l.Failures/max(l.Most, 1))
}

func (s *state) levelAt(now int64, at *limits) Level {
	all := s.window.all()
	l := Level{Subject: s.key, Unverified: s.unverified.level, Threshold: at.unverified.challenge, Usual: s.habit.level(now),
		Failures: s.failing.level, Most: at.failing.challenge, Sent: all.sent, Verified: all.verified, Failed: all.failed, Refused: all.refused,
		Conversion: s.habit.conversion(), Vouches: (s.key.Kind == Range4 || s.key.Kind == Range6) && s.vouches()}
	for _, g := range []*gauge{&s.unverified, &s.failing, &s.solved} {
		if g.mode != Allow && g.mode >= l.Outcome {
			l.Outcome, l.Until = g.mode, time.UnixMilli(g.until)
		}
		l.Trips += int(g.trips)
	}
	return l
}

// Stats are totals since the start, and what is kept now.
type Stats struct {
	Allowed, Challenged, Blocked uint64            // decisions, by what the rules said
	ByRule                       map[string]uint64 // of those that were not allowed
	Kept                         map[string]int    // subjects by kind
	Evicted                      uint64            // subjects that made room
}

// Stats are for metrics.
func (e *Engine) Stats() Stats {
	st := Stats{Allowed: e.stats[Allow].Load(), Challenged: e.stats[Challenge].Load(), Blocked: e.stats[Block].Load(),
		ByRule: map[string]uint64{}, Kept: map[string]int{}}
	for r := Unverified; r <= Solved; r++ {
		st.ByRule[r.String()] = e.byRule[r].Load()
	}
	for i := range e.shards {
		sh := &e.shards[i]
		sh.mu.Lock()
		for kind := Country; kind < kinds; kind++ {
			st.Kept[kind.String()] += len(sh.tables[kind].slab)
		}
		st.Evicted += sh.gone
		sh.mu.Unlock()
	}
	return st
}
