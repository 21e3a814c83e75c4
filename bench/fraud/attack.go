package main

import (
	"net/netip"
)

var stadiumNAT = netip.AddrFrom4([4]byte{39, 144, 7, 20})

// attack is one run of somebody who wants messages or accounts.
type attack struct {
	name    string
	from    int64 // when it begins
	over    int64 // how long its attempts take
	tries   int
	numbers func(i int) number
	ip      func(i int) netip.Addr
	sends   bool    // asks for codes
	guesses bool    // enters one wrong code a number
	solves  float64 // share of challenges that it solves
	enters  float64 // share of codes that it enters: numbers of its own

	messages int // that were sent
	compared int // guesses that were compared
	last     int // the last try of which something passed
}

// attack plans one try after the other, so that a million do not wait in the queue.
func (r *run) attack(a *attack) {
	r.attacks = append(r.attacks, a)
	gap := float64(a.over) / float64(a.tries)
	var next func(i int)
	next = func(i int) {
		if i < a.tries {
			r.queue.at(a.from+int64(float64(i)*gap), func(now int64) {
				a.try(r, now, i)
				next(i + 1)
			})
		}
	}
	next(0)
}

func (a *attack) try(r *run, now int64, i int) {
	n, ip, solved := a.numbers(i), a.ip(i), r.people.r.Float64() < a.solves
	if a.sends {
		sent, _ := r.server.send(now, 1, n, ip, solved)
		if sent != done {
			return
		}
		a.messages++
		a.last = i
	}
	if a.enters > 0 && r.people.r.Float64() < a.enters {
		r.server.check(now, 1, n, ip, true)
		return
	}
	if !a.guesses {
		return
	}
	if got := r.server.check(now, 1, n, ip, false); got == wrong || got == done {
		a.compared++
		a.last = i
	}
}

// botnet is other people's machines: most in networks where no customer lives,
// some (options.beside) beside customers.
func (r *run) botnet(size int) func(int) netip.Addr {
	p := r.people.r
	all := make([]netip.Addr, size)
	for i := range all {
		switch u := p.Float64(); {
		case u < r.o.beside:
			all[i] = r.people.homes[p.IntN(len(r.people.homes))]
		case u < r.o.beside+.1:
			all[i] = ipv6(0x2a00_0000_0000_0000 | p.Uint64N(1<<56))
		default:
			all[i] = netip.AddrFrom4([4]byte{byte(80 + p.IntN(20)), byte(p.IntN(256)), byte(p.IntN(256)), byte(1 + p.IntN(250))})
		}
	}
	return func(i int) netip.Addr { return all[i*7919%size] }
}

// few is five rented servers.
func few(i int) netip.Addr { return netip.AddrFrom4([4]byte{5, 188, byte(i % 5), 9}) }

// block is ten thousand numbers of one prefix, which the attacker is paid for.
func (r *run) block(country string, digits uint64) func(int) number {
	base := r.people.r.Uint64()
	return func(i int) number { return number{country: country, prefix: digits, bits: base + uint64(i)} }
}

// anybody is a million numbers of the home country.
func (r *run) anybody() func(int) number {
	base, cn := r.people.r.Uint64(), r.people.places[0].prefixes
	return func(i int) number {
		return number{country: "CN", prefix: cn[i*7919%len(cn)].digits, bits: base + uint64(i)}
	}
}

const pumped = 10_000

// knowing are attacks of those who know the rules. They run only when asked for,
// one by one: nobody holds that they cost next to nothing (docs/fraud.md).
func (r *run) knowing(days int64) []*attack {
	last := (days - 2) * day
	return []*attack{
		{name: "spread, solves", from: last, over: day, tries: pumped, sends: true, numbers: r.anybody(), ip: r.botnet(5000), solves: 1},
		{name: "spread", from: last, over: day, tries: pumped, sends: true, numbers: r.anybody(), ip: r.botnet(5000)},
		{name: "patient", from: day, over: (days - 1) * day, tries: int(days-1) * 12, sends: true, numbers: r.block("ID", 6259999), ip: r.botnet(5000)},
		{name: "enters a third", from: last, over: day, tries: pumped, sends: true, numbers: r.block("ID", 6259999), ip: r.botnet(5000), solves: 1, enters: .33},
		{name: "enters two thirds", from: last, over: day, tries: pumped, sends: true, numbers: r.block("ID", 6259999), ip: r.botnet(5000), solves: 1, enters: .67},
		{name: "slow spray", from: day, over: (days - 1) * day, tries: int(days-1) * 24 * 60, guesses: true, numbers: r.anybody(), ip: r.botnet(20_000)},
	}
}

// plan of the attacks: some go on all the time, the others come in the last
// two days, when the guard knows what is usual.
func (r *run) attackAll(days int64) {
	last := (days - 2) * day
	if r.o.attacks == "none" {
		return
	}
	for _, a := range []*attack{
		{name: "pump abroad, 10 min, 5 addresses", from: last + hour, over: 10 * minute, tries: pumped, sends: true, numbers: r.block("ID", 6259999), ip: few},
		{name: "pump abroad, 10 min, botnet, solves", from: last + 3*hour, over: 10 * minute, tries: pumped, sends: true, numbers: r.block("SG", 6559999), ip: r.botnet(5000), solves: 1},
		{name: "pump abroad, a day, botnet", from: last, over: day, tries: pumped, sends: true, numbers: r.block("HK", 8525999), ip: r.botnet(5000)},
		{name: "pump abroad, all days, botnet, solves", from: day, over: (days - 1) * day, tries: pumped, sends: true, numbers: r.block("MY", 6059999), ip: r.botnet(5000), solves: 1},
		{name: "pump CN, 10 min, 5 addresses, solves", from: last + 5*hour, over: 10 * minute, tries: pumped, sends: true, numbers: r.block("CN", 8613507), ip: few, solves: 1},
		{name: "pump CN, a day, botnet", from: last + 2*hour, over: day, tries: pumped, sends: true, numbers: r.block("CN", 8618811), ip: r.botnet(5000)},
		{name: "pump CN, all days, botnet", from: day, over: (days - 1) * day, tries: pumped, sends: true, numbers: r.block("CN", 8617703), ip: r.botnet(5000)},
		{name: "pump CN, all days, botnet, solves", from: day, over: (days - 1) * day, tries: pumped, sends: true, numbers: r.block("CN", 8613222), ip: r.botnet(5000), solves: 1},
		{name: "spray, botnet", from: last + 14*hour, over: r.o.hours * hour, tries: r.o.spray, guesses: true, numbers: r.anybody(), ip: r.botnet(20_000)},
		{name: "spray, 3 h, 5 addresses, solves", from: last + 28*hour, over: 3 * hour, tries: r.o.spray, guesses: true, numbers: r.anybody(), ip: few, solves: 1},
		{name: "spray with codes, botnet", from: last + 32*hour, over: r.o.hours * hour, tries: r.o.spray, sends: true, guesses: true, numbers: r.anybody(), ip: r.botnet(20_000)},
	} {
		if r.o.attacks == "" || r.o.attacks == a.name {
			r.attack(a)
		}
	}
	for _, a := range r.knowing(days) {
		if r.o.attacks == a.name {
			r.attack(a)
		}
	}
}
