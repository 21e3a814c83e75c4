package route

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

// lazy is a provider with a window: what is submitted waits until the test
// answers it.
type lazy struct {
	name   string
	window chan struct{}

	mu   sync.Mutex
	done []func(provider.Outcome)
	took int
}

func newLazy(name string, window int) *lazy {
	return &lazy{name: name, window: make(chan struct{}, window)}
}

func (p *lazy) Name() string                { return p.name }
func (p *lazy) Start(context.Context) error { return nil }
func (p *lazy) Stop(context.Context) error  { return nil }
func (p *lazy) Health() provider.Health     { return provider.Health{Up: true} }

func (p *lazy) Submit(ctx context.Context, _ *provider.Message, done func(provider.Outcome)) {
	select {
	case p.window <- struct{}{}:
	case <-ctx.Done():
		done(provider.Outcome{Class: provider.NotSent})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took++
	p.done = append(p.done, done)
}

func (p *lazy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.took
}

// answer ends everything that waits.
func (p *lazy) answer(class provider.Class) {
	p.mu.Lock()
	all := p.done
	p.done = nil
	p.mu.Unlock()
	for _, done := range all {
		<-p.window
		done(provider.Outcome{Class: class, PartIDs: []string{"1", "2"}})
	}
}

// talker is a provider that makes calls only.
type talker struct{ *lazy }

func (talker) Carries(m *provider.Message) bool { return m.Channel == core.ChannelVoice }

func newRouter(tb testing.TB, routes []Route, providers ...provider.Provider) *Router {
	tb.Helper()
	r, err := New(Options{Now: time.Now, Uniform: func() float64 { return 0.5 }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Providers: providers, Routes: routes, Region: regions})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

var anyone = Query{Message: 1, To: core.PhoneFromE164("+8613800138000"), Channel: core.ChannelSMS, Purpose: PurposeCode}

func names(order []provider.Provider) (all []string) {
	for _, p := range order {
		all = append(all, p.Name())
	}
	return all
}

func (r *Router) send(ctx context.Context, to int) provider.Class {
	class := make(chan provider.Class, 1)
	r.Order(anyone)[to].Submit(ctx, &provider.Message{ID: 1, To: anyone.To}, func(o provider.Outcome) { class <- o.Class })
	select {
	case c := <-class:
		return c
	default:
		return 0
	}
}

func TestDefaultRouteIsAllInOrder(t *testing.T) {
	r := newRouter(t, nil, newLazy("a", 1), newLazy("b", 1), talker{newLazy("v", 1)})
	if got := names(r.Order(anyone)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%v", got)
	}
	call := anyone
	call.Channel = core.ChannelVoice
	if got := names(r.Order(call)); !slices.Equal(got, []string{"v"}) {
		t.Errorf("a call goes by %v", got)
	}
	plain := newRouter(t, nil, newLazy("a", 1), newLazy("b", 1))
	if got := plain.Order(call); len(got) != 0 {
		t.Errorf("a call goes by %v", names(got))
	}
	if n := testing.AllocsPerRun(100, func() { plain.Order(anyone) }); n != 0 {
		t.Errorf("%v allocations for a route of everybody", n)
	}
}

func TestCostIsCountedBySegment(t *testing.T) {
	a := newLazy("a", 10)
	r := newRouter(t, []Route{{Name: "x", Choices: []Choice{{Provider: "a", Cost: 7}}}}, a)
	r.send(t.Context(), 0)
	a.answer(provider.Accepted) // two parts
	r.send(t.Context(), 0)
	a.answer(provider.Rejected)
	if got := r.Stats().Choices[0]; got != (ChoiceStats{Route: "x", Provider: "a", Chosen: 2, Accepted: 1, Spent: 14}) {
		t.Errorf("%+v", got)
	}
}

// TestReq36_SilenceOpensTheBreaker: what waits for the window of a provider that
// says nothing comes back at once and others are asked; one probe finds out when
// it answers again.
func TestReq36_SilenceOpensTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLazy("a", 2), newLazy("b", 100)
		r := newRouter(t, nil, a, b)
		r.Start()
		defer r.Stop()
		r.send(t.Context(), 0)
		r.send(t.Context(), 0)
		waits := make(chan provider.Class, 1)
		go r.Order(anyone)[0].Submit(t.Context(), &provider.Message{}, func(o provider.Outcome) { waits <- o.Class })
		time.Sleep(silence - time.Second)
		if got := names(r.Order(anyone)); got[0] != "a" {
			t.Fatalf("%v before the silence is over", got)
		}
		time.Sleep(time.Second + watchEvery)
		synctest.Wait()
		if c := <-waits; c != provider.NotSent {
			t.Fatalf("what waits for the window ended as %s", c)
		}
		if got := names(r.Order(anyone)); !slices.Equal(got, []string{"b", "a"}) {
			t.Fatalf("%v", got)
		}
		if c := r.send(t.Context(), 1); c != provider.NotSent || a.count() != 2 {
			t.Fatalf("asked although it is open: %s", c)
		}
		time.Sleep(time.Minute)
		if got := names(r.Order(anyone)); got[0] != "b" {
			t.Fatal("a probe would stand behind what was not answered")
		}
		a.answer(provider.Unknown) // the time-out
		if got := names(r.Order(anyone)); got[0] != "a" {
			t.Fatal("no probe after the pause")
		}
		r.send(t.Context(), 0)
		if got := names(r.Order(anyone)); got[0] != "b" {
			t.Fatal("a second probe beside the first")
		}
		a.answer(provider.Accepted)
		if got := names(r.Order(anyone)); got[0] != "a" || r.sick.Load() != 0 {
			t.Fatal("it answered, and is not asked")
		}
		if s := r.Stats().Providers[0]; s.Opened != 1 || s.Breaker != BreakerClosed {
			t.Errorf("%+v", s)
		}
	})
}

// TestReq36_FiveUnknownOutcomesOpenTheBreaker: over many goroutines, one probe
// at a time.
func TestReq36_FiveUnknownOutcomesOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLazy("a", 1000)
		r := newRouter(t, nil, a, newLazy("b", 1))
		for range failuresToOpen {
			r.send(t.Context(), 0)
		}
		a.answer(provider.Unknown)
		if s := r.Stats().Providers[0]; s.Breaker != BreakerOpen {
			t.Fatalf("%+v", s)
		}
		to := r.paths[0].all[0]
		for round := range 5 {
			time.Sleep(longestPause)
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() { to.Submit(t.Context(), &provider.Message{}, func(provider.Outcome) {}) })
			}
			all.Wait()
			if got := a.count(); got != failuresToOpen+round+1 {
				t.Fatalf("round %d: %d submissions", round, got)
			}
			a.answer(provider.Unknown)
		}
	})
}

// TestAProviderWithoutALinkIsNotHeldAgainst: it says so at once, and is asked as
// soon as it is back.
func TestAProviderWithoutALinkIsNotHeldAgainst(t *testing.T) {
	a := newLazy("a", 1)
	r := newRouter(t, nil, a, newLazy("b", 1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	a.window <- struct{}{} // full: Submit answers NotSent because ctx is over
	for range 20 {
		r.send(ended, 0)
	}
	if s := r.Stats().Providers[0]; s.Breaker != BreakerClosed {
		t.Errorf("%+v", s)
	}
}

func TestOneProviderAloneIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLazy("a", 10)
		r := newRouter(t, nil, a)
		r.Start()
		r.send(t.Context(), 0)
		r.send(t.Context(), 0)
		time.Sleep(time.Minute)
		if s := r.Stats().Providers[0]; s.Breaker != BreakerClosed {
			t.Errorf("%+v", s)
		}
		r.Stop()
		r.Stop()
	})
	goleak.VerifyNone(t)
}

func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newLazy("a", 10)
		r := newRouter(t, nil, a, newLazy("b", 1))
		r.send(t.Context(), 0)
		time.Sleep(2 * time.Second)
		a.answer(provider.Accepted) // it takes two seconds
		r.send(t.Context(), 0)
		r.send(t.Context(), 0)
		time.Sleep(5 * time.Second)
		r.Pass(time.Now())
		if s := r.Stats().Providers[0]; s.Breaker != BreakerClosed {
			t.Errorf("after 5 s: %+v", s)
		}
		time.Sleep(2 * time.Second)
		r.Pass(time.Now())
		if s := r.Stats().Providers[0]; s.Breaker != BreakerOpen {
			t.Errorf("after 7 s: %+v", s)
		}
	})
}

func BenchmarkOrder(b *testing.B) {
	weighted := Route{Name: "w", Weighted: true, Choices: []Choice{{Provider: "a", Weight: 3}, {Provider: "b", Weight: 2}, {Provider: "c", Weight: 1}}}
	for name, routes := range map[string][]Route{"default": nil, "weighted": {weighted}} {
		b.Run(name, func(b *testing.B) {
			r := newRouter(b, routes, newLazy("a", 1), newLazy("b", 1), newLazy("c", 1))
			for b.Loop() {
				r.Order(anyone)
			}
		})
	}
}
