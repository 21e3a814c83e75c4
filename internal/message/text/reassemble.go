package text

import (
	"strings"
	"time"
)

// Key tells apart the long messages that are on their way at the same time.
type Key struct {
	From, To string
	Ref      uint16
	Count    byte
}

// Reassembler puts the segments of long messages together, in any order. It
// holds at most its limit of unfinished messages and forgets the oldest. It is
// not safe for concurrent use.
type Reassembler struct {
	limit int
	life  time.Duration
	open  map[Key]*unfinished
}

type unfinished struct {
	since time.Time
	parts []string
	have  []bool
	left  int
}

// NewReassembler returns one that holds up to limit unfinished messages, each
// for at most life.
func NewReassembler(limit int, life time.Duration) *Reassembler {
	return &Reassembler{limit: limit, life: life, open: make(map[Key]*unfinished)}
}

// Add takes one segment that came at now. whole is the text once its last
// missing segment has come. A segment that came before is ignored.
func (r *Reassembler) Add(from, to string, p Part, part string, now time.Time) (whole string, complete bool) {
	if p.Count <= 1 {
		return part, true
	}
	if p.Number < 1 || p.Number > p.Count {
		return "", false
	}
	key := Key{From: from, To: to, Ref: p.Ref, Count: p.Count}
	u := r.open[key]
	if u == nil || now.Sub(u.since) > r.life {
		u = r.begin(key, now)
	}
	if u.have[p.Number-1] {
		return "", false
	}
	u.parts[p.Number-1], u.have[p.Number-1] = part, true
	u.left--
	if u.left > 0 {
		return "", false
	}
	delete(r.open, key)
	return strings.Join(u.parts, ""), true
}

// Open is how many messages wait for segments.
func (r *Reassembler) Open() int { return len(r.open) }

func (r *Reassembler) begin(key Key, now time.Time) *unfinished {
	delete(r.open, key)
	if len(r.open) >= r.limit {
		r.makeRoom(now)
	}
	u := &unfinished{since: now, parts: make([]string, key.Count), have: make([]bool, key.Count), left: int(key.Count)}
	r.open[key] = u
	return u
}

// makeRoom drops everything past its life, or else the oldest.
func (r *Reassembler) makeRoom(now time.Time) {
	var oldest Key
	var since time.Time
	for key, u := range r.open {
		if now.Sub(u.since) > r.life {
			delete(r.open, key)
		} else if since.IsZero() || u.since.Before(since) {
			oldest, since = key, u.since
		}
	}
	if len(r.open) >= r.limit {
		delete(r.open, oldest)
	}
}
