package fraud

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Finding is one minute's decisions of one kind about one subject: an attack
// makes a row a minute, not a row a request.
type Finding struct {
	Minute  time.Time
	Tenant  uint32
	App     uint32
	Outcome Outcome // what the rules said
	Reason  Reason  // of the first; its Subject's kind is 0 where there were too many subjects
	Count   int     // requests
	Passed  int     // of them, with a solved challenge or because decisions are only recorded
}

// mostFindings bounds what waits to be taken.
const mostFindings = 1000

type findingKey struct {
	minute  int64
	app     uint32
	subject Key
	rule    Rule
	outcome Outcome
}

type findings struct {
	mu  sync.Mutex
	all map[findingKey]*Finding
}

// note counts a decision, and keeps one that is not Allow for the audit.
func (e *Engine) note(now time.Time, s *Subject, d *Decision) {
	e.stats[d.Found].Add(1)
	if d.Found == Allow {
		return
	}
	why := d.why[0]
	e.byRule[why.Rule].Add(1)
	k := findingKey{minute: now.Unix() / 60, app: uint32(s.App), subject: why.Subject, rule: why.Rule, outcome: d.Found}
	e.found.mu.Lock()
	defer e.found.mu.Unlock()
	if e.found.all == nil {
		e.found.all = map[findingKey]*Finding{}
	}
	f := e.found.all[k]
	if f == nil && len(e.found.all) >= mostFindings {
		k = findingKey{minute: k.minute, outcome: d.Found}
		why = Reason{Outcome: d.Found}
		f = e.found.all[k]
	}
	if f == nil {
		f = &Finding{Minute: time.Unix(k.minute*60, 0), Tenant: uint32(s.Tenant), App: uint32(s.App), Outcome: d.Found, Reason: why}
		e.found.all[k] = f
	}
	f.Count++
	if d.Outcome == Allow {
		f.Passed++
	}
}

// Findings takes what was found in the minutes before now's, the oldest first.
func (e *Engine) Findings(now time.Time) []Finding {
	minute := now.Unix() / 60
	e.found.mu.Lock()
	defer e.found.mu.Unlock()
	var out []Finding
	for k, f := range e.found.all {
		if k.minute != minute {
			out = append(out, *f)
			delete(e.found.all, k)
		}
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return cmp.Or(a.Minute.Compare(b.Minute), cmp.Compare(b.Count, a.Count))
	})
	return out
}
