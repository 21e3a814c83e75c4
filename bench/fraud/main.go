package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"time"

	"yanma.dev/yanma/internal/guard/fraud"
)

// options of one simulation.
type options struct {
	seed    uint64
	days    int
	spray   int   // numbers that are sprayed
	hours   int64 // that a spray takes
	daily   int   // people's codes a day
	crowd   int   // people behind the launch's address
	launch  bool
	outage  bool
	plain   bool
	slow    float64 // of the usual share of codes are entered
	beside  float64 // share of a botnet in ranges of customers
	attacks string  // a name; "": all, "none"
	fresh   int     // people in the first ten minutes of a new installation, instead of all that
	policy  fraud.Policy
}

func main() {
	o := options{launch: true, outage: true}
	flag.Uint64Var(&o.seed, "seed", 1, "of all chance")
	seeds := flag.Int("seeds", 1, "how many seeds from -seed on; more than one prints a line each")
	flag.IntVar(&o.days, "days", 16, "days of traffic, at least 4; the launch and most attacks come in the last two")
	flag.IntVar(&o.daily, "daily", 30_000, "people who want a code, a day")
	flag.IntVar(&o.spray, "spray", 1_000_000, "numbers that are sprayed, one guess each")
	flag.Int64Var(&o.hours, "hours", 12, "hours that a spray of a botnet takes")
	flag.IntVar(&o.crowd, "crowd", 5000, "people behind one address at the launch")
	flag.IntVar(&o.fresh, "fresh", 0, "instead of days: this many people in the first ten minutes of an installation, and no attacks")
	flag.Float64Var(&o.slow, "slow", 1, "people enter this share of the codes that they usually would")
	flag.Float64Var(&o.beside, "beside", .02, "share of botnets in address ranges where customers live")
	flag.BoolVar(&o.plain, "plain", false, "a dialect without challenges: what would be challenged is refused")
	flag.StringVar(&o.attacks, "attack", "", "only this attack, or none")
	profile := flag.String("profile", "", "file for a CPU profile")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "fraud:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	for i := range *seeds {
		one := o
		one.seed += uint64(i)
		began := time.Now()
		r := simulate(one)
		if *seeds > 1 {
			r.line(os.Stdout)
			continue
		}
		r.report(os.Stdout)
		fmt.Printf("\n%d requests in %v\n", r.human.requests+r.attempts(), time.Since(began).Round(time.Millisecond))
	}
}

// simulate runs one simulation.
func simulate(o options) *run {
	o.days = max(o.days, 4)
	epoch := time.Date(2026, 11, 1, 16, 0, 0, 0, time.UTC) // midnight in UTC+8
	r := &run{o: o, server: newServer(epoch, o.policy, o.plain), people: newPopulation(rand.New(rand.NewPCG(o.seed, 0x5eed)))}
	if o.outage {
		from := int64(o.days)/2*day + 15*hour
		r.outage = [3]int64{from, from + 20*minute, 1}
	}
	r.plan(o.days)
	if o.fresh == 0 {
		r.attackAll(int64(o.days))
	}
	r.queue.run(int64(o.days) * day)
	return r
}

func (r *run) attempts() (n int) {
	for _, a := range r.attacks {
		n += a.tries
	}
	return n
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(max(of, 1)) }

// worst is the most that one run of pumping and one of spraying got.
func (r *run) worst() (pumped, guessed int) {
	for _, a := range r.attacks {
		if a.guesses {
			guessed = max(guessed, a.compared)
		} else {
			pumped = max(pumped, a.messages)
		}
	}
	return pumped, guessed
}

func (r *run) line(w io.Writer) {
	pumped, guessed := r.worst()
	fmt.Fprintf(w, "seed %3d: most pumped %d, most guessed %d; people: %d requests, %.3f %% challenged by the guard, %.3f %% by limits, %.4f %% blocked\n",
		r.o.seed, pumped, guessed, r.human.requests, percent(r.human.challenged, r.human.requests), percent(r.human.asked, r.human.requests), percent(r.human.blocked, r.human.requests))
}

func (r *run) report(w io.Writer) {
	h := r.human
	fmt.Fprintf(w, "Fraud simulation: seed %d, %d days\n\nPeople\n", r.o.seed, r.o.days)
	fmt.Fprintf(w, "  %9d requests: %d messages, %d logins (%.1f %%)\n", h.requests, h.sends, h.verified, percent(h.verified, h.sends))
	fmt.Fprintf(w, "  %9d challenged by the guard, %.3f %%\n  %9d challenged by a limit, %.3f %%\n", h.challenged, percent(h.challenged, h.requests), h.asked, percent(h.asked, h.requests))
	fmt.Fprintf(w, "  %9d blocked by the guard, %.4f %%\n  %9d refused by a limit, %.3f %%\n", h.blocked, percent(h.blocked, h.requests), h.limited, percent(h.limited, h.requests))
	for _, why := range slices.Sorted(maps.Keys(r.server.why)) {
		fmt.Fprintf(w, "    %-45s%8d\n", why, r.server.why[why])
	}
	lost := 0
	fmt.Fprintf(w, "\nAttacks%43s%10s%10s%10s\n", "tries", "messages", "guesses", "last")
	for _, a := range r.attacks {
		fmt.Fprintf(w, "  %-38s%10d%10d%10d%10d\n", a.name, a.tries, a.messages, a.compared, a.last)
		lost += a.messages
	}
	s := r.server.engine.Stats()
	fmt.Fprintf(w, "  %-38s%10d messages, %.2f at 0.045 each\n\nSubjects kept %v, evicted %d\n", "lost to fraud in all", lost, .045*float64(lost), s.Kept, s.Evicted)
}
