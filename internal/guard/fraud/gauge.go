package fraud

// gauge is one leaky bucket and what it does when it is full. Times are Unix
// milliseconds.
//
//	open ── a pour reaches the threshold ──▶ held (challenge; block at the higher one)
//	held ── its time is over: room for one probe ──▶ open;  each refusal meanwhile holds it longer
//	     ── few are refused beside the right codes ──▶ open, half full
//	     ── the probe itself is entered ──▶ open, and all is forgotten (of broad
//	        subjects, in which somebody's is, not how often they were held)
type gauge struct {
	level float32
	trips uint8   // times it was full lately
	mode  Outcome // Allow: open
	since int64   // when the hold began
	until int64   // when it ends, or ended
	probe uint64  // the number that filled the room after a hold
	worst Outcome // of the holds that trips counts: the next one begins with it
}

// bounds are a gauge's numbers at an instant.
type bounds struct {
	challenge, block float32
	leak             float32 // a millisecond
	hold, holdMost   int64
	remembers        bool // a probe of people's opens, and the next hold is longer all the same
}

const dayMillis = 24 * 3600 * 1000

// settle leaks what has leaked between two instants and ends a hold that is
// over.
func (g *gauge) settle(from, now int64, b *bounds) {
	if g.mode != Allow {
		g.until = min(g.until, now+b.holdMost) // the clock was set back
		if now < g.until {
			return
		}
		from = max(from, g.until)
		g.reopen(b)
	}
	if g.level > 0 && now > from {
		g.level = max(0, g.level-b.leak*float32(now-from))
	}
	if quiet := (now - g.until) / dayMillis; g.trips > 0 && quiet > 0 {
		g.trips -= uint8(min(int64(g.trips), quiet))
		if g.until = now; g.trips == 0 {
			g.worst = Allow
		}
	}
}

// nextProbe stands for the number of the code that fills the room of reopen.
const nextProbe = 1<<64 - 1

// reopen leaves room for one probe, and for no more than a sixteenth.
func (g *gauge) reopen(b *bounds) {
	g.mode, g.probe = Allow, nextProbe
	g.level = max(0, min(max(g.level, b.challenge-b.challenge/16), b.challenge-0.01))
}

// outcome is what the level says about one more, on a settled gauge. others is
// what other nodes may have poured meanwhile.
func (g *gauge) outcome(others float32, b *bounds) Outcome {
	if b.challenge == 0 {
		return Allow
	}
	by := Allow
	switch level := g.level + others; {
	case level >= b.block:
		by = Block
	case level >= b.challenge:
		by = Challenge
	}
	return max(g.mode, by)
}

// pour adds n and trips.
func (g *gauge) pour(now int64, n float32, number uint64, b *bounds) {
	g.level += n
	if b.challenge == 0 {
		return
	}
	switch {
	case g.level >= b.block:
		g.trip(now, Block, number, b)
	case g.level >= b.challenge:
		g.trip(now, Challenge, number, b)
	}
}

// trip begins a hold, or makes one stricter.
func (g *gauge) trip(now int64, mode Outcome, number uint64, b *bounds) {
	if mode <= g.mode {
		return
	}
	if g.mode == Allow {
		if g.probe == nextProbe {
			g.probe = number
		} else {
			g.probe = 0
		}
		if g.trips > 0 {
			mode = max(mode, g.worst)
		}
		g.trips = min(g.trips+1, 32)
		g.since = now
	}
	g.mode, g.worst = mode, max(mode, g.worst)
	g.until = now + g.holdTime(b)
}

// holdTime doubles with every trip.
func (g *gauge) holdTime(b *bounds) int64 {
	hold := b.hold
	for range g.trips - min(g.trips, 1) {
		if hold *= 2; hold >= b.holdMost {
			return b.holdMost
		}
	}
	return hold
}

// refuse notes that a request was refused. longer: whoever goes on trying is not
// over yet; once in HoldMost a probe passes all the same. Otherwise the hold ends
// when it would have.
func (g *gauge) refuse(now int64, found Outcome, longer bool, b *bounds) {
	g.trip(now, found, 0, b) // where only the threshold came down to the level
	if longer && g.mode != Allow {
		g.until = max(g.until, min(now+g.holdTime(b), g.since+b.holdMost))
	}
}

// drain takes out what a right code takes, and opens a gauge for which that is
// reason enough: mostlyRight tells that the refusals of half an hour are
// not many beside the right codes.
func (g *gauge) drain(now int64, n float32, number uint64, mostlyRight bool, b *bounds) {
	g.level = max(0, g.level-n)
	switch {
	case g.mode == Allow:
	case number != 0 && g.probe == number:
		trips := uint8(0)
		if b.remembers {
			trips = g.trips
		}
		*g = gauge{level: min(g.level, b.challenge/2), since: now, until: now, trips: trips}
	case mostlyRight:
		switch {
		case g.trips <= 1:
			g.mode, g.probe, g.level = Allow, 0, min(g.level, b.challenge/2)
		case now >= g.since+g.holdTime(b): // once is chance, twice is a rhythm
			g.reopen(b)
		}
	}
}
