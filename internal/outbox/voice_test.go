package outbox

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// call hands a call over.
func (n *node) call(tb testing.TB) store.Message {
	tb.Helper()
	c := &accept{world: n.world, row: n.world.newMessage(1)}
	c.row.Channel = core.ChannelVoice
	if err := n.world.batcher.Do(context.Background(), c); err != nil {
		tb.Fatal(err)
	}
	n.HandOff(Outgoing{Row: c.row, To: core.PhoneFromE164(number), Text: text})
	return c.row
}

// TestReq34_CallIsNeverRepeated: nobody knows whether the phone rang. It does
// not ring again, at the same provider or another one, and the money goes back
// after 72 hours; a late receipt still counts.
func TestReq34_CallIsNeverRepeated(t *testing.T) {
	unknown := func(int, provider.Message) provider.Outcome {
		return provider.Outcome{Class: provider.Unknown, PartIDs: []string{"call"}}
	}
	for name, receipt := range map[string]bool{"silence": false, "a late receipt": true} {
		if testing.Short() && !receipt { // three days take long under the race detector
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLiveWorld(t)
				a, b := &scripted{name: "a", answer: unknown}, &scripted{name: "b", answer: always(provider.Accepted)}
				n := start(t, w, failingOver(w, a, b))
				row := n.call(t)
				time.Sleep(time.Minute)
				synctest.Wait()
				m := w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved)
				if m.Resends != 0 || len(a.submitted()) != 1 || len(b.submitted()) != 0 {
					t.Fatalf("%d and %d calls", len(a.submitted()), len(b.submitted()))
				}
				if receipt {
					n.report("a", "call", provider.StateDelivered, 4001)
					w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
					return
				}
				time.Sleep(73 * time.Hour)
				synctest.Wait()
				w.expect(t, row.ID, store.MessageExpired, store.MoneyRefunded)
				if len(a.submitted())+len(b.submitted()) != 1 {
					t.Error("it was called again")
				}
			})
		})
	}
}

// TestCrashedCallIsNotRepeated: a lease of an earlier life may have rung.
func TestCrashedCallIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	c := &accept{world: w, row: w.newMessage(1)}
	c.row.Channel = core.ChannelVoice
	w.do(t, c)
	for range 5 {
		w.advance(time.Minute)
		if r := w.recover(t, EarlierLife); len(r.Taken) != 0 {
			t.Fatal("it is called again")
		}
	}
	w.expect(t, c.row.ID, store.MessageUnknown, store.MoneyReserved)
}

// TestReq36_OnlyUnreachableCallsGoOn: who was rung, or has hung up, is not rung
// by the next trunk.
func TestReq36_OnlyUnreachableCallsGoOn(t *testing.T) {
	for status, calls := range map[int]int{4007: 0, 4008: 0, 4100: 0, 4009: 1} {
		synctest.Test(t, func(t *testing.T) {
			w := newLiveWorld(t)
			a, b := &scripted{name: "a", answer: always(provider.Accepted)}, &scripted{name: "b", answer: always(provider.Accepted)}
			n := start(t, w, failingOver(w, a, b))
			n.call(t)
			twoTurns()
			n.report("a", part(a), provider.StateUndelivered, status)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if len(b.submitted()) != calls {
				t.Errorf("after %d: %d calls by the next trunk", status, len(b.submitted()))
			}
		})
	}
}
