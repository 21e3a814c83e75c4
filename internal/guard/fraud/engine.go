package fraud

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// Options are what an Engine is made of.
type Options struct {
	Policy Policy   // DefaultPolicy's where it is zero
	Home   []string // ISO regions in which the installation's people live; nil: CN
	Record bool     // only record what would be done
}

// Engine judges requests. It is safe for concurrent use and asks nobody.
type Engine struct {
	rules  rules
	record bool
	shards [shards]shard
	lists  atomic.Pointer[Lists]
	recent recent
	found  findings
	stats  [3]atomic.Uint64 // by what was found
	byRule [5]atomic.Uint64
}

// rules is the policy as it is used.
type rules struct {
	Policy
	kinds          [kinds]KindPolicy
	home           []uint64
	hold, holdMost int64
	nodes          atomic.Int32
}

// of is what holds for a subject.
func (r *rules) of(k Key) *KindPolicy {
	if k.Kind == Country && slices.Contains(r.home, k.Value) {
		return &r.kinds[0]
	}
	return &r.kinds[k.Kind]
}

// New returns an engine that knows nothing yet.
func New(o Options) *Engine {
	if o.Policy == (Policy{}) {
		o.Policy = DefaultPolicy()
	}
	if o.Home == nil {
		o.Home = []string{"CN"}
	}
	e := &Engine{record: o.Record}
	e.rules.Policy, e.rules.kinds = o.Policy, o.Policy.kindPolicies()
	e.rules.hold, e.rules.holdMost = o.Policy.Hold.Milliseconds(), o.Policy.HoldMost.Milliseconds()
	e.rules.nodes.Store(1)
	for _, region := range o.Home {
		if len(region) == 2 {
			e.rules.home = append(e.rules.home, uint64(region[0])<<8|uint64(region[1]))
		}
	}
	for i := range e.shards {
		for kind := range e.shards[i].tables {
			e.shards[i].tables[kind].most = max(e.rules.kinds[kind].Most/shards, 1)
		}
	}
	return e
}

// SetLists replaces the lists of who is always allowed.
func (e *Engine) SetLists(l Lists) { e.lists.Store(&l) }

// SetNodes tells how many nodes count: until their deltas are here, each is
// taken to send as many codes as this one.
func (e *Engine) SetNodes(n int) { e.rules.nodes.Store(int32(max(n, 1))) }

func (e *Engine) listed(s *Subject) bool { return s.AllowListed || e.lists.Load().Has(s) }

// lock takes the shards of the keys in ascending order.
func (e *Engine) lock(k *keys) uint64 {
	var set uint64
	for i := range k.n {
		set |= 1 << shardOf(k.all[i])
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		e.shards[bits.TrailingZeros64(rest)].mu.Lock()
	}
	return set
}

func (e *Engine) unlock(set uint64) {
	for ; set != 0; set &= set - 1 {
		e.shards[bits.TrailingZeros64(set)].mu.Unlock()
	}
}

// scene is the states of one request, under their locks.
type scene struct {
	keys   keys
	states [mostKeys]*state
	limits [mostKeys]limits
	found  [mostKeys]finding
}

// look finds the states of the scene's keys; make: also those that are new.
func (e *Engine) look(c *scene, now int64, make bool) {
	for i := range c.keys.n {
		k := c.keys.all[i]
		sh := &e.shards[shardOf(k)]
		if c.states[i] != nil {
			continue // looked at already
		}
		if make {
			c.states[i] = sh.make(k, now)
		} else {
			c.states[i] = sh.find(k)
		}
		if s := c.states[i]; s != nil {
			c.limits[i] = s.touch(now, &e.rules)
		}
	}
}

// judge is what the scene's states say together. sends: unverified codes count,
// and wrong ones of addresses; otherwise wrong ones alone. Broad subjects' count
// one step less: of sends where the range vouches, of checks that are expected.
func (e *Engine) judge(c *scene, sends, expected bool) (d Decision) {
	vouched := sends && c.vouched()
	for i := range c.keys.n {
		s := c.states[i]
		if s == nil {
			continue
		}
		f := finding{}
		if !sends || s.key.Kind != App {
			f = s.judgeChecks(&e.rules, &c.limits[i], expected)
		}
		if sends {
			if by := s.judgeSend(&e.rules, &c.limits[i], vouched); by.outcome > f.outcome {
				f = by
			}
		}
		c.found[i] = f
		if f.outcome > Allow {
			d.add(s, f)
		}
	}
	d.Outcome = d.Found
	return d
}

// settleOutcome is what becomes of what was found.
func (e *Engine) settleOutcome(d *Decision, s *Subject) {
	if e.record || s.Record || s.Challenged && d.Found == Challenge {
		d.Outcome = Allow
	}
}

// refuse notes a refusal with those who asked for it, and with the range that it
// came from. What a prefix or a range refuses by itself is no matter of the
// broad ones: their people are not its.
func (e *Engine) refuse(c *scene, now int64) {
	narrow := false
	for i := range c.keys.n {
		narrow = narrow || c.states[i] != nil && c.found[i].outcome > Allow && !e.rules.of(c.keys.all[i]).Broad
	}
	for i := range c.keys.n {
		s := c.states[i]
		if s == nil {
			continue
		}
		asked := c.found[i].outcome > Allow && !(narrow && e.rules.of(s.key).Broad)
		if asked || s.key.Kind == Range4 || s.key.Kind == Range6 {
			s.refused(now, 1, c.found[i], &c.limits[i])
			s.untold.refused++
			e.shards[shardOf(s.key)].tell(s)
		}
	}
}

// Judge is what Admit would say; it counts nothing.
func (e *Engine) Judge(now time.Time, s Subject) Decision {
	if e.listed(&s) {
		return Decision{}
	}
	ms, c := now.UnixMilli(), scene{keys: s.sendKeys()}
	set := e.lock(&c.keys)
	e.look(&c, ms, false)
	d := e.judge(&c, true, false)
	e.unlock(set)
	e.settleOutcome(&d, &s)
	return d
}

// Admit judges a code that is about to be sent, and counts it as sent when the
// outcome is Allow. Of concurrent calls each sees those before it. One that is
// not sent after all is given back.
func (e *Engine) Admit(now time.Time, s Subject) Decision {
	if e.listed(&s) {
		return Decision{}
	}
	ms, c := now.UnixMilli(), scene{keys: s.sendKeys()}
	set := e.lock(&c.keys)
	e.look(&c, ms, false)
	d := e.judge(&c, true, false)
	e.settleOutcome(&d, &s)
	switch {
	case d.Outcome == Allow && s.Elsewhere:
	case d.Outcome == Allow:
		e.pour(&c, now, &s)
	default:
		e.refuse(&c, ms)
	}
	e.unlock(set)
	e.note(now, &s, &d)
	return d
}

func (e *Engine) pour(c *scene, now time.Time, s *Subject) {
	ms := now.UnixMilli()
	e.look(c, ms, true)
	for i := range c.keys.n {
		st := c.states[i]
		st.sent(ms, 1, s.Number, s.Challenged, &e.rules, &c.limits[i])
		st.untold.sent++
		e.shards[shardOf(st.key)].tell(st)
	}
	e.recent.add(now, sentKey(s))
	e.recent.add(now, numberKey(s))
	if s.Challenged {
		e.recent.add(now, solvedKey(s))
	}
}

// expected tells whether a guess is likely of the person to whom the code was
// sent: it comes from the range that asked for it, or from one with a good
// history. The scene's states are touched.
func (e *Engine) expected(now time.Time, s *Subject, c *scene) bool {
	return e.recent.has(now, sentKey(s)) || c.vouched() && e.recent.has(now, numberKey(s))
}

// likely is vouched for a scene that nobody looked at.
func (e *Engine) likely(c *scene, now int64) bool {
	set := e.lock(&c.keys)
	defer e.unlock(set)
	e.look(c, now, false)
	return c.vouched()
}

// vouched tells whether the request's own range vouches.
func (c *scene) vouched() bool {
	for i := range c.keys.n {
		if k := c.keys.all[i].Kind; k == Range4 || k == Range6 {
			return c.states[i] != nil && c.states[i].vouches()
		}
	}
	return false
}

// Sent counts a code that was sent without being judged.
func (e *Engine) Sent(now time.Time, s Subject) {
	if e.listed(&s) {
		return
	}
	c := scene{keys: s.sendKeys()}
	set := e.lock(&c.keys)
	e.pour(&c, now, &s)
	e.unlock(set)
}

// GiveBack takes back what Admit or Sent counted, for a code that was refused
// later.
func (e *Engine) GiveBack(now time.Time, s Subject) {
	if !s.Elsewhere {
		e.count(now, &s, s.sendKeys(), gaveBack, false)
	}
}

// JudgeCheck judges a guess before it is compared (requirement row 24). A
// refusal is noted.
func (e *Engine) JudgeCheck(now time.Time, s Subject) Decision {
	if e.listed(&s) {
		return Decision{}
	}
	ms, c := now.UnixMilli(), scene{}
	s.checkKeys(&c.keys)
	set := e.lock(&c.keys)
	e.look(&c, ms, false)
	d := e.judge(&c, false, e.expected(now, &s, &c))
	e.settleOutcome(&d, &s)
	if d.Outcome > Allow {
		e.refuse(&c, ms)
	}
	e.unlock(set)
	e.note(now, &s, &d)
	return d
}

// Verified counts a code that was entered: it drains what its sending poured,
// and of wrong codes too.
func (e *Engine) Verified(now time.Time, s Subject) {
	e.count(now, &s, s.sendKeys(), wasRight, e.recent.has(now, solvedKey(&s)))
}

// Failed counts a wrong guess, also one at a number that waits for no code.
func (e *Engine) Failed(now time.Time, s Subject) {
	c := scene{}
	s.checkKeys(&c.keys)
	did := wasWrong
	if e.recent.has(now, sentKey(&s)) || e.recent.has(now, numberKey(&s)) && e.likely(&c, now.UnixMilli()) {
		did = slipped
	}
	e.count(now, &s, c.keys, did, false)
}

// deed is what is counted when nothing is judged.
type deed uint8

const (
	gaveBack deed = iota
	wasRight
	wasWrong
	slipped // wrong, but expected
)

// count counts a deed with every state of a request, one after the other.
func (e *Engine) count(now time.Time, s *Subject, k keys, did deed, solved bool) {
	if e.listed(s) {
		return
	}
	ms, around := now.UnixMilli(), float32(0)
	for i := range k.n {
		sh := &e.shards[shardOf(k.all[i])]
		sh.mu.Lock()
		st := sh.make(k.all[i], ms)
		l := st.touch(ms, &e.rules)
		switch did {
		case gaveBack:
			st.back(1)
			st.given++
		case wasRight:
			switch st.key.Kind {
			case Country:
				around = 1 / st.habit.conversion()
			case Prefix:
				st.around = around
			default:
			}
			st.right(ms, 1, s.Number, solved, &l)
			st.untold.verified++
		case wasWrong:
			st.failed(ms, 1, 0, &l)
			st.untold.failed++
		case slipped:
			st.failed(ms, 1, 1, &l)
			st.untold.failed++
			st.slips++
		}
		sh.tell(st)
		sh.mu.Unlock()
	}
}
