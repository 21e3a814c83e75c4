package fraud

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A carrier fails for half an hour: nobody's code is entered, the guard stops,
// and people go on asking without end. When the hold is over one of them gets
// through, enters his code, and all the others may.
func TestOutageEndsWithTheOutage(t *testing.T) {
	e, one := New(Options{}), uint64(0)
	ask := func(now time.Time) (Subject, bool) {
		one++
		s := Subject{Tenant: 1, App: 1, Country: "CN", Prefix: 8613000 + one*7%4000, Number: one}
		return s, e.Admit(now, s).Outcome == Allow
	}
	const apart = 4 * time.Second
	for i := range 300 {
		at := epoch.Add(time.Duration(i) * apart)
		if s, passed := ask(at); passed {
			e.Verified(at.Add(20*time.Second), s)
		}
	}
	out, refused := epoch.Add(time.Hour), 0
	for i := range 450 {
		if _, passed := ask(out.Add(time.Duration(i) * apart)); !passed {
			refused++
		}
	}
	if refused < 100 {
		t.Fatalf("%d of 450 were refused while no code was entered", refused)
	}
	over, last := out.Add(30*time.Minute), time.Time{}
	for i := range 2000 {
		at := over.Add(time.Duration(i) * apart)
		if s, passed := ask(at); passed {
			e.Verified(at, s)
		} else {
			last = at
		}
	}
	if after := last.Sub(over); after > 35*time.Minute {
		t.Errorf("people were refused for %s after the outage", after)
	}
}

// Of a market in which half of the codes are entered no prefix looks pumped, and
// in such a market pumping of one costs what it costs elsewhere.
func TestHalfIsEntered(t *testing.T) {
	e, r, refused := New(Options{}), rand.New(rand.NewPCG(5, 1)), 0
	codes := 20_000
	if testing.Short() { // the race detector is twenty times slower
		codes = 500
	}
	for i := range codes {
		at := epoch.Add(time.Duration(i) * 12 * time.Second)
		s := Subject{Tenant: 1, App: 1, Country: "CN", Prefix: 8613000 + r.Uint64N(40), Number: uint64(i) + 1}
		switch {
		case e.Admit(at, s).Outcome != Allow:
			refused++
		case r.IntN(2) == 0:
			e.Verified(at, s)
		}
	}
	if refused > codes/30 {
		t.Errorf("%d of %d people were refused", refused, codes)
	}
	passed := 0
	for i := range min(codes/2, 1000) {
		s := Subject{Tenant: 1, App: 1, Country: "CN", Prefix: 8613007, Number: uint64(codes + i)}
		if e.Admit(epoch.Add(time.Duration(codes)*12*time.Second+time.Duration(i)*9*time.Second), s).Outcome == Allow {
			passed++
		}
	}
	if passed > 50 {
		t.Errorf("%d pumped codes passed", passed)
	}
}
