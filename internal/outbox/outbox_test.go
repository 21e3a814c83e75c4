package outbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("an outbox of nothing")
	}
}

func TestHandOffToDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: always(provider.Accepted)}
		n := start(t, w, w.options(p))
		row := n.send(t)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
		got := p.submitted()[0]
		if got.ID != row.ID || got.To.E164() != number || got.Text != text || got.From != "YANMA" || got.Validity != codeLife {
			t.Errorf("submitted %+v", got)
		}
		var answer error = errors.New("not acknowledged")
		n.Receipt(carrier, provider.Receipt{PartID: "unheard of", State: provider.StateDelivered}, func(error) {})
		n.Receipt(carrier, provider.Receipt{PartID: always(provider.Accepted)(0, got).PartIDs[0], State: provider.StateDelivered, JSMS: 4001},
			func(err error) { answer = err })
		twoTurns() // the second may have to gather
		w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
		if s := n.Stats(); answer != nil || s.Submitted != 1 || s.Delivered != 1 || s.Orphaned != 1 || s.InFlight != 0 {
			t.Errorf("ack %v, %+v", answer, s)
		}
	})
}

func TestNotSentGoesToTheNextProviderWithoutACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		down, up := &scripted{name: "down", answer: always(provider.NotSent)}, &scripted{name: "up"}
		n := start(t, w, w.options(down, up))
		n.send(t)
		commits := w.memory.commits
		synctest.Wait()
		if len(up.submitted()) != 1 || w.memory.commits != commits {
			t.Errorf("%d submissions, %d commits", len(up.submitted()), w.memory.commits-commits)
		}
		up.release(accepted("a"))
	})
}

func TestNobodyUpIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: inTurn(provider.NotSent, provider.NotSent, provider.Accepted)}
		n := start(t, w, w.options(p))
		row := n.send(t)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageQueued, store.MoneyReserved)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); m.Resends != 0 || m.Attempts != 1 {
			t.Errorf("%+v", m)
		}
		if got := p.submitted()[2]; got.Text != text || got.To.E164() != number || got.Validity >= codeLife {
			t.Errorf("from its row: %+v", got)
		}
	})
}

// twoTurns waits until two turns of the recorders, one after the other, are done.
func twoTurns() {
	time.Sleep(2 * gatherReceipts)
	synctest.Wait()
}

func TestRejectedFailsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a, b := &scripted{name: "a", answer: always(provider.Rejected)}, &scripted{name: "b", answer: always(provider.Accepted)}
		n := start(t, w, w.options(a, b))
		row := n.send(t)
		twoTurns()
		if m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); m.Provider != "b" || m.Attempts != 2 {
			t.Errorf("%+v", m)
		}
	})
}

func TestRejectedEverywhereIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a, b := &scripted{name: "a", answer: always(provider.Rejected)}, &scripted{name: "b", answer: always(provider.Rejected)}
		n := start(t, w, w.options(a, b))
		row := n.send(t)
		twoTurns()
		w.expect(t, row.ID, store.MessageDead, store.MoneyRefunded)
		n.options.Route = func(Outgoing) []provider.Provider { return nil }
		routeless := n.send(t)
		twoTurns()
		if m := w.expect(t, routeless.ID, store.MessageDead, store.MoneyRefunded); m.Code != "no route" {
			t.Errorf("%+v", m)
		}
		if s := n.Stats(); s.Dead != 2 || s.Rejected != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestReq34_UnknownIsSentOnceMoreByTheNextProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		a, b := &scripted{name: "a", answer: always(provider.Unknown)}, &scripted{name: "b", answer: always(provider.Unknown)}
		o := w.options(a, b)
		o.Interval = 5 * time.Second
		n := start(t, w, o)
		row := n.send(t)
		time.Sleep(9 * time.Second)
		if len(b.submitted()) != 0 {
			t.Fatal("not held")
		}
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		if na, nb := len(a.submitted()), len(b.submitted()); na != 1 || nb != 1 {
			t.Errorf("%d and %d submissions", na, nb)
		}
		w.expect(t, row.ID, store.MessageExpired, store.MoneyRefunded)
		if s := n.Stats(); s.Resent != 1 || s.Unknown != 2 || s.Expired != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestUnknownWithOneProviderGoesToItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: inTurn(provider.Unknown, provider.Accepted)}
		n := start(t, w, w.options(p))
		row := n.send(t)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
		if sent := p.submitted(); len(sent) != 2 || sent[0].Text != sent[1].Text {
			t.Errorf("sent %+v", sent)
		}
	})
}

func TestThrottledWaitsAsLongAsTheCarrierSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: func(n int, m provider.Message) provider.Outcome {
			if n == 0 {
				return provider.Outcome{Class: provider.Throttled, RetryAfter: 3 * time.Second}
			}
			return always(provider.Accepted)(n, m)
		}}
		n := start(t, w, w.options(p))
		row := n.send(t)
		time.Sleep(2900 * time.Millisecond)
		w.expect(t, row.ID, store.MessageQueued, store.MoneyReserved)
		time.Sleep(time.Second)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
		if s := n.Stats(); s.Throttled != 1 || s.Resent != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestFullQueueLosesNothingAndSendsNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: always(provider.Accepted), window: make(chan struct{}, 2), delay: time.Second}
		o := w.options(p)
		o.Queue = 4
		n := start(t, w, o)
		const messages = 60
		for range messages {
			n.send(t) // never blocks
		}
		if n.Stats().Overflow == 0 {
			t.Fatal("the queue was not full")
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		for id, times := range p.submissions() {
			if times != 1 {
				t.Errorf("message %d was sent %d times", id, times)
			}
			w.expect(t, id, store.MessageSubmitted, store.MoneySettled)
		}
		if got := len(p.submissions()); got != messages {
			t.Errorf("%d of %d sent", got, messages)
		}
	})
}

func TestLeaseIsRenewedWhileTheProviderIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier}
		n := start(t, w, w.options(p))
		row := n.send(t)
		time.Sleep(4*time.Minute + 100*time.Millisecond)
		if m := w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved); m.Due <= store.At(w.now()) || len(p.submitted()) != 1 {
			t.Errorf("%d submissions, %+v", len(p.submitted()), m)
		}
		p.release(accepted("a"))
		synctest.Wait()
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	})
}

func TestHandOffIsRefusedWhenTheLeaseIsNearlyOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: always(provider.Accepted)}
		n := start(t, w, w.options(p))
		row := w.enqueue(t, 1)
		time.Sleep(DefaultLease - handOffMargin)
		n.HandOff(Outgoing{Row: row, To: core.PhoneFromE164(number), Text: text})
		synctest.Wait()
		if len(p.submitted()) != 0 {
			t.Fatal("sent")
		}
		time.Sleep(2 * handOffMargin)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	})
}

func TestHandingOffTwiceSendsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier}
		n := start(t, w, w.options(p))
		row := n.send(t)
		n.HandOff(Outgoing{Row: row, To: core.PhoneFromE164(number), Text: text})
		synctest.Wait()
		if len(p.submitted()) != 1 {
			t.Errorf("%d submissions", len(p.submitted()))
		}
	})
}

func TestUnreadableRowIsNeverSentAndRefunded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: always(provider.Accepted)}
		o := w.options(p)
		o.Sealer = clearText{broken: true}
		n := start(t, w, o)
		row := w.enqueue(t, 1) // and the process forgets to hand it off
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageExpired, store.MoneyRefunded)
		if s := n.Stats(); s.Submitted != 0 || s.Expired != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestOrphansArePurged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		n := start(t, w, w.options())
		n.Receipt(carrier, provider.Receipt{PartID: "x", State: provider.StateDelivered}, func(error) {})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(w.memory.orphans) != 0 {
			t.Error("the orphan is still there")
		}
	})
}

func TestInbound(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	acked := errors.New("not acknowledged")
	n.Inbound(carrier, provider.Inbound{Text: "TD"}, func(err error) { acked = err })
	if acked != nil {
		t.Error(acked)
	}
	n.options.Inbound = func(_ string, in provider.Inbound, ack func(error)) { ack(errors.New(in.Text)) }
	n.Inbound(carrier, provider.Inbound{Text: "TD"}, func(err error) { acked = err })
	if acked == nil || acked.Error() != "TD" {
		t.Error(acked)
	}
}

func TestStopWaitsForOutcomesAndGivesTheRestBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, window: make(chan struct{}, 1)}
		n := start(t, w, w.options(p))
		flying := n.send(t)
		synctest.Wait()
		blocked, waiting := n.send(t), n.send(t)
		synctest.Wait()
		stopped := make(chan error)
		go func() { stopped <- n.Stop(t.Context()) }()
		synctest.Wait()
		late := n.send(t)
		p.release(accepted("a"))
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		w.expect(t, flying.ID, store.MessageSubmitted, store.MoneySettled)
		w.expect(t, blocked.ID, store.MessageQueued, store.MoneyReserved)
		w.expect(t, waiting.ID, store.MessageQueued, store.MoneyReserved)
		w.expect(t, late.ID, store.MessageLeased, store.MoneyReserved)
		if err := n.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		var refused error
		n.Receipt(carrier, provider.Receipt{PartID: "a", State: provider.StateDelivered}, func(err error) { refused = err })
		if refused == nil {
			t.Error("a receipt was acknowledged after Stop")
		}
	})
}

func TestStopGivesUpWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier} // never answers
		n := start(t, w, w.options(p))
		row := n.send(t)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		p.release(accepted("a")) // nobody listens any more
		w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
	})
}

func TestStopTwiceLeaksNothing(t *testing.T) {
	w := newWorld(t)
	ignore := goleak.IgnoreCurrent()
	p := &scripted{name: carrier, answer: always(provider.Accepted)}
	o := w.options(p)
	o.Workers = 3
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	for range 100 {
		n.HandOff(Outgoing{Row: w.enqueue(t, 1), To: core.PhoneFromE164(number), Text: text})
	}
	for range 2 {
		if err := n.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	goleak.VerifyNone(t, ignore)
	if s := n.Stats(); s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
	idle, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := idle.Stop(t.Context()); err != nil {
		t.Error("an outbox that never ran:", err)
	}
}

func TestReq14_LogsHoldNoNumberAndNoText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: inTurn(provider.Rejected, provider.Unknown, provider.Throttled)}
		o := w.options(p)
		o.Sealer = clearText{broken: true}
		n := start(t, w, o)
		w.enqueue(t, 1) // not handed off: its row will be unreadable
		for range 4 {
			n.send(t)
		}
		w.memory.failNext(failAndNotPersist)
		time.Sleep(10 * time.Minute)
		if err := n.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n.log.Len() == 0 {
			t.Fatal("nothing was logged")
		}
		for _, canary := range []string{number[1:], "13800138000", "123456", "sealed"} {
			if strings.Contains(n.log.String(), canary) {
				t.Errorf("the log holds %q: %s", canary, n.log)
			}
		}
	})
}
