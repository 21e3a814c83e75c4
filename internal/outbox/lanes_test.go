package outbox

import (
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// sendBy hands a message off that goes by the provider of that name.
func (n *node) sendBy(tb testing.TB, name string) store.Message {
	row := n.world.enqueue(tb, 1)
	n.HandOff(Outgoing{Row: row, To: core.PhoneFromE164(number), Text: text, From: name})
	return row
}

// apart are options of a node with providers that messages name as their sender.
func (w *world) apart(all ...*scripted) Options {
	o := w.options()
	o.Apart = true
	o.Route = func(m Outgoing) (route []provider.Provider) {
		for _, p := range all {
			if p.name == m.From {
				route = append(route, p)
			}
		}
		return route
	}
	return o
}

// TestSlowProviderHoldsUpNobodyElse: a hundred messages wait for a provider whose
// window is full; one for another provider leaves at once.
func TestSlowProviderHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		slow := &scripted{name: "slow", answer: always(provider.Accepted), window: make(chan struct{}, 1), delay: time.Second}
		fast := &scripted{name: "fast", answer: always(provider.Accepted)}
		n := start(t, w, w.apart(slow, fast))
		for range 100 {
			n.sendBy(t, "slow")
		}
		row := n.sendBy(t, "fast")
		none := n.sendBy(t, "nobody")
		twoTurns()
		if got := len(slow.submitted()); got != 1 {
			t.Errorf("%d of the slow one's are under way, want its window of 1", got)
		}
		if got := fast.submitted(); len(got) != 1 || got[0].ID != row.ID {
			t.Errorf("the fast one got %d", len(got))
		}
		if s := n.Stats(); s.QueueDepth != 98 { // one is sent, one waits for the window
			t.Errorf("%d wait", s.QueueDepth)
		}
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
		w.expect(t, none.ID, store.MessageDead, store.MoneyRefunded)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for id, times := range slow.submissions() {
			if times != 1 {
				t.Errorf("message %d was sent %d times", id, times)
			}
			w.expect(t, id, store.MessageSubmitted, store.MoneySettled)
		}
		if got := len(slow.submissions()); got != 100 {
			t.Errorf("%d of 100 sent", got)
		}
	})
}

// TestStopGivesLanesBack: what waits for a provider when the outbox stops is
// queued on disk again.
func TestStopGivesLanesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		slow := &scripted{name: "slow", answer: always(provider.Accepted), window: make(chan struct{}, 1), delay: time.Second}
		n := start(t, w, w.apart(slow))
		var rows []store.Message
		for range 20 {
			rows = append(rows, n.sendBy(t, "slow"))
		}
		synctest.Wait()
		if err := n.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect(t, rows[0].ID, store.MessageSubmitted, store.MoneySettled)
		for _, row := range rows[1:] {
			w.expect(t, row.ID, store.MessageQueued, store.MoneyReserved)
		}
		if s := n.Stats(); s.InFlight != 0 || s.QueueDepth != 0 {
			t.Errorf("%+v", s)
		}
	})
}
