package callback

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

func TestAnAppIsToldOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, s := w.customer(1), w.service()
		id := w.receipt(1, 4001)
		for range 3 {
			work(s)
		}
		want := call{fmt.Sprint(int64(id)), "receipt 4001 " + number + " "}
		if got := c.got(); len(got) != 1 || got[0] != want {
			t.Fatalf("got %+v, want one %+v", got, want)
		}
		if r := w.row(id); r.State != records.EventTold || r.Due != 0 || r.Result != "200" || r.Attempts != 0 {
			t.Errorf("%+v", r)
		}
		if st := s.Stats(); st.Told != 1 || st.Failed != 0 || !st.Up[1] {
			t.Errorf("%+v", st)
		}
	})
}

// TestTheLadder: 3 minutes, 1 hour, 12 hours, then given up
// (contracts/jsms.md §10).
func TestTheLadder(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, s := w.customer(1), w.service()
	c.says(status(500))
	id := w.receipt(1, 4003)
	work(s)
	for n, wait := range []time.Duration{3 * time.Minute, time.Hour, 12 * time.Hour} {
		if r := w.row(id); r.Attempts != int64(n+1) || r.State != records.EventWaits || r.Due != store.At(w.now().Add(wait)) || r.Result != "500" {
			t.Fatalf("after %d calls: %+v", n+1, r)
		}
		w.advance(wait - time.Nanosecond)
		work(s)
		if got := len(c.got()); got != n+1 {
			t.Fatalf("called %d times before the wait was over", got)
		}
		w.advance(time.Nanosecond)
		work(s)
	}
	if r := w.row(id); r.State != records.EventDead || r.Due != 0 || r.Attempts != 4 {
		t.Errorf("after the last call: %+v", r)
	}
	w.advance(100 * time.Hour)
	work(s)
	calls := c.got()
	if len(calls) != 4 || calls[0] != calls[3] {
		t.Errorf("the calls: %+v", calls)
	}
	if st := s.Stats(); st.Dead != 1 || st.Failed != 4 || st.Up[1] {
		t.Errorf("%+v", st)
	}
}

func TestOnly200IsSuccess(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, s := w.customer(1), w.service()
	var led atomic.Int32
	other := w.customer(2)
	other.says(func(http.ResponseWriter, *http.Request) { led.Add(1) })
	for name, h := range map[string]http.HandlerFunc{"201": status(201), "204": status(204), "404": status(404), "302": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusFound)
	}} {
		c.says(h)
		id := w.receipt(1, 4001)
		work(s)
		if r := w.row(id); r.State != records.EventWaits || r.Attempts != 1 || r.Result != name {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if led.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestNothingIsLostOverAFault: a claim or a result that is not stored, or
// stored with its answer lost, ends in at least one call, and with the same id.
func TestNothingIsLostOverAFault(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, s := w.customer(1), w.service()
		for name, fault := range map[string]struct{ before, after int32 }{"nothing": {}, "claim not stored": {before: 1}, "claim stored, answer lost": {after: 1}} {
			before := len(c.got())
			id := w.receipt(1, 4001)
			w.db.before.Store(fault.before)
			w.db.after.Store(fault.after)
			work(s)
			w.db.before.Store(0)
			w.db.after.Store(0)
			w.advance(claimLife)
			work(s)
			if got := len(c.got()) - before; got != 1 {
				t.Errorf("%s: %d calls", name, got)
			}
			if r := w.row(id); r.State != records.EventTold {
				t.Errorf("%s: %+v", name, r)
			}
		}
		// A result that was not stored: told again once the claim lapsed.
		id := w.receipt(1, 4001)
		c.says(func(http.ResponseWriter, *http.Request) { w.db.before.Store(1) })
		before := len(c.got())
		work(s)
		c.says(status(200))
		work(s)
		if got := len(c.got()) - before; got != 1 {
			t.Errorf("called %d times while the claim lives", got)
		}
		w.advance(claimLife)
		work(s)
		calls := c.got()[before:]
		if len(calls) != 2 || calls[0] != calls[1] || w.row(id).State != records.EventTold {
			t.Errorf("%+v", calls)
		}
	})
}

// TestOneOfTwoServersCalls, and the other one takes over when it dies.
func TestOneOfTwoServersCalls(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, first, second := w.customer(1), w.service(), w.service()
		const events = 20
		for range events {
			w.receipt(1, 4001)
		}
		first.pass()
		second.pass()
		first.pages.Wait()
		second.pages.Wait()
		seen := map[string]int{}
		for _, call := range c.got() {
			seen[call.id]++
		}
		if len(seen) != events || len(c.got()) != events {
			t.Errorf("%d events in %d calls", len(seen), len(c.got()))
		}
		// A claim of a server that was killed lapses.
		id := w.receipt(1, 4001)
		page, err := first.claim(ctx, w.targets[0])
		if err != nil || len(page) != 1 {
			t.Fatal(page, err)
		}
		work(second)
		w.advance(claimLife)
		work(second)
		if w.row(id).State != records.EventTold || len(c.got()) != events+1 {
			t.Error("a claim of a dead server holds for ever")
		}
	})
}

// TestADeadEndpointKeepsNobodyWaiting: its page is at work, and the other
// app's events go.
func TestADeadEndpointKeepsNobodyWaiting(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	dead, alive, s := w.customer(1), w.customer(2), w.service()
	hang, most := make(chan struct{}), atomic.Int32{}
	var now atomic.Int32
	entered := make(chan struct{}, 100)
	dead.says(func(http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		entered <- struct{}{}
		<-hang
		now.Add(-1)
	})
	for range 10 {
		w.receipt(1, 4001)
	}
	s.pass()
	for range inFlight {
		<-entered
	}
	ids := []core.EventID{w.receipt(2, 4001), w.receipt(2, 4002)}
	s.pass()
	for deadline := time.Now().Add(30 * time.Second); len(alive.got()) < len(ids); {
		if time.Now().After(deadline) {
			t.Fatal("the other app waits")
		}
		time.Sleep(time.Millisecond)
	}
	close(hang)
	s.pages.Wait()
	if got := most.Load(); got != inFlight {
		t.Errorf("%d calls at a time, want %d", got, inFlight)
	}
}

func TestTakeHandsOutOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		s := w.service()
		w.receipt(1, 4002)
		w.advance(keptEvents + time.Second) // nobody asked in time
		first, second := w.receipt(1, 4001), w.receipt(1, 4003)
		w.receipt(2, 4001) // somebody else's
		got, err := s.Take(ctx, 1, store.EventReceipt, 1)
		ok(t, err)
		if len(got) != 1 || got[0].ID != first || got[0].Status != 4001 || got[0].Phone.E164() != number || got[0].Message == 0 {
			t.Fatalf("%+v", got)
		}
		got, err = s.Take(ctx, 1, store.EventReceipt, MostTaken)
		ok(t, err)
		if len(got) != 1 || got[0].ID != second {
			t.Fatalf("%+v", got)
		}
		if got, err = s.Take(ctx, 1, store.EventReceipt, MostTaken); err != nil || len(got) != 0 {
			t.Errorf("again: %+v, %v", got, err)
		}
		if got, err = s.Take(ctx, 1, store.EventReply, MostTaken); err != nil || len(got) != 0 {
			t.Errorf("of another kind: %+v, %v", got, err)
		}
	})
}

func TestVerdictsAreTold(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, s := w.customer(1), w.service()
	ok(t, w.db.Update(ctx, func(q store.SQL) error { return s.Announce(ctx, q, 1, store.EventTemplate, 57496, 2, "no signature") }))
	work(s)
	if got := c.got(); len(got) != 1 || got[0].body != "template 2  no signature" {
		t.Errorf("%+v", got)
	}
}

func TestAnEventOfNothingIsGivenUp(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, s := w.customer(1), w.service()
	id := core.EventID(w.ids.Next())
	ok(t, w.db.Update(ctx, func(q store.SQL) error {
		return records.InsertEvent(ctx, q, store.Event{ID: id, App: 1, Kind: store.EventReceipt, Ref: 5, At: store.At(w.now())})
	}))
	work(s)
	if r := w.row(id); r.State != records.EventDead || r.Result != "what it tells of is gone" || len(c.got()) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestStopTwiceLeavesNothing(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c := w.customer(1)
	running := goleak.IgnoreCurrent()
	s := w.service()
	id := w.receipt(1, 4001)
	reached := make(chan struct{})
	var once atomic.Bool
	c.says(func(_ http.ResponseWriter, r *http.Request) {
		if once.CompareAndSwap(false, true) {
			close(reached)
		}
		<-r.Context().Done() // until the caller hangs up
	})
	s.Start()
	<-reached
	s.Stop()
	s.Stop()
	if r := w.row(id); r.State != records.EventWaits || r.Attempts != 0 {
		t.Errorf("a call that stopping ended: %+v", r)
	}
	c.CloseClientConnections()
	c.Close()
	goleak.VerifyNone(t, running)
	never := w.service()
	never.Stop()
	never.Stop()
}
