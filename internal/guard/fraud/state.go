package fraud

// state is all that is kept of one subject.
type state struct {
	key        Key
	at         int64 // the last touch, Unix milliseconds
	unverified gauge
	failing    gauge
	window     window
	habit      habit

	untold counts // what happened on this node since the last deltas
	given  uint32 // of them, sends that were given back
	dirty  bool   // stands in its shard's list of untold
	moved  bool   // changed since it was written
}

// touch brings a state to now.
func (s *state) touch(now int64, p *rules) (b bounds, f bounds) {
	s.window.turn(now)
	s.habit.turn(now)
	b, f = s.bounds(now, p)
	s.unverified.settle(s.at, now, &b)
	s.failing.settle(s.at, now, &f)
	s.at = now
	return b, f
}

// bounds are the state's thresholds at now, of unverified codes and of wrong
// ones.
func (s *state) bounds(now int64, p *rules) (b, f bounds) {
	k := p.of(s.key)
	b = bounds{challenge: k.Unverified.Challenge, hold: p.hold, holdMost: p.holdMost}
	if b.challenge > 0 {
		block := k.Unverified.Block / b.challenge
		if k.Learns {
			b.challenge = max(b.challenge, p.Factor*s.habit.level(now))
		}
		// What converts may have more codes on their way at once.
		young := s.window.young()
		b.challenge += float32(young.verified) / 2
		b.block = b.challenge * block
		b.leak = k.Unverified.Challenge * min(s.habit.conversion()/believedConversion, 1) / dayMillis
	}
	f = bounds{challenge: k.Failures.Challenge, block: k.Failures.Block, leak: k.Failures.Challenge / dayMillis, hold: p.hold, holdMost: p.holdMost}
	return b, f
}

// finding is what one rule says of one subject.
type finding struct {
	rule      Rule
	outcome   Outcome
	threshold float32
}

// judgeSend is the strictest that the subject's unverified codes say. The state
// is touched.
func (s *state) judgeSend(now int64, p *rules, b *bounds) finding {
	others := float32(p.nodes.Load()-1) * float32(s.untold.sent-min(s.untold.sent, s.untold.verified+s.given))
	found := finding{rule: Unverified, outcome: s.unverified.outcome(others, b), threshold: b.challenge}
	if by := s.converts(p); by > found.outcome {
		found = finding{rule: Conversion, outcome: by, threshold: p.ChallengeBelow}
	}
	return found
}

// converts is the breaker of requirement row 23. Codes of the last two to four
// minutes may yet be entered: they do not count as failures, but those of them
// that were entered count.
func (s *state) converts(p *rules) Outcome {
	k := p.of(s.key)
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
func (s *state) judgeChecks(f *bounds) finding {
	return finding{rule: Failures, outcome: s.failing.outcome(0, f), threshold: f.challenge}
}

// vouches tells whether an address range has a good history, for which broad
// subjects' findings count one step less: what is unverified and wrong of it
// now is little beside what was entered there.
func (s *state) vouches() bool {
	good := s.habit.verified
	return good >= 3 && s.habit.conversion() >= 0.3 && s.unverified.mode == Allow && s.failing.mode == Allow &&
		s.unverified.level <= max(2, good) && s.failing.level <= max(2, good/8)
}

// sent counts n codes.
func (s *state) sent(now int64, n uint32, number uint64, p *rules, b *bounds) {
	s.window.current().sent += n
	s.habit.sent += float32(n)
	s.unverified.pour(now, float32(n), number, b)
	s.habit.peak = max(s.habit.peak, min(s.unverified.level, b.challenge))
	if by := s.converts(p); by > Allow {
		s.unverified.trip(now, by, 0, b)
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

// verified counts n right codes, the last one of them of number.
func (s *state) verified(now int64, n uint32, number uint64, b, f *bounds) {
	s.window.current().verified += n
	s.habit.verified += float32(n)
	all := s.window.all()
	right := all.verified >= all.refused/2
	s.unverified.drain(now, float32(n)*s.habit.drainUnverified(), number, right, b)
	s.failing.drain(now, float32(n)*s.habit.drainFailures(), number, right, f)
}

// failed counts n wrong codes.
func (s *state) failed(now int64, n uint32, f *bounds) {
	s.window.current().failed += n
	s.habit.failed += float32(n)
	s.failing.pour(now, float32(n), 0, f)
}

// refused counts n refusals of a finding.
func (s *state) refused(now int64, n uint32, by finding, b, f *bounds) {
	s.window.current().refused += n
	if by.rule == Failures {
		s.failing.refuse(now, by.outcome, f)
	} else {
		s.unverified.refuse(now, by.outcome, b)
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
