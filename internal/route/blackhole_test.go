package route

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

// The evaluation of docs/routing.md: three providers of one weight, each of
// which says "delivered" of everything; from one message on, one of them
// delivers nothing. People enter a code that came after 8 to 40 seconds.
const (
	evaluated = 3000 // messages, one a second
	blackFrom = 1000 // the first that is lost
	given     = 300  // messages until its traffic must be gone
	blackHole = 0
)

// truth is how many of a provider's codes are entered while it works.
var truth = [3]float64{0.75, 0.70, 0.72}

func converts(p, message int) float64 {
	if p == blackHole && message >= blackFrom {
		return 0
	}
	return truth[p]
}

// policy chooses a provider for each message.
type policy interface {
	choose(message int, now time.Time) int
	entered(message int, now time.Time)
}

// run lets a policy send all messages, and tells who got them. People are the
// same for all policies of one seed.
func run(seed uint64, p policy) (chosen []int) {
	people := rand.New(rand.NewPCG(seed, 1))
	type event struct{ message, second int }
	var due []event
	for i := range evaluated {
		now := began.Add(time.Duration(i) * time.Second)
		due = slices.DeleteFunc(due, func(e event) bool {
			if e.second <= i {
				p.entered(e.message, now)
			}
			return e.second <= i
		})
		at := p.choose(i, now)
		chosen = append(chosen, at)
		luck, wait := people.Float64(), 8+people.IntN(33)
		if luck < converts(at, i) {
			due = append(due, event{i, i + wait})
		}
	}
	return chosen
}

// regret is how many codes fewer are expected to be entered than with the best
// provider for each message.
func regret(chosen []int) (sum float64) {
	for i, p := range chosen {
		best := 0.0
		for other := range truth {
			best = max(best, converts(other, i))
		}
		sum += best - converts(p, i)
	}
	return sum
}

type roundRobin struct{}

func (roundRobin) choose(message int, _ time.Time) int { return message % len(truth) }
func (roundRobin) entered(int, time.Time)              {}

type fixed int

func (f fixed) choose(int, time.Time) int { return int(f) }
func (fixed) entered(int, time.Time)      {}

// carrierOf accepts everything at once: what becomes of it nobody is told.
type carrierOf struct {
	name string
	took int
}

func (c *carrierOf) Name() string                { return c.name }
func (c *carrierOf) Start(context.Context) error { return nil }
func (c *carrierOf) Stop(context.Context) error  { return nil }
func (c *carrierOf) Health() provider.Health     { return provider.Health{Up: true} }
func (c *carrierOf) Submit(_ context.Context, _ *provider.Message, done func(provider.Outcome)) {
	c.took++
	done(provider.Outcome{Class: provider.Accepted, PartIDs: []string{"1"}})
}

// learned is the router itself.
type learned struct {
	router   *Router
	clock    *time.Time
	carriers []*carrierOf
}

func newLearned(tb testing.TB, seed uint64) *learned {
	l := &learned{clock: &time.Time{}}
	*l.clock = began
	r := Route{Name: "china", Weighted: true}
	var providers []provider.Provider
	for _, name := range []string{"a", "b", "c"} {
		c := &carrierOf{name: name}
		l.carriers = append(l.carriers, c)
		providers = append(providers, c)
		r.Choices = append(r.Choices, Choice{Provider: name, Weight: 1, Cost: 2})
	}
	router, err := New(Options{Now: func() time.Time { return *l.clock }, Uniform: rand.New(rand.NewPCG(seed, 2)).Float64,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Providers: providers, Routes: []Route{r}, Region: regions})
	if err != nil {
		tb.Fatal(err)
	}
	l.router = router
	return l
}

func (l *learned) choose(message int, now time.Time) int {
	*l.clock = now
	l.router.Pass(now)
	q := Query{Message: core.MessageID(message + 1), To: core.PhoneFromE164("+8613800138000"), Channel: core.ChannelSMS, Purpose: PurposeCode}
	first := l.router.Order(q)[0]
	first.Submit(context.Background(), &provider.Message{ID: q.Message, To: q.To, Channel: q.Channel, Code: true}, func(provider.Outcome) {})
	return slices.IndexFunc(l.carriers, func(c *carrierOf) bool { return c.name == first.Name() })
}

func (l *learned) entered(message int, now time.Time) {
	*l.clock = now
	l.router.Verified(core.MessageID(message + 1))
}

// share is a provider's part of the messages of [from, to).
func share(chosen []int, p, from, to int) float64 {
	n := 0
	for _, c := range chosen[from:to] {
		if c == p {
			n++
		}
	}
	return float64(n) / float64(to-from)
}

// TestSilentBlackHoleLosesItsTraffic: whatever the seed, a provider that takes
// messages, reports them delivered and delivers none has lost at least 95 % of
// its traffic 300 messages later. The figures are printed with -v.
func TestSilentBlackHoleLosesItsTraffic(t *testing.T) {
	seeds := 100
	if testing.Short() { // under the race detector
		seeds = 5
	}
	var ours, turns, best, worst float64
	for seed := range uint64(seeds) {
		chosen := run(seed, newLearned(t, seed))
		before := share(chosen, blackHole, 0, blackFrom)
		after := share(chosen, blackHole, blackFrom+given, evaluated)
		worst = max(worst, after/before)
		if before < 0.2 {
			t.Errorf("seed %d: a good provider has %.0f %% of the traffic", seed, 100*before)
		}
		if after > 0.05*before {
			t.Errorf("seed %d: %.1f %% of the messages went to the black hole after %d, %.1f %% before", seed, 100*after, given, 100*before)
		}
		ours += regret(chosen)
		turns += regret(run(seed, roundRobin{}))
		bestFixed := regret(run(seed, fixed(0)))
		for p := 1; p < len(truth); p++ {
			bestFixed = min(bestFixed, regret(run(seed, fixed(p))))
		}
		best += bestFixed
	}
	t.Logf("%d seeds of %d messages, one provider of three a black hole from message %d on", seeds, evaluated, blackFrom)
	t.Logf("traffic that the black hole keeps after %d messages: at most %.1f %% of what it had", given, 100*worst)
	t.Logf("regret, codes not entered that the best provider's would have been: ours %.0f, round-robin %.0f, best fixed provider %.0f",
		ours/float64(seeds), turns/float64(seeds), best/float64(seeds))
	if ours >= turns/2 {
		t.Errorf("regret %.0f against %.0f of round-robin", ours/float64(seeds), turns/float64(seeds))
	}
}

// TestRecoveredProviderGetsItsTrafficBack: what was drawn by weight alone finds
// out that it works again.
func TestRecoveredProviderGetsItsTrafficBack(t *testing.T) {
	const heals, back = 1500, 6000
	for seed := range uint64(5) {
		l, people := newLearned(t, seed), rand.New(rand.NewPCG(seed, 3))
		var chosen []int
		entered := map[int][]int{}
		for i := range back {
			now := began.Add(time.Duration(i) * time.Second)
			for _, m := range entered[i] {
				l.entered(m, now)
			}
			at := l.choose(i, now)
			chosen = append(chosen, at)
			if people.Float64() < 0.7 && (at != blackHole || i < 500 || i >= heals) {
				entered[i+20] = append(entered[i+20], i)
			}
		}
		if got := share(chosen, blackHole, heals-500, heals); got > 0.05 {
			t.Errorf("seed %d: %.1f %% while it is one", seed, 100*got)
		}
		if got := share(chosen, blackHole, back-1000, back); got < 0.2 {
			t.Errorf("seed %d: %.1f %% long after it is none any more", seed, 100*got)
		}
	}
}

// TestWeightsAreKeptAmongEquals: providers that convert alike get about what
// their weights say.
func TestWeightsAreKeptAmongEquals(t *testing.T) {
	l := newLearned(t, 1)
	for i, w := range []int{6, 3, 1} {
		l.router.paths[0].options[i].weight = w
	}
	people := rand.New(rand.NewPCG(1, 4))
	var chosen []int
	for i := range evaluated {
		now := began.Add(time.Duration(i) * time.Second)
		chosen = append(chosen, l.choose(i, now))
		if people.Float64() < 0.7 {
			l.entered(i, now)
		}
	}
	for p, want := range []float64{0.6, 0.3, 0.1} {
		if got := share(chosen, p, 0, evaluated); got < want-0.1 || got > want+0.1 {
			t.Errorf("provider %d has %.0f %%, its weight says %.0f %%", p, 100*got, 100*want)
		}
	}
}
