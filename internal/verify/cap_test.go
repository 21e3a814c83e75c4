package verify

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq25_OneUnderTheCap: of 500 sends at once, with room for one of them
// under a cap of the app's day, one passes; its country's cap and that of all
// countries alike, whichever commits the sends share.
func TestReq25_OneUnderTheCap(t *testing.T) {
	for _, cap := range []string{"CN", billing.AllCountries} {
		t.Run(cap, func(t *testing.T) {
			engine := onDisk(t, t.TempDir())
			w := newWorld(t, setting{engine: engine, batch: 64, edit: func(a *tenant.App) {
				a.Caps = billing.Caps{cap: 14} // two messages of 5, and 4 left over
			}})
			w.send(t, core.PhoneFromE164("+8613900000000"))
			var sent, capped atomic.Int64
			const racers = 500
			release := make(chan struct{})
			done := make(chan struct{})
			for i := range racers {
				go func() {
					<-release
					_, err := w.start(core.PhoneFromE164(fmt.Sprintf("+86138%08d", i)))
					switch core.KindOf(err) {
					case core.KindSpendCap:
						capped.Add(1)
					default:
						if err != nil {
							t.Error(err)
						}
						sent.Add(1)
					}
					done <- struct{}{}
				}()
			}
			close(release)
			for range racers {
				<-done
			}
			if sent.Load() != 1 || capped.Load() != racers-1 {
				t.Errorf("%d passed and %d met the cap; want 1 and %d", sent.Load(), capped.Load(), racers-1)
			}
			if n := query(t, engine, "SELECT COUNT(*) FROM message"); n != 2 {
				t.Errorf("%d messages, want 2", n)
			}
			if n := query(t, engine, "SELECT SUM(amount) FROM spend"); n != 20 { // 10 of CN and 10 of all
				t.Errorf("%d credits are counted in both rows, want 20", n)
			}
		})
	}
}

// TestReq25_CapOfADay: a cap holds to the end of the app's own day, says how
// long that is, leaves other countries and apps without caps alone, and counts
// nothing that was refused or that costs nothing.
func TestReq25_CapOfADay(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	w := newWorld(t, setting{edit: func(a *tenant.App) {
		a.Caps, a.Zone = billing.Caps{"CN": 5, billing.AllCountries: 10}, shanghai
	}})
	w.clock.at = time.Date(2026, 11, 22, 23, 30, 0, 0, shanghai)
	w.send(t, phone)
	_, err := w.start(other)
	wantKind(t, err, core.KindSpendCap)
	if wait := core.AsError(err).RetryAfter; wait != 30*time.Minute {
		t.Errorf("to wait %v, want the 30 minutes to midnight", wait)
	}
	abroad := core.PhoneFromE164("+85291234567")
	w.send(t, abroad)                                   // 10 of 10
	_, err = w.start(core.PhoneFromE164("+6591234567")) // a third country: over all
	wantKind(t, err, core.KindSpendCap)
	w.clock.advance(30 * time.Minute)
	w.send(t, other)

	spent := map[string]core.Credits{}
	for k, row := range w.rows().Spends {
		day := time.Unix(int64(k.Day())*24*3600, 0).UTC().Format(time.DateOnly)
		spent[day+" "+k.Country()] = row.Amount
	}
	want := map[string]core.Credits{"2026-11-22 CN": 5, "2026-11-22 HK": 5, "2026-11-22 ": 10, "2026-11-23 CN": 5, "2026-11-23 ": 5}
	if fmt.Sprint(spent) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", spent, want)
	}

	free := newWorld(t, setting{edit: func(a *tenant.App) { a.Caps, a.SMSPrice = billing.Caps{"CN": 0}, 0 }})
	free.send(t, phone)
	open := newWorld(t, setting{})
	open.send(t, phone)
	if n := len(free.rows().Spends) + len(open.rows().Spends); n != 0 {
		t.Errorf("%d rows for messages that cost nothing or have no cap", n)
	}
	broke := newEmptyWorld(t, setting{edit: func(a *tenant.App) { a.Caps = billing.Caps{"CN": 5} }})
	_, err = broke.start(phone)
	wantKind(t, err, core.KindInsufficientBalance)
	if len(broke.rows().Spends) != 0 {
		t.Error("a send that could not be paid counts against the cap")
	}
}

// A price that is given back leaves the caps of the day in which it was counted:
// when nobody carried the message, and when an operator decides so; a message
// that is tried again counts again.
func TestReq25_GivenBack(t *testing.T) {
	w := newWorld(t, setting{edit: func(a *tenant.App) { a.Caps = billing.Caps{"CN": 5} }})
	w.send(t, phone)
	var m store.Message
	for _, m = range w.rows().Messages {
	}
	spent := func(want core.Credits) {
		t.Helper()
		rows := w.rows().Spends
		if len(rows) != 2 {
			t.Fatalf("%d rows, want those of CN and of all", len(rows))
		}
		for k, row := range rows {
			if row.Amount != want {
				t.Errorf("%q has %d, want %d", k.Country(), row.Amount, want)
			}
		}
	}
	spent(5)
	w.do(t, &outbox.RecordOutcomes{IDs: w.ids, Lease: outbox.DefaultLease, Hold: time.Second,
		Outcomes: []outbox.Outcome{{Outcome: provider.Outcome{Class: provider.Rejected, Code: "no"}, Message: m.ID, Node: m.Node, Attempt: 1, Provider: "main"}}})
	spent(0)
	w.app.Caps, w.app.Zone = nil, time.FixedZone("elsewhere", -11*3600) // what was set since is of no matter
	w.do(t, &outbox.Requeue{IDs: w.ids, ID: m.ID})
	spent(5)
	w.do(t, &putMessage{id: m.ID, change: func(m *store.Message) { m.State, m.Money = store.MessageDead, store.MoneySettled }})
	w.do(t, &settle{payer: payerOf(w.app, core.PoolGeneral), ids: w.ids, amount: 5})
	for range 2 { // once
		w.do(t, &outbox.GiveBack{IDs: w.ids, ID: m.ID})
		spent(0)
	}
}

// putMessage changes a message's row.
type putMessage struct {
	id     core.MessageID
	change func(*store.Message)
}

func (c *putMessage) Want(b *store.Batch) { b.Messages.Want(c.id) }

func (c *putMessage) Decide(b *store.Batch) error {
	m, _ := b.Messages.Get(c.id)
	c.change(&m)
	b.Messages.Put(m.ID, m)
	return nil
}

// settle spends what is held.
type settle struct {
	ids    *core.IDs
	payer  billing.Payer
	amount core.Credits
}

func (c *settle) Want(b *store.Batch) { billing.Want(b, c.payer) }

func (c *settle) Decide(b *store.Batch) error {
	billing.Settle(b, c.ids, c.payer, c.amount, 1)
	return nil
}
