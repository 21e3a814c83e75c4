package route

import (
	"time"

	"yanma.dev/yanma/internal/core"
)

// How long a code may take until it counts as not entered, how long that may be
// corrected, and how many codes are watched at once; more are not counted.
const (
	patience    = time.Minute
	forgiveness = 10 * time.Minute
	mostWatched = 1 << 16
	mostScores  = 1 << 12
)

// place is where a provider's codes are counted: a provider, and a country by
// its calling code.
type place struct {
	provider string
	country  string
}

// watched is one code between its acceptance by a carrier and the judgement.
type watched struct {
	place
	taken  bool // a carrier has it
	judged bool // as not entered
	since  time.Time
}

// Tally is what became of the codes that one provider carried to one country.
type Tally struct {
	Provider   string
	Country    string // calling code, such as "86"
	Entered    int64
	Unentered  int64
	Conversion float64 // what is believed now, 0 to 1
}

// conversions watch codes and score who carried them. They are not safe for
// concurrent use.
type conversions struct {
	codes  map[core.MessageID]watched
	young  []core.MessageID // in the order in which carriers took them
	old    []core.MessageID // judged as not entered, may be corrected
	scores map[place]*tallied
}

type tallied struct {
	score
	entered, unentered int64
}

func newConversions() *conversions {
	return &conversions{codes: map[core.MessageID]watched{}, scores: map[place]*tallied{}}
}

// taken tells that a provider took a code, or may have taken it. One that an
// earlier provider of its route took first counts against that one.
func (c *conversions) taken(id core.MessageID, at place, now time.Time) {
	w, known := c.codes[id]
	switch {
	case known && !w.judged && w.place != at:
		c.judge(w.place, false, now)
	case known && w.place == at, !known && len(c.codes) >= mostWatched:
		return
	}
	c.codes[id] = watched{place: at, taken: true, since: now}
	c.young = append(c.young, id)
}

// refused tells that a provider did not take a code.
func (c *conversions) refused(at place, now time.Time) { c.judge(at, false, now) }

// verified tells that a code was entered.
func (c *conversions) verified(id core.MessageID, now time.Time) {
	w, known := c.codes[id]
	if !known {
		return
	}
	delete(c.codes, id)
	if !w.judged {
		c.judge(w.place, true, now)
		return
	}
	if t := c.at(w.place); t != nil {
		t.correct(now.Unix())
		t.unentered--
		t.entered++
	}
}

// pass judges what was not entered in time, and forgets what is over.
func (c *conversions) pass(now time.Time) {
	for len(c.young) > 0 {
		id := c.young[0]
		w, known := c.codes[id]
		if known && now.Sub(w.since) < patience && !now.Before(w.since) {
			break
		}
		c.young = c.young[1:]
		if known && !w.judged {
			w.judged = true
			c.codes[id] = w
			c.old = append(c.old, id)
			c.judge(w.place, false, now)
		}
	}
	for len(c.old) > 0 {
		id := c.old[0]
		if w, known := c.codes[id]; known && now.Sub(w.since) < forgiveness {
			break
		}
		delete(c.codes, id)
		c.old = c.old[1:]
	}
}

func (c *conversions) judge(at place, entered bool, now time.Time) {
	t := c.at(at)
	if t == nil {
		return
	}
	t.judge(entered, now.Unix())
	if entered {
		t.entered++
	} else {
		t.unentered++
	}
}

// at is the score of a place; nil when there are too many.
func (c *conversions) at(p place) *tallied {
	t := c.scores[p]
	if t == nil && len(c.scores) < mostScores {
		t = &tallied{}
		c.scores[p] = t
	}
	return t
}

// draw is one possible true conversion of a place.
func (c *conversions) draw(at place, now time.Time, uniform func() float64) float64 {
	if t := c.at(at); t != nil {
		t.fade(now.Unix())
		return t.draw(uniform)
	}
	return priorGood / float64(priorGood+priorBad)
}
