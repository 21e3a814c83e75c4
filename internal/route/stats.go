package route

import (
	"cmp"
	"slices"

	"yanma.dev/yanma/internal/core"
)

// ProviderStats is the health of one provider.
type ProviderStats struct {
	Provider string
	Breaker  BreakerState
	Opened   int64 // how often its breaker opened
}

// ChoiceStats is what one route made of one of its providers.
type ChoiceStats struct {
	Route, Provider string
	Chosen          int64 // messages for which it was the first choice
	Accepted        int64 // messages that it took
	Spent           int64 // the route's cost of their segments
}

// Stats is what a router knows.
type Stats struct {
	Providers []ProviderStats
	Choices   []ChoiceStats
	Tallies   []Tally
}

// Stats tells what was found out since the start.
func (r *Router) Stats() Stats {
	var s Stats
	for _, g := range r.gates {
		state, opened := g.state()
		s.Providers = append(s.Providers, ProviderStats{g.Name(), state, opened})
	}
	for i := range r.paths {
		for _, o := range r.paths[i].options {
			s.Choices = append(s.Choices, ChoiceStats{r.paths[i].Name, o.Name(), o.chosen.Load(), o.accepted.Load(), o.spent.Load()})
		}
	}
	s.Tallies = r.tallies()
	return s
}

func (r *Router) tallies() []Tally {
	now := r.now().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Tally, 0, len(r.scores.scores))
	for at, t := range r.scores.scores {
		t.fade(now)
		all = append(all, Tally{at.provider, at.country, t.entered, t.unentered, t.mean()})
	}
	slices.SortFunc(all, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Country, b.Country))
	})
	return all
}

// callingCode is the number's country as conversions are counted: by calling
// code, because that needs no metadata.
func callingCode(p core.Phone) string {
	e164 := p.E164()
	if len(e164) < 4 {
		return ""
	}
	digits := e164[1:4]
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return digits[:1]
	case twoDigits(digits[:2]):
		return digits[:2]
	default:
		return digits
	}
}

// twoDigits tells whether a calling code has two digits (ITU-T E.164 list of
// assigned country codes).
func twoDigits(d string) bool {
	switch d {
	case "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
		"51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
		"81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98":
		return true
	default:
		return false
	}
}
