package main

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"sort"

	"yanma.dev/yanma/internal/core"
)

const (
	second = 1000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// curve is the share of a day's requests by hour in UTC+8: quiet at four, the
// most at noon and in the evening.
var curve = [24]float64{1.6, .9, .5, .4, .4, .6, 1.3, 2.9, 4.6, 5.6, 6.1, 6.0, 6.3, 5.6, 5.2, 5.2, 5.3, 5.6, 5.9, 6.5, 7.0, 6.8, 5.4, 3.3}

// place is a country's numbers.
type place struct {
	country  string
	share    float64
	prefixes []prefix
	weights  []float64 // cumulated
}

type prefix struct {
	digits  uint64
	carrier int
}

// conversions of carriers: those of CN, then those abroad.
var converts = []float64{.92, .88, .84, .86, .80, .82, .81}

// population is who lives where.
type population struct {
	r      *rand.Rand
	places []place
	nats   []netip.Addr // carriers' addresses, one a /24
	homes  []netip.Addr
	natW   []float64
	homeW  []float64
}

func newPopulation(r *rand.Rand) *population {
	p := &population{r: r}
	cn := place{country: "CN", share: .95}
	for _, series := range []uint64{130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 150, 151, 152, 153, 155, 156, 157, 158, 159, 166, 170, 173, 175, 176, 177, 178, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 191, 198, 199} {
		for i := range uint64(100) {
			cn.prefixes = append(cn.prefixes, prefix{digits: 8600000 + series*100 + i, carrier: int(series) % 3})
		}
	}
	p.places = append(p.places, cn)
	for i, abroad := range []struct {
		country string
		calling uint64
	}{{"HK", 852}, {"SG", 65}, {"ID", 62}, {"MY", 60}} {
		pl := place{country: abroad.country, share: .0125}
		for j := range uint64(60) {
			digits := abroad.calling
			for digits < 100_000 {
				digits *= 10
			}
			pl.prefixes = append(pl.prefixes, prefix{digits: digits + 5000 + j*7, carrier: 3 + i})
		}
		p.places = append(p.places, pl)
	}
	for i := range p.places {
		p.places[i].weights = zipf(len(p.places[i].prefixes), .6, r)
	}
	for i := range 300 { // of twelve /16s
		p.nats = append(p.nats, netip.AddrFrom4([4]byte{117, byte(i % 12), byte(i / 12), byte(1 + r.IntN(250))}))
	}
	p.natW = zipf(len(p.nats), .8, r)
	for range 9000 { // IPv4 at home
		p.homes = append(p.homes, netip.AddrFrom4([4]byte{58, byte(r.IntN(200)), byte(r.IntN(256)), byte(1 + r.IntN(250))}))
	}
	for range 3000 { // and IPv6
		p.homes = append(p.homes, ipv6(0x2408_8000_0000_0000|uint64(r.Uint32N(1<<24))<<8))
	}
	p.homeW = zipf(len(p.homes), .7, r)
	return p
}

func ipv6(high uint64) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(high >> (56 - 8*i))
	}
	b[15] = 1
	return netip.AddrFrom16(b)
}

// zipf is cumulated weights of n things in random order, of which a few are
// much more frequent than most.
func zipf(n int, s float64, r *rand.Rand) []float64 {
	w := make([]float64, n)
	for i, rank := range r.Perm(n) {
		w[i] = 1 / math.Pow(float64(rank+1), s)
	}
	for i := 1; i < n; i++ {
		w[i] += w[i-1]
	}
	return w
}

func pick(w []float64, r *rand.Rand) int {
	return min(sort.SearchFloat64s(w, r.Float64()*w[len(w)-1]), len(w)-1)
}

// person is one who wants to log in.
type person struct {
	app     core.AppID
	number  number
	carrier int
	ip      netip.Addr
}

func (p *population) person() person {
	at := 0
	for u := p.r.Float64(); at < len(p.places)-1 && u >= p.places[at].share; at++ {
		u -= p.places[at].share
	}
	pl := &p.places[at]
	pre := pl.prefixes[pick(pl.weights, p.r)]
	who := person{app: 1, carrier: pre.carrier, number: number{country: pl.country, prefix: pre.digits, bits: p.r.Uint64()}}
	if p.r.Float64() < .25 {
		who.app = 2
	}
	who.ip = p.address()
	return who
}

func (p *population) address() netip.Addr {
	if p.r.Float64() < .6 {
		return p.nats[pick(p.natW, p.r)]
	}
	return p.homes[pick(p.homeW, p.r)]
}

// delay is how long people take to read and type: 18 s in the middle, now and
// then minutes.
func (p *population) delay() int64 {
	return int64(18 * second * math.Exp(.8*p.r.NormFloat64()))
}
