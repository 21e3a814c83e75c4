package outbox

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// failingOver are options whose messages may go on after a receipt.
func failingOver(w *world, providers ...provider.Provider) Options {
	o := w.options(providers...)
	o.NextHold = 3 * time.Second
	o.Able = func(*store.Message, core.Phone) (names []string) {
		for _, p := range providers {
			names = append(names, p.Name())
		}
		return names
	}
	return o
}

// part is the carrier's id of the first submission that always accepts.
func part(p *scripted) string { return always(provider.Accepted)(0, p.submitted()[0]).PartIDs[0] }

func (n *node) report(from, part string, s provider.State, status int) {
	n.Receipt(from, provider.Receipt{PartID: part, State: s, JSMS: status, Code: "X"}, func(error) {})
	twoTurns()
}

func TestReq36_UndeliveredGoesToTheNextProviderInsideItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a, b := &scripted{name: "a", answer: always(provider.Accepted)}, &scripted{name: "b", answer: func(int, provider.Message) provider.Outcome { return accepted("of b") }}
		n := start(t, w, failingOver(w, a, b))
		row := n.send(t)
		twoTurns()
		first := part(a)
		n.report("a", first, provider.StateUndelivered, 4003)
		time.Sleep(time.Second)
		n.report("a", first, provider.StateUndelivered, 4003) // a repetition
		n.report("a", first, provider.StateSubmitted, 0)
		m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
		if len(a.submitted()) != 1 || len(b.submitted()) != 1 || m.Provider != "b" || m.Resends != 0 || m.Attempts != 2 {
			t.Fatalf("%d and %d submissions, %+v", len(a.submitted()), len(b.submitted()), m)
		}
		if got := b.submitted()[0]; got.Text != text || got.Validity >= codeLife {
			t.Errorf("%+v", got)
		}
		if got := w.balance(billing.Revenue); got != price {
			t.Errorf("charged %d for one message of %d", got, price)
		}
		n.report("a", first, provider.StateDelivered, 4001) // the first copy arrived after all
		m = w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
		if s := n.Stats(); s.FailedOver != 1 || m.Status != 4001 || m.Body != nil {
			t.Errorf("%+v, %+v", s, m)
		}
		n.report("b", "of b", provider.StateUndelivered, 4003)
		w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
	})
}

func TestReq36_NeverBackToWhoRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a := &scripted{name: "a", answer: always(provider.Rejected)}
		b := &scripted{name: "b", answer: always(provider.Accepted)}
		n := start(t, w, failingOver(w, a, b))
		row := n.send(t)
		twoTurns()
		n.report("b", part(b), provider.StateUndelivered, 4003)
		time.Sleep(2 * codeLife)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageUndelivered, store.MoneySettled)
		if len(a.submitted()) != 1 || len(b.submitted()) != 1 {
			t.Errorf("%d and %d submissions", len(a.submitted()), len(b.submitted()))
		}
	})
}

func TestReq36_RefusedEverywhereAfterAReceiptWaitsForTheFirstCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a := &scripted{name: "a", answer: always(provider.Accepted)}
		b := &scripted{name: "b", answer: always(provider.Rejected)}
		n := start(t, w, failingOver(w, a, b))
		row := n.send(t)
		twoTurns()
		n.report("a", part(a), provider.StateUndelivered, 4003)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageUnknown, store.MoneySettled)
		if len(a.submitted()) != 1 || len(b.submitted()) != 1 {
			t.Errorf("%d and %d submissions", len(a.submitted()), len(b.submitted()))
		}
		n.report("a", part(a), provider.StateDelivered, 4001)
		w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
	})
}

// TestUndeliveredForGood: nobody else is asked where that can not help, or comes
// too late.
func TestUndeliveredForGood(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		wait   time.Duration
	}{"opted out": {4002, 0}, "no such number": {4004, 0}, "the code is dead": {4003, codeLife}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLiveWorld(t)
				a, b := &scripted{name: "a", answer: always(provider.Accepted)}, &scripted{name: "b", answer: always(provider.Accepted)}
				n := start(t, w, failingOver(w, a, b))
				row := n.send(t)
				twoTurns()
				time.Sleep(c.wait)
				n.report("a", part(a), provider.StateUndelivered, c.status)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				m := w.expect(t, row.ID, store.MessageUndelivered, store.MoneySettled)
				if len(b.submitted()) != 0 || int(m.Status) != c.status {
					t.Errorf("%d submissions, %+v", len(b.submitted()), m)
				}
			})
		})
	}
}

// TestReq34_UnknownIsHeldShorterWhereAnotherProviderIs: the one resend goes to
// the next provider of the route.
func TestReq34_UnknownIsHeldShorterWhereAnotherProviderIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a, b := &scripted{name: "a", answer: always(provider.Unknown)}, &scripted{name: "b", answer: always(provider.Accepted)}
		n := start(t, w, failingOver(w, a, b))
		row := n.send(t)
		time.Sleep(2 * time.Second)
		if len(b.submitted()) != 0 {
			t.Fatal("not held")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); m.Resends != 1 || len(a.submitted()) != 1 || len(b.submitted()) != 1 {
			t.Errorf("%+v", m)
		}
	})
}

func TestWhoHadItLastComesLast(t *testing.T) {
	w := newWorld(t)
	m := w.newMessage(1)
	route := []provider.Provider{&scripted{name: "a"}, &scripted{name: "b"}, &scripted{name: "c"}}
	names := func() (all []string) {
		for _, p := range around(route, &m) {
			all = append(all, p.Name())
		}
		return all
	}
	now := store.At(w.now())
	m.Provider = "a"
	note(&m, now, Step{Kind: StepUnknown, Provider: "a"})
	if got := names(); !slices.Equal(got, []string{"b", "c", "a"}) {
		t.Errorf("after an unknown outcome of a: %v", got)
	}
	note(&m, now, Step{Kind: StepRejected, Provider: "b", Code: "no"})
	m.Provider = "b"
	note(&m, now, Step{Kind: StepFailover, Provider: "c"})
	if got := names(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after b refused and c did not deliver: %v", got)
	}
	note(&m, now, Step{Kind: StepRequeued})
	if got := names(); !slices.Equal(got, []string{"a", "c", "b"}) {
		t.Errorf("after an operator's requeue: %v", got)
	}
}
