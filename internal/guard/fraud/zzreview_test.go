package fraud

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

type zev struct {
	at  int64
	f   func(now int64)
}
type zq []zev

func (q zq) Len() int           { return len(q) }
func (q zq) Less(i, j int) bool { return q[i].at < q[j].at }
func (q zq) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *zq) Push(x any)        { *q = append(*q, x.(zev)) }
func (q *zq) Pop() any          { o := *q; x := o[len(o)-1]; *q = o[:len(o)-1]; return x }

var zcurve = [24]float64{1.6, .9, .5, .4, .4, .6, 1.3, 2.9, 4.6, 5.6, 6.1, 6.0, 6.3, 5.6, 5.2, 5.2, 5.3, 5.6, 5.9, 6.5, 7.0, 6.8, 5.4, 3.3}

type zcase struct {
	perDay   float64
	days     int
	conv     float64
	wrong    float64 // chance of a wrong try
	prefixes int
	ip       string // none, one, homes, nat
	outage   [2]float64 // days
	own      bool // codes are never verified here
	country string
	seed uint64
	vdelay float64
}

func zrun(t *testing.T, name string, c zcase) {
	r := rand.New(rand.NewPCG(c.seed+1, 2))
	e := New(Options{})
	q := &zq{}
	start := epoch.UnixMilli() / dayMillis * dayMillis
	reqs := make([]int, c.days*4+8)
	ref := make([]int, c.days*4+8)
	checks, refc := 0, 0
	why := map[string]int{}
	var lastRef int64
	if c.country == "" { c.country = "CN" }
	addr := func() netip.Addr {
		switch c.ip {
		case "one":
			return netip.MustParseAddr("203.0.113.9")
		case "homes":
			return netip.AddrFrom4([4]byte{58, byte(r.IntN(60)), byte(r.IntN(256)), 7})
		case "nat":
			return netip.AddrFrom4([4]byte{117, byte(r.IntN(4)), byte(r.IntN(20)), 7})
		}
		return netip.Addr{}
	}
	w := make([]float64, c.prefixes)
	sum := 0.0
	for i := range w {
		sum += 1 / math.Pow(float64(i+1), .6)
		w[i] = sum
	}
	pick := func() uint64 {
		u := r.Float64() * sum
		for i := range w {
			if w[i] >= u {
				return uint64(i)
			}
		}
		return 0
	}
	var ask func(s Subject, try int) func(now int64)
	ask = func(s Subject, try int) func(now int64) {
		return func(now int64) {
			d := (now - start) / (dayMillis / 4)
			reqs[d]++
			dec := e.Admit(time.UnixMilli(now), s)
			if dec.Outcome != Allow {
				ref[d]++
				lastRef = now
				why[dec.Reasons()[0].Rule.String()+" "+[]string{"", "country", "prefix", "app", "range", "range6", "wide", "wide6"}[dec.Reasons()[0].Subject.Kind]]++
				if try < 2 {
					heap.Push(q, zev{now + 60000 + r.Int64N(60000), ask(s, try+1)})
				}
				return
			}
			day := float64(now-start) / dayMillis
			out := day >= c.outage[0] && day < c.outage[1]
			if out || r.Float64() > c.conv {
				if try < 1 && (out || r.Float64() < .3) {
					heap.Push(q, zev{now + 60000 + r.Int64N(60000), ask(s, try+1)})
				}
				return
			}
			if c.own {
				return
			}
			del := c.vdelay; if del == 0 { del = 18000 }
			heap.Push(q, zev{now + int64(del*math.Exp(.8*r.NormFloat64())), func(now int64) {
				at := time.UnixMilli(now)
				if r.Float64() < c.wrong {
					checks++
					if e.JudgeCheck(at, s).Outcome == Block {
						refc++
						return
					}
					e.Failed(at, s)
				}
				checks++
				if e.JudgeCheck(at, s).Outcome == Block {
					refc++
					return
				}
				e.Verified(at, s)
			}})
		}
	}
	var arrive func(now int64)
	arrive = func(now int64) {
		s := Subject{Tenant: 1, App: 1, Country: c.country, Prefix: 8613000 + pick(), Number: r.Uint64() | 1, IP: addr()}
		ask(s, 0)(now)
		hour := (now / hourMillis + 8) % 24
		rate := c.perDay * zcurve[hour] / 100 / 3600000
		next := now + int64(r.ExpFloat64()/rate)
		if next < start+int64(c.days)*dayMillis {
			heap.Push(q, zev{next, arrive})
		}
	}
	heap.Push(q, zev{start, arrive})
	for q.Len() > 0 {
		ev := heap.Pop(q).(zev)
		ev.f(ev.at)
	}
	tr, tf := 0, 0
	line := ""
	for i := range reqs {
		tr += reqs[i]
		tf += ref[i]
		if reqs[i] > 0 {
			line += fmt.Sprintf(" %.1f", 100*float64(ref[i])/float64(reqs[i]))
		}
	}
	fmt.Printf("%-34s reqs %d refused %.3f%% checks %d blocked %d last refusal day %.2f %v\n     by quarter day:%s\n", name, tr, 100*float64(tf)/float64(tr), checks, refc, float64(lastRef-start)/dayMillis, why, line)
}

func TestZZ(t *testing.T) {
	zrun(t, "50% conv no ip 20k/day", zcase{perDay: 20000, days: 6, conv: .5, prefixes: 3900, ip: "none"})
	zrun(t, "50% conv no ip 20k/day 200 pfx", zcase{perDay: 20000, days: 6, conv: .5, prefixes: 200, ip: "none"})
	zrun(t, "50% conv homes 20k/day", zcase{perDay: 20000, days: 6, conv: .5, prefixes: 3900, ip: "homes"})
	zrun(t, "50% conv abroad one pfx 2k/day", zcase{perDay: 2000, days: 6, conv: .5, prefixes: 20, ip: "homes", country: "HK"})
	zrun(t, "one address 20k/day", zcase{perDay: 20000, days: 4, conv: .85, wrong: .08, prefixes: 3900, ip: "one"})
	zrun(t, "one address 50% 20k/day", zcase{perDay: 20000, days: 4, conv: .5, wrong: .08, prefixes: 3900, ip: "one"})
	zrun(t, "100k/day import", zcase{perDay: 100000, days: 3, conv: .8, wrong: .08, prefixes: 3900, ip: "homes"})
	zrun(t, "100k/day import no ip", zcase{perDay: 100000, days: 3, conv: .8, wrong: .15, prefixes: 3900, ip: "none"})
	zrun(t, "outage 30 min no ip", zcase{perDay: 50000, days: 8, conv: .85, wrong: .05, prefixes: 3900, ip: "none", outage: [2]float64{4.2, 4.22}})
	zrun(t, "outage 30 min homes", zcase{perDay: 50000, days: 8, conv: .85, wrong: .05, prefixes: 3900, ip: "homes", outage: [2]float64{4.2, 4.22}})
	zrun(t, "outage 4 h no ip", zcase{perDay: 50000, days: 9, conv: .85, wrong: .05, prefixes: 3900, ip: "none", outage: [2]float64{4.2, 4.36}})
	zrun(t, "outage 30 min one address", zcase{perDay: 50000, days: 8, conv: .85, wrong: .05, prefixes: 3900, ip: "one", outage: [2]float64{4.2, 4.22}})
	zrun(t, "own codes", zcase{perDay: 2000, days: 3, conv: .85, prefixes: 3900, ip: "none", own: true})
	zrun(t, "email-slow typing 3min", zcase{perDay: 50000, days: 3, conv: .85, prefixes: 3900, ip: "none", vdelay: 180000})
}
