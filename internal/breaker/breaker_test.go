package breaker

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rule is contracts/carriers.md §1.
var rule = Rule{Failures: 10, Within: 30 * time.Second, Rest: 15 * time.Second}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func fail(t *testing.T, b *Breaker) (opened bool) {
	t.Helper()
	p, ok := b.Allow()
	if !ok {
		t.Fatal("not allowed")
	}
	return p.Done(true)
}

func start() (*Breaker, *clock) {
	c := &clock{at: time.Unix(1_700_000_000, 0)}
	return New(rule, c.now), c
}

func TestOpensAfterTheTenthFailure(t *testing.T) {
	b, c := start()
	for i := range 10 {
		if opened := fail(t, b); opened != (i == 9) {
			t.Fatalf("failure %d: opened %v", i+1, opened)
		}
		c.at = c.at.Add(time.Second)
	}
	if _, ok := b.Allow(); ok || b.State() != Open || b.Ready() {
		t.Errorf("state %s", b.State())
	}
}

func TestFailuresThatAreFarApart(t *testing.T) {
	b, c := start()
	for range 100 {
		if fail(t, b) {
			t.Fatal("opened: no ten failures lie within 30 s")
		}
		c.at = c.at.Add(3334 * time.Millisecond) // 9 steps are 30.006 s
	}
}

func TestAnswersDoNotCount(t *testing.T) {
	b, _ := start()
	for range 1000 {
		p, _ := b.Allow()
		p.Done(false)
	}
	for range 9 {
		fail(t, b)
	}
	if b.State() != Closed {
		t.Error("opened by nine failures")
	}
}

func opened(t *testing.T) (*Breaker, *clock) {
	t.Helper()
	b, c := start()
	for range 10 {
		fail(t, b)
	}
	return b, c
}

func TestHalfOpenLetsOneIn(t *testing.T) {
	b, c := opened(t)
	c.at = c.at.Add(15*time.Second - 1)
	if _, ok := b.Allow(); ok {
		t.Fatal("allowed before the rest was over")
	}
	c.at = c.at.Add(1)
	if b.State() != HalfOpen || !b.Ready() {
		t.Errorf("state %s", b.State())
	}
	var in atomic.Int32
	var probe atomic.Pointer[Permit]
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if p, ok := b.Allow(); ok {
				in.Add(1)
				probe.Store(p)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Fatalf("%d probes at once", in.Load())
	}
	if !probe.Load().Done(true) || b.State() != Open {
		t.Error("a failed probe must open it again")
	}
	c.at = c.at.Add(15 * time.Second)
	p, ok := b.Allow()
	if !ok {
		t.Fatal("no second probe")
	}
	p.Cancel()
	if p, ok = b.Allow(); !ok {
		t.Fatal("a probe that asked nothing keeps others out")
	}
	p.Done(false)
	if b.State() != Closed {
		t.Errorf("state %s after an answer", b.State())
	}
	for range 9 {
		fail(t, b)
	}
	if b.State() != Closed {
		t.Error("failures of before the rest still count")
	}
}

func TestLateResultsDoNotCount(t *testing.T) {
	b, c := start()
	late, _ := b.Allow()
	for range 10 {
		fail(t, b)
	}
	c.at = c.at.Add(15 * time.Second)
	probe, _ := b.Allow()
	late.Done(false)
	late.Cancel()
	if _, ok := b.Allow(); ok {
		t.Error("a call of before the rest freed the probe's place")
	}
	probe.Done(false)
	probe.Done(true)
	if b.State() != Closed {
		t.Error("the second end of a permit counted")
	}
}
