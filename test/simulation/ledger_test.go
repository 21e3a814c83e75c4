package simulation

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what somebody knows of a call.
type result uint8

const (
	yes     result = iota // answered "ok"
	no                    // answered with a refusal
	unknown               // no answer, or "something went wrong": it may have happened
	never                 // the request did not arrive
)

func (r result) String() string { return [...]string{"ok", "refused", "unknown", "not done"}[r] }

// sending is one get-code.
type sending struct {
	sent, answered time.Time
	result         result
	code           string // of a refusal
}

// try is one check-code.
type try struct {
	code           string
	sent, answered time.Time
	result         result
	uid            string
}

// copied is one message that a carrier took.
type copied struct {
	carrier, number, code string
	at                    time.Time
	clock                 time.Time // the servers'
	answered              bool      // the answer left, in time
	id                    string
	delivers              bool // every receipt says so
	reported              bool // the server said that it has a receipt
}

// person's page in the ledger.
type phone struct {
	number   string
	sendings []sending
	tries    []try
	uids     map[string]bool
	devices  []string

	mu    sync.Mutex
	codes []string // on the display, newest last
	news  chan struct{}
}

func (p *phone) arrive(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes = append(p.codes, code)
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *phone) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.codes)
}

// ledger is what the world outside of the server saw: what was answered, and
// what left. It is held against the database in the end.
type ledger struct {
	mu      sync.Mutex
	phones  map[string]*phone // by number, as carriers write it
	copies  []*copied
	crashes []time.Time
	cuts    []time.Time
	strange []string
}

func (l *ledger) phone(number string) *phone {
	number = "86" + strings.TrimPrefix(strings.TrimPrefix(number, "+"), "86")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phones == nil {
		l.phones = map[string]*phone{}
	}
	p := l.phones[number]
	if p == nil {
		p = &phone{number: number, uids: map[string]bool{}, news: make(chan struct{}, 1)}
		l.phones[number] = p
	}
	return p
}

func (l *ledger) taken(c *copied) *copied {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copies = append(l.copies, c)
	return c
}

func (l *ledger) named(c *copied, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.id = id
}

func (l *ledger) reported(carrier, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.copies {
		if c.carrier == carrier && c.id == id {
			c.reported = true
		}
	}
}

// twice is how many codes left more than once.
func (l *ledger) twice() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, again := map[string]bool{}, 0
	for _, c := range l.copies {
		if key := c.number + c.code; seen[key] {
			again++
		} else {
			seen[key] = true
		}
	}
	return again
}

func (l *ledger) crash(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.crashes = append(l.crashes, at)
}

func (l *ledger) cut(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts = append(l.cuts, at)
}

// disturbed tells whether a process ended, or a line broke, in a span of time.
func (l *ledger) disturbed(from, to time.Time) bool {
	inside := func(t time.Time) bool { return t.After(from) && t.Before(to) }
	return slices.ContainsFunc(l.crashes, inside) || slices.ContainsFunc(l.cuts, inside)
}

func (l *ledger) odd(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strange = append(l.strange, fmt.Sprintf(format, args...))
}

// trace is what happened, in the world's time. Codes, ids and keys are left
// out: they are random.
type trace struct {
	began time.Time
	mu    sync.Mutex
	lines []string
}

func (t *trace) add(who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf("%14d %s ", time.Since(t.began), who)+fmt.Sprintf(format, args...))
}

// text is the trace in one order: of what happened at one instant nobody can
// say which was first.
func (t *trace) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.lines)
	return strings.Join(t.lines, "\n") + "\n"
}

func (t *trace) hash() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.text()))
	return h.Sum64()
}

// hits counts what happened at each failpoint, over all runs.
type hits struct {
	mu sync.Mutex
	of map[string]*[verdicts]int
}

func newHits() *hits { return &hits{of: map[string]*[verdicts]int{}} }

func (h *hits) count(point string, v verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of[point] == nil {
		h.of[point] = new([verdicts]int)
	}
	h.of[point][v]++
}
