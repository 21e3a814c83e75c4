package route

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

// Options are what a Router is made of.
type Options struct {
	Now       func() time.Time
	Uniform   func() float64 // uniform in [0, 1), safe for concurrent use
	Log       *slog.Logger
	Providers []provider.Provider // in the configuration's order
	Routes    []Route             // that Validate
	Ported    Ported
	Region    func(core.Phone) string // ISO 3166 region of a number
}

// Router gives the providers of a message, best first, and learns from what
// becomes of messages. It is safe for concurrent use. Start runs its watch.
type Router struct {
	now     func() time.Time
	uniform func() float64
	log     *slog.Logger
	table   *Table
	gates   []*gate
	paths   []path // of the table's routes, in their order, then the default one
	sick    atomic.Int64

	mu     sync.Mutex
	scores *conversions

	quit    chan struct{}
	running sync.WaitGroup
	once    sync.Once
}

// path is a route with what was found out about its use.
type path struct {
	Route
	choosy  bool // one of its providers can not carry everything
	options []*option
	all     []provider.Provider // of options
}

// option is one provider of a route: what the outbox submits to.
type option struct {
	provider.Provider // the carrier itself
	gate              *gate
	weight            int
	cost              core.Credits
	chosen            atomic.Int64 // how often it came first
	accepted          atomic.Int64
	spent             atomic.Int64 // cost of what was accepted
}

// Submit is provider.Provider's, behind the provider's gate.
func (o *option) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	o.gate.submit(ctx, m, func(end provider.Outcome) {
		o.end(m, &end)
		done(end)
	})
}

func (o *option) end(m *provider.Message, end *provider.Outcome) {
	if end.Class == provider.Accepted {
		o.accepted.Add(1)
		o.spent.Add(int64(o.cost) * int64(max(len(end.PartIDs), 1)))
	}
	if m.Code {
		o.gate.router.told(m, o.Name(), end.Class)
	}
}

// New makes a router.
func New(o Options) (*Router, error) {
	if o.Now == nil || o.Uniform == nil || o.Log == nil || o.Region == nil {
		return nil, errors.New("route: a required option is missing")
	}
	table, err := NewTable(o.Routes, o.Ported, o.Region)
	if err != nil {
		return nil, err
	}
	r := &Router{now: o.Now, uniform: o.Uniform, log: o.Log, table: table, scores: newConversions(),
		quit: make(chan struct{})}
	for _, p := range o.Providers {
		r.gates = append(r.gates, &gate{inner: p, router: r, alone: len(o.Providers) == 1})
	}
	fallback := Route{Name: DefaultName}
	for _, p := range o.Providers {
		fallback.Choices = append(fallback.Choices, Choice{Provider: p.Name()})
	}
	for _, route := range append(slices.Clone(o.Routes), fallback) {
		p, err := r.newPath(route)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", route.Name, err)
		}
		r.paths = append(r.paths, p)
	}
	return r, nil
}

func (r *Router) newPath(route Route) (path, error) {
	p := path{Route: route}
	for _, c := range route.Choices {
		at := slices.IndexFunc(r.gates, func(g *gate) bool { return g.Name() == c.Provider })
		if at < 0 {
			return path{}, fmt.Errorf("there is no provider %q", c.Provider)
		}
		g := r.gates[at]
		_, choosy := g.inner.(provider.Chooser)
		p.choosy = p.choosy || choosy
		o := &option{Provider: g.inner, gate: g, weight: c.Weight, cost: c.Cost}
		p.options, p.all = append(p.options, o), append(p.all, o)
	}
	return p, nil
}

// Order gives the providers that may carry the message, best first. What is
// returned must not be changed.
func (r *Router) Order(q Query) []provider.Provider {
	p := r.path(&q)
	healthy := r.sick.Load() == 0
	if !p.choosy && !p.Weighted && healthy && q.Channel != core.ChannelVoice {
		if len(p.options) > 0 {
			p.options[0].chosen.Add(1)
		}
		return p.all
	}
	able := p.able(&q)
	if p.Weighted && len(able) > 1 {
		r.draw(&q, able)
	}
	if !healthy {
		now := r.now()
		slices.SortStableFunc(able, func(a, b *option) int { return rank(b.gate.ready(now)) - rank(a.gate.ready(now)) })
	}
	if len(able) == 0 {
		return nil
	}
	able[0].chosen.Add(1)
	order := make([]provider.Provider, len(able))
	for i, o := range able {
		order[i] = o
	}
	return order
}

func rank(ready bool) int {
	if ready {
		return 1
	}
	return 0
}

// Names are the providers that may ever carry the message, in no special order:
// nothing is drawn or counted.
func (r *Router) Names(q Query) []string {
	var names []string
	for _, o := range r.path(&q).able(&q) {
		names = append(names, o.Name())
	}
	return names
}

// Has tells whether there is a route of a name.
func (r *Router) Has(name string) bool {
	return slices.ContainsFunc(r.paths, func(p path) bool { return p.Name == name })
}

func (r *Router) path(q *Query) *path {
	at := len(r.paths) - 1
	if at > 0 {
		if found := r.table.find(q); found >= 0 {
			at = found
		}
	}
	return &r.paths[at]
}

// able are the options that can carry the message.
func (p *path) able(q *Query) []*option {
	m := provider.Message{ID: q.Message, Channel: q.Channel, To: q.To, Template: q.Template, Params: q.Params}
	able := make([]*option, 0, len(p.options))
	for _, o := range p.options {
		if provider.Carries(o.Provider, &m) {
			able = append(able, o)
		}
	}
	return able
}

// draw puts the options of a weighted route in an order: each place is drawn
// among those that are left, by weight × conversion.
func (r *Router) draw(q *Query, options []*option) {
	now := r.now()
	country := callingCode(q.To)
	var space [3][8]float64
	weights, drawn, left := make([]int, 0, len(options)), space[0][:0], space[1][:0]
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range options {
		weights = append(weights, o.weight)
		c := 1.0
		if q.Purpose == PurposeCode {
			c = r.scores.draw(place{o.Name(), country}, now, r.uniform)
		}
		drawn = append(drawn, c)
	}
	left = shares(weights, drawn, left)
	for i := range options[:len(options)-1] {
		at := i + pick(left[i:], r.uniform())
		options[i], options[at] = options[at], options[i]
		left[i], left[at] = left[at], left[i]
	}
}

// told learns what a provider said to a code.
func (r *Router) told(m *provider.Message, name string, class provider.Class) {
	at := place{name, callingCode(m.To)}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch class {
	case provider.Accepted, provider.Unknown:
		r.scores.taken(m.ID, at, now)
	case provider.Rejected:
		r.scores.refused(at, now)
	default: // it was not asked, or asks for patience
	}
}

// Verified tells that the code of a message was entered.
func (r *Router) Verified(id core.MessageID) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scores.verified(id, now)
}

// watchEvery is how often silence and patience are looked at.
const watchEvery = 250 * time.Millisecond

// Start runs the watch until Stop. It is called once.
func (r *Router) Start() {
	r.running.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-r.quit:
				return
			case <-tick.C:
				r.Pass(r.now())
			}
		}
	})
}

// Stop ends the watch. Stopping twice, or what was never started, is fine.
func (r *Router) Stop() {
	r.once.Do(func() { close(r.quit) })
	r.running.Wait()
}

// Pass is one round of the watch.
func (r *Router) Pass(now time.Time) {
	for _, g := range r.gates {
		g.watch(now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scores.pass(now)
}

func (r *Router) say(name string, state BreakerState, until time.Time) {
	if state == BreakerClosed {
		r.log.Info("route: the provider answers again", "provider", name)
		return
	}
	r.log.Warn("route: the provider does not answer; others are asked", "provider", name, "until", until)
}
