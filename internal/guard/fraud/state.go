package fraud

// state is all that is kept of one subject.
type state struct {
	key        Key
	at         int64 // the last touch, Unix milliseconds
	unverified gauge
	failing    gauge
	solved     gauge // of broad subjects: unverified codes after solved challenges
	window     window
	habit      habit

	slot               int64   // the two minutes for which the next three hold
	most, harder, leak float32 // of unverified codes: the threshold, times that it blocks, a millisecond's leak

	around float32 // of a prefix: codes of its country for each that is entered there, when that was last seen

	untold counts // what happened on this node since the last deltas
	given  uint32 // sends that were given back
	slips  uint32 // of the wrong codes, those that were expected
	dirty  bool   // stands in its shard's list of untold
}

// limits are a state's thresholds at an instant.
type limits struct{ unverified, failing, solved bounds }

// touch brings a state to now and tells its limits.
func (s *state) touch(now int64, p *rules) (l limits) {
	if now/slotMillis != s.slot {
		s.slot = now / slotMillis
		s.window.turn(now)
		s.habit.turn(now)
		s.learned(now, p)
	}
	k := p.of(s.key)
	l.failing = bounds{challenge: k.Failures.Challenge, block: k.Failures.Block, leak: k.Failures.Challenge / dayMillis, hold: p.hold, holdMost: p.holdMost}
	// What converts may have more codes on their way at once.
	way := float32(s.window.young().verified) / 2
	if k.Unverified.Challenge > 0 {
		most := s.most + way
		l.unverified = bounds{challenge: most, block: most * s.harder, leak: s.leak, hold: p.hold, holdMost: p.holdMost, remembers: k.Broad}
	}
	if k.Solved > 0 {
		l.solved = bounds{challenge: k.Solved + way, block: k.Solved + way, leak: k.Solved / dayMillis, hold: p.hold, holdMost: p.holdMost}
	}
	s.unverified.settle(s.at, now, &l.unverified)
	s.failing.settle(s.at, now, &l.failing)
	s.solved.settle(s.at, now, &l.solved)
	s.at = now
	return l
}

// learned works out what holds for two minutes.
func (s *state) learned(now int64, p *rules) {
	k := p.of(s.key)
	if s.most = k.Unverified.Challenge; s.most == 0 {
		return
	}
	s.harder = k.Unverified.Block / s.most
	s.leak = s.most * min(s.habit.conversion()/believedConversion, 1) / dayMillis
	if k.Learns {
		s.most = max(s.most, p.Factor*s.habit.level(now))
	}
}

// finding is what one rule says of one subject.
type finding struct {
	rule      Rule
	outcome   Outcome
	threshold float32
}

// judgeSend is the strictest that the subject's unverified codes say of one more,
// for a request that somebody vouches for or not. The state is touched.
func (s *state) judgeSend(p *rules, l *limits, vouched bool) finding {
	others := float32(p.nodes.Load()-1) * float32(s.untold.sent-min(s.untold.sent, s.untold.verified+s.given))
	found := finding{rule: Unverified, outcome: s.unverified.outcome(others, &l.unverified), threshold: l.unverified.challenge}
	if by := s.converts(p); by > found.outcome {
		found = finding{rule: Conversion, outcome: by, threshold: p.ChallengeBelow}
	}
	if !p.of(s.key).Broad || found.outcome == Allow {
		return found
	}
	by := s.solved.outcome(0, &l.solved)
	switch {
	case vouched:
		found.outcome--
	case by == Block:
		found = finding{rule: Solved, outcome: Block, threshold: l.solved.block}
	case found.rule == Unverified:
		found.outcome = Challenge
	}
	return found
}

// converts is the breaker of requirement row 23. Codes of the last two to four
// minutes may yet be entered: they do not count as failures, but those of them
// that were entered count.
func (s *state) converts(p *rules) Outcome {
	k, g := p.of(s.key), &s.unverified
	if g.mode == Allow && s.at-max(g.since, g.until) < slots*slotMillis {
		return Allow // those codes had their hold: there is room for a probe, and after it for people
	}
	sent := s.window.mature.sent
	if k.MinSends == 0 || sent < k.MinSends {
		return Allow
	}
	switch share := float32(s.window.all().verified) / float32(sent); {
	case share < p.BlockBelow && k.ConvBlocks:
		return Block
	case share < p.ChallengeBelow:
		return Challenge
	}
	return Allow
}

// judgeChecks is what the subject's wrong codes say.
func (s *state) judgeChecks(p *rules, l *limits, expected bool) finding {
	found := finding{rule: Failures, outcome: s.failing.outcome(0, &l.failing), threshold: l.failing.challenge}
	if expected && found.outcome > Allow && p.of(s.key).Broad {
		found.outcome--
	}
	return found
}

// What a range must have to vouch.
const (
	vouchVerified   = 10 // codes that were entered in 14 days
	vouchConversion = 0.3
)

// vouches tells whether an address range has a good history, for which broad
// subjects' findings count one step less: what is unverified and wrong of it
// now is little beside what was entered there, and it is not refused all the
// time.
func (s *state) vouches() bool {
	if s.habit.verified < vouchVerified || s.habit.conversion() < vouchConversion || s.unverified.mode != Allow || s.failing.mode != Allow {
		return false
	}
	room, all := max(1, s.habit.verified/20), s.window.all()
	return s.unverified.level <= room && s.failing.level <= room && all.refused <= all.verified
}

// sent counts n codes, sent after a solved challenge where solved.
func (s *state) sent(now int64, n uint32, number uint64, solved bool, p *rules, l *limits) {
	s.window.current().sent += n
	s.habit.sent += float32(n)
	if solved && s.unverified.mode != Allow {
		s.solved.pour(now, float32(n), number, &l.solved)
	}
	s.unverified.pour(now, float32(n), number, &l.unverified)
	s.habit.peak = max(s.habit.peak, min(s.unverified.level, l.unverified.challenge))
	if by := s.converts(p); by > Allow {
		s.unverified.trip(now, by, 0, &l.unverified)
	}
}

// back takes n codes back that were not sent after all. A hold that they began
// stays.
func (s *state) back(n uint32) {
	c := s.window.current()
	c.sent -= min(c.sent, n)
	s.habit.sent = max(0, s.habit.sent-float32(n))
	s.unverified.level = max(0, s.unverified.level-float32(n))
}

// right counts n right codes, the last one of them of number; solved: they were
// sent after solved challenges.
func (s *state) right(now int64, n uint32, number uint64, solved bool, l *limits) {
	s.window.current().verified += n
	s.habit.verified += float32(n)
	all := s.window.all()
	mostly := all.verified >= max(all.refused/2, 5) // each person whom a challenge stopped was refused once
	most := float32(mostDrain)
	if s.key.Kind == Prefix {
		most = min(max(prefixDrain, s.around), mostDrain)
	}
	drain, as := s.habit.drainUnverified(most)
	drain, as = drain*float32(n), as*float32(n)
	if s.unverified.mode != Allow && !mostly {
		s.unverified.drain(now, as, number, mostly, &l.unverified) // people make up for people only
	} else {
		s.unverified.drain(now, drain, number, mostly, &l.unverified)
	}
	if solved {
		s.solved.drain(now, drain, number, true, &l.solved)
	}
	s.failing.drain(now, float32(n)*s.habit.drainFailures(), number, mostly, &l.failing)
}

// slipWeight is what a wrong code counts that is likely a slip of the person who
// was sent one; a guess at a number that waits for no code, or from elsewhere,
// counts one.
const slipWeight = 0.25

// failed counts n wrong codes, of which some were slips.
func (s *state) failed(now int64, n, slips uint32, l *limits) {
	s.window.current().failed += n
	weight := float32(n-slips) + slipWeight*float32(slips)
	s.habit.failed += weight
	s.failing.pour(now, weight, 0, &l.failing)
}

// refused counts n refusals. by is what the subject itself says.
func (s *state) refused(now int64, n uint32, by finding, l *limits) {
	s.window.current().refused += n
	switch {
	case by.outcome == Allow: // another subject's refusal
	case by.rule == Failures:
		s.failing.refuse(now, by.outcome, true, &l.failing)
	case by.rule == Solved:
		s.solved.refuse(now, by.outcome, true, &l.solved)
	default:
		s.unverified.refuse(now, by.outcome, !s.habit.peopled(), &l.unverified)
	}
}

// weight is how much is lost with the state when room is needed.
func (s *state) weight(now int64) float32 {
	w := s.unverified.level + s.failing.level + min(s.habit.verified, 200)/2
	if s.unverified.mode != Allow || s.failing.mode != Allow {
		w += 1000
	}
	return w - float32(now-s.at)/hourMillis
}
