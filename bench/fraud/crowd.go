package main

import "math"

// tally is what people met.
type tally struct {
	requests   int // sends and checks
	challenged int // by the guard
	asked      int // by a frequency limit
	blocked    int // by the guard
	limited    int // by a frequency limit
	sends      int // messages
	verified   int
}

// run is one simulation.
type run struct {
	o       options
	queue   queue
	server  *server
	people  *population
	human   tally
	outage  [3]int64 // of a carrier: from, to, which
	attacks []*attack
}

// perDay plans a day's people, minute by minute.
func (r *run) plan(days int) {
	if r.o.fresh > 0 {
		r.opening()
		return
	}
	var sum float64
	for _, c := range curve {
		sum += c
	}
	for m := int64(0); m < int64(days)*24*60; m++ {
		r.queue.at(m*minute, func(now int64) {
			rate := float64(r.o.daily) * curve[now/hour%24] / sum / 60
			if d := now / day; r.o.launch && d == int64(days)-2 && now%day >= 12*hour && now%day < 13*hour {
				rate *= 3 // the launch is in the news
			}
			for range poisson(rate, r.people.r.Float64) {
				who := r.people.person()
				r.queue.at(now+r.people.r.Int64N(minute), func(at int64) { r.want(at, who, 0, false) })
			}
		})
	}
	if r.o.launch {
		r.stadium(int64(days-2)*day + 12*hour)
	}
}

// stadium is a crowd of thousands behind one address that nobody saw before,
// within twenty minutes, most of them in the first ones.
func (r *run) stadium(from int64) {
	for range r.o.crowd {
		who := r.people.person()
		who.app, who.ip = 1, stadiumNAT
		at := from + int64(math.Min(20*minute, 5*minute*r.people.r.ExpFloat64()))
		r.queue.at(at, func(now int64) { r.want(now, who, 0, false) })
	}
}

// opening is a shop's first ten minutes, on an installation without any history.
func (r *run) opening() {
	for range r.o.fresh {
		who := r.people.person()
		r.queue.at(r.people.r.Int64N(10*minute), func(now int64) { r.want(now, who, 0, false) })
	}
}

func poisson(rate float64, uniform func() float64) int {
	n, left := 0, math.Exp(-rate)
	for p := uniform(); p > left; p *= uniform() {
		n++
	}
	return n
}

// want is a person who asks for a code; tries counts the resends.
func (r *run) want(now int64, who person, tries int, solved bool) {
	p := r.people.r
	r.human.requests++
	r.server.people = true
	a, byGuard := r.server.send(now, who.app, who.number, who.ip, solved)
	r.server.people = false
	switch a {
	case challenged:
		if byGuard {
			r.human.challenged++
		} else {
			r.human.asked++
		}
		if !solved && p.Float64() < .95 {
			r.queue.at(now+4*second+p.Int64N(8*second), func(at int64) { r.want(at, who, tries, true) })
		}
		return
	case blocked:
		r.human.blocked++
		return
	case limited:
		r.human.limited++
		return
	case done, wrong:
	}
	r.human.sends++
	share := converts[who.carrier]
	if r.o.slow > 0 {
		share *= r.o.slow
	}
	if r.outage[0] <= now && now < r.outage[1] && int64(who.carrier) == r.outage[2] {
		share = 0
	}
	switch u := p.Float64(); {
	case u < share:
		r.queue.at(now+r.people.delay(), func(at int64) { r.enter(at, who, 0) })
	case tries < 2 && p.Float64() < .5:
		r.queue.at(now+61*second+p.Int64N(2*minute), func(at int64) { r.want(at, who, tries+1, false) })
	}
}

// enter is a person with the code; one in twelve mistypes it, some twice.
func (r *run) enter(now int64, who person, slips int) {
	p := r.people.r
	right := slips > 1 || p.Float64() >= .08
	ip := who.ip
	if p.Float64() < .03 { // out of the house
		ip = r.people.address()
	}
	r.human.requests++
	r.server.people = true
	a := r.server.check(now, who.app, who.number, ip, right)
	r.server.people = false
	switch a {
	case done:
		r.human.verified++
	case wrong:
		if slips < 3 {
			r.queue.at(now+8*second+p.Int64N(10*second), func(at int64) { r.enter(at, who, slips+1) })
		}
	case blocked:
		r.human.blocked++
	case challenged, limited:
	}
}
