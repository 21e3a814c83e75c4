package main

import (
	"os"
	"testing"
)

// short is the simulation of make test: four days of a small app.
func short(seed uint64) options {
	if testing.Short() { // the race detector is twenty times slower
		return options{seed: seed, days: 4, daily: 250, crowd: 50, spray: 1000, hours: 1, launch: true, beside: .02, attacks: "pump CN, a day, botnet"}
	}
	return options{seed: seed, days: 4, daily: 1200, crowd: 300, spray: 6_000, hours: 1, launch: true, beside: .02}
}

func seeds() []uint64 {
	if testing.Short() {
		return []uint64{1}
	}
	return []uint64{1, 2}
}

// Each of eight ways to pump 10,000 numbers costs at most 50 messages, and
// people hardly notice (requirement row 23).
func TestReq23_PumpingIsCheapAndPeopleAreLeftAlone(t *testing.T) {
	for _, seed := range seeds() {
		r := simulate(short(seed))
		pumped, guessed := r.worst()
		if len(r.attacks) != 11 && !testing.Short() || pumped == 0 || pumped > 50 {
			t.Errorf("seed %d: one run of pumping got %d messages", seed, pumped)
		}
		if guessed == 0 && !testing.Short() || guessed >= 1000 {
			t.Errorf("seed %d: one run of spraying had %d guesses compared", seed, guessed)
		}
		people(t, r, .1, 2)
		if t.Failed() {
			r.report(os.Stdout)
		}
	}
}

// A launch behind one address, an outage and nobody's malice: nobody is blocked,
// next to nobody challenged.
func TestReq23_NoFalseTrips(t *testing.T) {
	o := short(3)
	o.attacks, o.outage = "none", true
	people(t, simulate(o), 0, .1)
	o.fresh = 2000 // and the first ten minutes of an installation
	people(t, simulate(o), 0, .1)
}

// people fails when more than so many percent were blocked or challenged.
func people(t *testing.T, r *run, blocked, challenged float64) {
	t.Helper()
	h := r.human
	if h.requests < 500 || percent(h.blocked, h.requests) > blocked || percent(h.challenged, h.requests) > challenged {
		t.Errorf("seed %d: of %d requests of people %d were blocked, %d challenged: %v", r.o.seed, h.requests, h.blocked, h.challenged, r.server.why)
	}
}

// Numbers with a guess each are stopped within a thousand, by the app alone: the
// addresses of a botnet say nothing (requirement row 24). In make test a few
// thousand of a million show it.
func TestReq24_SprayingInTraffic(t *testing.T) {
	o := short(4)
	o.attacks = "spray, botnet"
	r := simulate(o)
	if _, guessed := r.worst(); guessed == 0 || guessed >= 1000 {
		t.Errorf("%d guesses were compared", guessed)
	}
	people(t, r, .1, 2)
}
