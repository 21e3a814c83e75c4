package providertest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

// testStopDrains stops while answers are on their way: they still count.
func testStopDrains(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10})
	rig.Carrier.Script(always(Hold))
	outcomes := make(chan provider.Outcome, 20)
	for range 10 {
		rig.Provider.Submit(t.Context(), h.message(), func(o provider.Outcome) { outcomes <- o })
	}
	stop(t, rig.Provider)
	for range 10 {
		wantClass(t, await(t, outcomes), provider.Accepted)
	}
	wantClass(t, h.submit(t, rig.Provider), provider.NotSent)
	if rig.Provider.Health().Up {
		t.Error("up after Stop")
	}
}

// testStopImpatient stops with a context that is over: what was sent is
// Unknown, at once.
func testStopImpatient(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10})
	rig.Carrier.Script(always(Silent))
	outcomes := make(chan provider.Outcome, 2)
	rig.Provider.Submit(t.Context(), h.message(), func(o provider.Outcome) { outcomes <- o })
	Eventually(t, "the carrier has it", func() bool { return rig.Carrier.Taken(phone) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := rig.Provider.Stop(ctx); err == nil {
		t.Error("Stop hides that an answer is missing")
	}
	wantClass(t, await(t, outcomes), provider.Unknown)
}

func testStopTwice(t *testing.T, h Harness) {
	rig := h.New(t, &sink{}, Options{Window: 10})
	rig.Carrier.Script(always(Accept))
	if err := rig.Provider.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the provider is up", func() bool { return rig.Provider.Health().Up })
	var both sync.WaitGroup
	both.Go(func() { stop(t, rig.Provider) })
	both.Go(func() { stop(t, rig.Provider) })
	both.Wait()
	stop(t, rig.Provider)

	never := h.New(t, &sink{}, Options{Window: 10})
	stop(t, never.Provider)
}

// load has many callers submit at once and counts what they are told.
type load struct {
	message       func() *provider.Message
	callers, each int
	calls         []atomic.Int32 // of done, by submit
	classes       [6]atomic.Int64
}

func (h Harness) load() *load {
	l := newLoad(200, 20)
	if h.Load != 0 {
		l = newLoad(200, h.Load)
	}
	l.message = h.message
	return l
}

func newLoad(callers, each int) *load {
	return &load{callers: callers, each: each, calls: make([]atomic.Int32, callers*each)}
}

// run submits everything, each to its own number, and waits for the outcomes.
func (l *load) run(t *testing.T, p provider.Provider) {
	var submitting, done sync.WaitGroup
	for caller := range l.callers {
		submitting.Go(func() {
			for i := range l.each {
				n := caller*l.each + i
				m := l.message()
				m.To = numbered(n)
				done.Add(1)
				p.Submit(t.Context(), m, func(o provider.Outcome) {
					l.classes[o.Class].Add(1)
					if l.calls[n].Add(1) == 1 {
						done.Done()
					}
				})
			}
		})
	}
	finished := make(chan struct{})
	go func() { submitting.Wait(); done.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(4 * Patience):
		t.Fatal("outcomes are missing")
	}
}

func (l *load) once(t *testing.T) {
	t.Helper()
	for n := range l.calls {
		if calls := l.calls[n].Load(); calls != 1 {
			t.Errorf("submit %d: done was called %d times", n, calls)
		}
	}
}

func numbered(n int) core.Phone { return core.PhoneFromE164(fmt.Sprintf("+86139%08d", n)) }

func testOneOutcomeEach(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 20})
	l := h.load()
	l.run(t, rig.Provider)
	l.once(t)
	if n := l.classes[provider.Accepted].Load(); n != int64(len(l.calls)) {
		t.Errorf("%d of %d accepted; %d unknown, %d not sent", n, len(l.calls), l.classes[provider.Unknown].Load(), l.classes[provider.NotSent].Load())
	}
	if peak := rig.Carrier.Peak(); peak > 20*h.links() {
		t.Errorf("%d without an answer, window 20 on each of %d links", peak, h.links())
	}
}

// testFlapping cuts the connections again and again. Every submit has one
// outcome, and what the carrier took agrees with it: accepted is taken once,
// not sent never, unknown once or never.
func testFlapping(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 20})
	l := h.load()
	flapping := make(chan struct{})
	var flapper sync.WaitGroup
	flapper.Go(func() {
		for {
			select {
			case <-flapping:
				return
			case <-time.After(5 * time.Millisecond):
				rig.Carrier.Drop()
			}
		}
	})
	outcome := make([]atomic.Uint32, len(l.calls))
	l.runPatiently(t, rig.Provider, outcome)
	close(flapping)
	flapper.Wait()
	l.once(t)
	for n := range outcome {
		class, taken := provider.Class(outcome[n].Load()), rig.Carrier.Taken(numbered(n))
		ok := class == provider.Accepted && taken == 1 || class == provider.NotSent && taken == 0 || class == provider.Unknown && taken <= 1
		if !ok {
			t.Errorf("submit %d: %v, taken %d times", n, class, taken)
		}
	}
	t.Logf("accepted %d, unknown %d, not sent %d", l.classes[provider.Accepted].Load(),
		l.classes[provider.Unknown].Load(), l.classes[provider.NotSent].Load())
}

// runPatiently is run with callers that wait for the provider to be up before
// each submit, so that the flapping meets traffic.
func (l *load) runPatiently(t *testing.T, p provider.Provider, outcome []atomic.Uint32) {
	var all sync.WaitGroup
	for caller := range l.callers {
		all.Go(func() {
			for i := range l.each {
				n := caller*l.each + i
				for tries := 0; !p.Health().Up && tries < 1000; tries++ {
					time.Sleep(time.Millisecond)
				}
				m := l.message()
				m.To = numbered(n)
				ended := make(chan struct{})
				p.Submit(t.Context(), m, func(o provider.Outcome) {
					l.classes[o.Class].Add(1)
					outcome[n].Store(uint32(o.Class))
					if l.calls[n].Add(1) == 1 {
						close(ended)
					}
				})
				<-ended
			}
		})
	}
	all.Wait()
}
