package fraud

// slots of two minutes; the current and fifteen before: 28 to 30 minutes of
// codes, of which those of the newest two slots are young.
const (
	slots      = 16
	slotMillis = 2 * 60 * 1000
	hourMillis = 3600 * 1000
)

// counts is what happened in two minutes, or in thirty.
type counts struct{ sent, verified, failed, refused uint32 }

func (c *counts) add(o counts) {
	c.sent += o.sent
	c.verified += o.verified
	c.failed += o.failed
	c.refused += o.refused
}

// window is the last 30 minutes.
type window struct {
	slot   int64 // number of the current slot since 1970
	ring   [slots]counts
	mature counts // sums of the slots but the newest two: their codes had time to be entered
}

// turn goes on to the slot of now.
func (w *window) turn(now int64) {
	slot := now / slotMillis
	ahead := slot - w.slot
	switch {
	case ahead == 0, ahead < 0 && ahead > -slots: // the clock was set back a little
		return
	case ahead >= slots, ahead < 0:
		w.ring = [slots]counts{}
		w.mature = counts{}
		w.slot = slot
		return
	}
	for range ahead {
		w.slot++
		w.ring[w.slot%slots] = counts{}
	}
	w.sum()
}

// sum adds up the slots whose codes had time to be entered.
func (w *window) sum() {
	w.mature = counts{}
	for i := int64(2); i < slots; i++ {
		w.mature.add(w.ring[(w.slot-i+slots)%slots])
	}
}

func (w *window) current() *counts { return &w.ring[w.slot%slots] }

// young is the newest two slots: 2 to 4 minutes.
func (w *window) young() counts {
	c := *w.current()
	c.add(w.ring[(w.slot-1+slots)%slots])
	return c
}

// all is the 30 minutes.
func (w *window) all() counts {
	c := w.mature
	c.add(w.young())
	return c
}

// habit is what is usual of a subject: the last 14 days. A day weighs a
// fourteenth, and a day without it counts as none: what is new has no habits.
type habit struct {
	hour     int64       // number of the hour that is being learned, since 1970
	peak     float32     // highest level of unverified codes in it
	usual    [24]float32 // by hour of the day in UTC
	sent     float32     // codes of 14 days
	verified float32
	failed   float32 // slips count a quarter
}

const habitDays = 14

// kept[i] is what is left of a habit after i days.
var kept = func() (k [64]float32) {
	k[0] = 1
	for i := range k[1:] {
		k[i+1] = k[i] * (habitDays - 1) / habitDays
	}
	return k
}()

// turn learns the hours that ended by now.
func (h *habit) turn(now int64) {
	hour := now / hourMillis
	gone := hour - h.hour
	if gone <= 0 {
		if gone < -24 {
			h.hour = hour
		}
		return
	}
	if h.hour != 0 {
		h.learn(h.hour, h.peak)
		for i := int64(1); i < min(gone, 24); i++ {
			h.learn(h.hour+i, 0)
		}
		if days := min(gone/24, int64(len(kept)-1)); days > 1 {
			for i := range h.usual {
				h.usual[i] *= kept[days-1]
			}
		}
		if days := hour/24 - h.hour/24; days > 0 {
			left := kept[min(days, int64(len(kept)-1))]
			h.sent, h.verified, h.failed = h.sent*left, h.verified*left, h.failed*left
		}
	}
	h.hour, h.peak = hour, 0
}

// leastConversion is what a subject must convert at to have habits: what
// nobody ever enters is not usual, however long it goes on.
const leastConversion = 0.25

func (h *habit) learn(hour int64, peak float32) {
	if h.conversion() < leastConversion {
		peak = 0
	}
	u := &h.usual[hour%24]
	*u += (peak - *u) / habitDays
}

// level is the usual peak around an hour of the day.
func (h *habit) level(now int64) float32 {
	hour := now / hourMillis
	return max(h.usual[(hour+23)%24], h.usual[hour%24], h.usual[(hour+1)%24])
}

// Beliefs about a subject of which nothing is known.
const (
	believedSends      = 10
	believedConversion = 0.7
	believedChecks     = 20
	believedFailures   = 0.05
)

// conversion is the share of codes that are entered.
func (h *habit) conversion() float32 {
	return (h.verified + believedConversion*believedSends) / (h.sent + believedSends)
}

// drainUnverified is how many unverified codes a right one makes up for: as
// many as keep the level where it is while somewhat fewer than usual are entered.
// as is how many it would be if all converted as usual, at most most.
func (h *habit) drainUnverified(most float32) (drain, as float32) {
	as = min(max(1/h.conversion(), 1), most)
	return as * (1 + max(slack, slackOfChance*(as-1))), as
}

// How many codes a right one makes up for at most: a subject's level stays where
// it is from well under a third of its codes on; a prefix's from half of them on,
// or from what is usual of its country, because a pumper lowers what is usual of it.
const (
	mostDrain   = 3.3
	prefixDrain = 1.8
)

// How much worse than usual a subject may convert: a tenth, and more where less
// is entered, because chance moves a level further there: of a market in which
// half is entered, a prefix would be full every few days.
const (
	slack         = 0.1
	slackOfChance = 0.3
)

// drainFailures is how many wrong codes a right one makes up for: half as many
// again as is usual.
func (h *habit) drainFailures() float32 {
	usual := (h.failed + believedFailures*believedChecks) / (h.verified + believedChecks)
	return min(max(1.5*usual, 0.05), 0.12)
}

// peopled tells whether people live here: many codes of 14 days were entered.
// When a carrier fails them for half an hour it is they who go on asking, and
// their asking must not keep them out for days.
func (h *habit) peopled() bool {
	return h.verified >= peopledVerified && h.conversion() >= leastConversion
}

const peopledVerified = 30
