package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// faults are the two ways in which a commit fails.
var faults = map[string]fault{"failAndNotPersist": failAndNotPersist, "failButPersist": failButPersist}

func TestOutcomesAreRecordedAgainAfterAFault(t *testing.T) {
	for name, f := range faults {
		for _, class := range []provider.Class{provider.Accepted, provider.Rejected, provider.Unknown, provider.Throttled, provider.NotSent} {
			t.Run(fmt.Sprintf("%s/%s", name, class), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newLiveWorld(t)
					a := &scripted{name: "a", answer: inTurn(class, provider.Accepted)}
					b := &scripted{name: "b", answer: always(provider.Accepted)}
					n := start(t, w, w.options(a, b))
					row := n.send(t)
					w.memory.failNext(f)
					time.Sleep(90 * time.Second) // the fault may meet the resend: then its lease has to lapse
					synctest.Wait()
					w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
					if total, want := len(a.submitted())+len(b.submitted()), map[provider.Class]int{provider.Accepted: 1}[class]; want == 1 && total != 1 || total > 2 {
						t.Errorf("%d submissions", total)
					}
				})
			})
		}
	}
}

func TestReceiptsAreRefusedAfterAFaultAndTakenWhenRepeated(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLiveWorld(t)
				p := &scripted{name: carrier, answer: func(int, provider.Message) provider.Outcome { return accepted("a") }}
				n := start(t, w, w.options(p))
				row := n.send(t)
				synctest.Wait()
				var acks []error
				report := func() {
					n.Receipt(carrier, provider.Receipt{PartID: "a", State: provider.StateDelivered}, func(err error) { acks = append(acks, err) })
					twoTurns()
				}
				w.memory.failNext(f)
				report()
				report()
				if len(acks) != 2 || acks[0] == nil || acks[1] != nil {
					t.Errorf("acks %v", acks)
				}
				w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
			})
		})
	}
}

func TestSweepAfterAFault(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLiveWorld(t)
				row := w.enqueue(t, 1) // in an earlier life, that gave it back
				w.outcome(t, row, provider.Outcome{Class: provider.Throttled}, false)
				time.Sleep(2 * time.Second)
				p := &scripted{name: carrier, answer: always(provider.Accepted)}
				w.memory.failNext(f) // the sweep's lease
				start(t, w, w.options(p))
				time.Sleep(40 * time.Second)
				synctest.Wait()
				if m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); m.Resends != 0 {
					t.Error("a lease that was never used counts as a submission")
				}
				if got := len(p.submitted()); got != 1 {
					t.Errorf("%d submissions", got)
				}
			})
		})
	}
}

// unless is a store that fails commands about one message.
type unless struct {
	Store
	poison *atomic.Int64
}

func (s unless) Do(ctx context.Context, c store.Command) error {
	if r, ok := c.(*RecordOutcomes); ok && slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return int64(o.Message) == s.poison.Load() }) {
		return errDisk
	}
	return s.Store.Do(ctx, c)
}

func TestOneOutcomeThatCannotBeStoredDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		p := &scripted{name: carrier}
		var poison atomic.Int64
		o := w.options(p)
		o.Store = unless{w.batcher, &poison}
		n := start(t, w, o)
		var rows []store.Message
		for range 20 {
			rows = append(rows, n.send(t))
		}
		poison.Store(int64(rows[3].ID))
		synctest.Wait()
		p.release(provider.Outcome{Class: provider.Accepted})
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, row := range rows {
			want := store.MessageSubmitted
			if i == 3 {
				want = store.MessageLeased
			}
			if m := w.memory.message(row.ID); m.State != want {
				t.Errorf("message %d is %s", i, m.State)
			}
		}
	})
}

// process is a store connection that dies with its process.
type process struct {
	Store
	mu   sync.Mutex
	dead bool
}

func (p *process) Do(ctx context.Context, c store.Command) error {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return errDisk
	}
	return p.Store.Do(ctx, c)
}

// crash ends a node as kill -9 does: nothing that it does reaches the store.
func (n *node) crash(p *process) {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.Stop(ended)
}

func TestRestartHoldsWhatWasLeasedThenSendsItOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLiveWorld(t)
		silent := &scripted{name: carrier}
		first := &process{Store: w.batcher}
		o := w.options(silent)
		o.Store = first
		n := start(t, w, o)
		row := n.send(t)
		synctest.Wait()
		n.crash(first)

		p := &scripted{name: carrier, answer: always(provider.Accepted)}
		start(t, w, w.options(p))
		synctest.Wait() // at once, not when the lease runs out
		w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved)
		time.Sleep(9 * time.Second)
		if len(p.submitted()) != 0 {
			t.Fatal("not held")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); m.Resends != 1 || len(p.submitted()) != 1 {
			t.Errorf("%d submissions, %+v", len(p.submitted()), m)
		}
	})
}

// TestReq33_CrashesAndFaultsLoseNothing runs a node whose store fails both
// ways, whose carriers answer everything, and which is killed again and again.
func TestReq33_CrashesAndFaultsLoseNothing(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crashes(t, rand.New(rand.NewPCG(seed, 33))) })
		})
	}
}

func crashes(t *testing.T, random *rand.Rand) {
	w := newLiveWorld(t)
	var mu sync.Mutex
	chance := func(percent int) bool { mu.Lock(); defer mu.Unlock(); return random.IntN(100) < percent }
	taken := map[core.MessageID]int{} // copies that a carrier has
	answer := func(n int, m provider.Message) provider.Outcome {
		switch {
		case chance(10):
			return provider.Outcome{Class: provider.NotSent}
		case chance(10):
			return provider.Outcome{Class: provider.Throttled}
		case chance(10):
			return provider.Outcome{Class: provider.Rejected}
		}
		mu.Lock()
		taken[m.ID]++
		mu.Unlock()
		if chance(10) {
			return provider.Outcome{Class: provider.Unknown}
		}
		return always(provider.Accepted)(n, m)
	}
	faulty := func() fault {
		switch {
		case chance(5):
			return failAndNotPersist
		case chance(5):
			return failButPersist
		}
		return noFault
	}
	var answered []core.MessageID
	for range 3 { // lives
		life := &process{Store: w.batcher}
		o := w.options(&scripted{name: "a", answer: answer, delay: 300 * time.Millisecond, window: make(chan struct{}, 3)},
			&scripted{name: "b", answer: answer, delay: time.Millisecond})
		o.Store, o.Queue = life, 8
		n := start(t, w, o)
		w.memory.setFault(faulty)
		for range 30 {
			c := &accept{world: w, row: w.newMessage(1)}
			if w.batcher.Do(t.Context(), c) == nil {
				answered = append(answered, c.row.ID)
				n.HandOff(Outgoing{Row: c.row, To: core.PhoneFromE164(number), Text: text})
			}
			time.Sleep(20 * time.Millisecond)
		}
		n.crash(life)
		w.memory.setFault(nil)
	}
	o := w.options(&scripted{name: "a", answer: answer})
	o.Interval = time.Minute
	n := start(t, w, o)
	time.Sleep(73 * time.Hour)
	synctest.Wait()
	w.memory.checkMoney(t)
	if len(answered) == 0 {
		t.Fatal("nothing was accepted")
	}
	for _, id := range answered {
		m := w.memory.message(id)
		switch copies := taken[id]; {
		case m.ID == 0:
			t.Errorf("message %d is lost", id)
		case !final(m.State) || m.Due != 0 || m.Body != nil:
			t.Errorf("message %d ends as %s, due %d", id, m.State, m.Due)
		case copies > 2:
			t.Errorf("message %d was taken %d times", id, copies)
		case m.Money == store.MoneySettled && copies == 0:
			t.Errorf("message %d is paid for and was not sent", id)
		case m.State == store.MessageDead && m.Money != store.MoneyRefunded:
			t.Errorf("message %d is dead and not refunded", id)
		}
	}
	if left := n.Stats().InFlight; left != 0 {
		t.Errorf("%d in flight", left)
	}
}
