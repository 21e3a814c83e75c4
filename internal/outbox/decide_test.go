package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

const carrier = "smsc"

// outcome records one for the first submission of m, or the one after those
// that its row knows.
func (w *world) outcome(tb interface{ Fatal(...any) }, m store.Message, o provider.Outcome, next bool) Outcome {
	c := &RecordOutcomes{IDs: w.ids, Lease: DefaultLease, Hold: 10 * time.Second,
		Outcomes: []Outcome{{Outcome: o, Message: m.ID, Node: 7, Attempt: m.Attempts + 1, Provider: carrier, Next: next}}}
	w.do(tb, c)
	return c.Outcomes[0]
}

func (w *world) receipt(tb interface{ Fatal(...any) }, part string, s provider.State, alts ...string) *RecordReceipts {
	status, code := 0, "ACCEPTD"
	switch s {
	case provider.StateDelivered:
		status, code = 4001, "DELIVRD"
	case provider.StateUndelivered:
		status, code = 4003, "UNDELIV"
	default: // still on its way
	}
	c := &RecordReceipts{IDs: w.ids, Receipts: []Receipt{{Provider: carrier,
		Receipt: provider.Receipt{PartID: part, AltIDs: alts, State: s, Code: code, JSMS: status}}}}
	w.do(tb, c)
	return c
}

func (w *world) recover(tb interface{ Fatal(...any) }, custody Custody) *Recover {
	ids, _ := w.memory.due(context.Background(), store.At(w.now()), 1000)
	c := &Recover{IDs: w.ids, Node: 7, Lease: DefaultLease, Hold: 10 * time.Second, Due: ids, Room: 1000,
		Custody: func(*store.Message) Custody { return custody }}
	w.do(tb, c)
	return c
}

func accepted(parts ...string) provider.Outcome {
	return provider.Outcome{Class: provider.Accepted, PartIDs: parts}
}

func (w *world) expect(t *testing.T, id core.MessageID, state store.MessageState, money store.Money) store.Message {
	t.Helper()
	m := w.memory.message(id)
	if m.State != state || m.Money != money {
		t.Fatalf("the message is %s with money %d, want %s with %d", m.State, m.Money, state, money)
	}
	w.memory.checkMoney(t)
	return m
}

func TestEnqueueReservesAndLeases(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	m := w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
	if m.Node != 7 || m.Due != store.At(w.now()).Add(30*time.Second) || m.TenantPays || m.Updated != store.At(w.now()) {
		t.Errorf("leased by %d until %d", m.Node, m.Due)
	}
	if got := w.balance(billing.Held); got != price {
		t.Errorf("held %d, want %d", got, price)
	}
}

func TestEnqueueChargesTheTenantWhenItPays(t *testing.T) {
	w := newWorld(t)
	w.payer = billing.PayerOf(1, 2, true, core.PoolIndustry)
	w.do(t, &billing.TopUp{IDs: w.ids, Payer: w.payer, Amount: price})
	row := w.enqueue(t, 1)
	if !row.TenantPays || row.Pool != core.PoolIndustry {
		t.Fatalf("the row names another payer: %+v", row)
	}
	w.outcome(t, row, accepted("a"), false)
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	if got := w.balance(billing.Revenue); got != price {
		t.Errorf("the tenant's revenue account holds %d", got)
	}
}

func TestEnqueueRefusals(t *testing.T) {
	w := newWorld(t)
	rich := w.payer
	w.payer = billing.PayerOf(9, 9, false, core.PoolGeneral)
	err := w.batcher.Do(t.Context(), &accept{world: w, row: w.newMessage(1)})
	w.payer = rich
	if !errors.Is(err, core.E(core.KindInsufficientBalance, "")) {
		t.Errorf("a payer without credits: %v", err)
	}
	for name, spoil := range map[string]func(*store.Message){
		"no id": func(m *store.Message) { m.ID = 0 }, "no text": func(m *store.Message) { m.Body = nil },
		"no life": func(m *store.Message) { m.ValidUntil = 0 }, "dead code": func(m *store.Message) { m.ValidUntil = store.At(w.now()) }} {
		m := w.newMessage(1)
		spoil(&m)
		if err := w.batcher.Do(t.Context(), &accept{world: w, row: m}); core.KindOf(err) != core.KindInternal || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.memory.messages) != 0 || w.balance(billing.Held) != 0 {
		t.Error("a refused message left something behind")
	}
}

func TestFreeMessageMovesNoMoney(t *testing.T) {
	w := newWorld(t)
	m := w.newMessage(1)
	m.Price = 0
	w.do(t, &accept{world: w, row: m})
	w.outcome(t, m, accepted("a"), false)
	w.expect(t, m.ID, store.MessageSubmitted, store.MoneyNone)
}

func TestAcceptedIsSettledAndWaitsForItsReceipt(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, accepted("a"), false)
	m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	if m.Provider != carrier || m.Attempts != 1 || len(m.Body) == 0 || m.Due != row.Due {
		t.Errorf("submitted: %+v", m)
	}
	// No receipt before the lease's end: looked at again when the code dies.
	w.advance(DefaultLease)
	w.recover(t, InFlight)
	if m = w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); len(m.Body) == 0 || m.Due != m.ValidUntil {
		t.Errorf("after the lease: %+v", m)
	}
	c := w.receipt(t, "a", provider.StateDelivered)
	m = w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
	if m.Body != nil || m.Due != 0 || m.Status != 4001 || m.Code != "DELIVRD" || c.Delivered != 1 {
		t.Errorf("delivered: %+v", m)
	}
}

func TestRejectedWithoutRouteIsDeadAndRefunded(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	if o := w.outcome(t, row, provider.Outcome{Class: provider.Rejected, Code: "0x0000000B"}, false); o.Again {
		t.Error("sent again without a route")
	}
	m := w.expect(t, row.ID, store.MessageDead, store.MoneyRefunded)
	if m.Code != "0x0000000B" || w.balance(billing.Held) != 0 {
		t.Errorf("dead: %+v", m)
	}
	if len(m.Body) == 0 || m.Due != m.ValidUntil {
		t.Error("an operator can not have it tried again while its code lives")
	}
	w.advance(codeLife)
	w.recover(t, EarlierLife)
	if m = w.expect(t, row.ID, store.MessageDead, store.MoneyRefunded); m.Body != nil || m.Due != 0 {
		t.Errorf("the text outlives the code: %+v", m)
	}
}

func TestRejectedGoesToTheNextProviderWhileTheCodeLives(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	o := w.outcome(t, row, provider.Outcome{Class: provider.Rejected}, true)
	m := w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
	if !o.Again || m.Attempts != 1 || m.Resends != 0 {
		t.Fatalf("%+v, %+v", o, m)
	}
	w.advance(codeLife)
	if o = w.outcome(t, m, provider.Outcome{Class: provider.Rejected}, true); o.Again {
		t.Error("sent again after the code's death")
	}
	w.expect(t, row.ID, store.MessageDead, store.MoneyRefunded)
}

func TestThrottledAndNotSentGiveTheLeaseBack(t *testing.T) {
	for _, o := range []provider.Outcome{{Class: provider.Throttled, RetryAfter: 4 * time.Second}, {Class: provider.Throttled}, {Class: provider.NotSent}} {
		w := newWorld(t)
		row := w.enqueue(t, 1)
		w.outcome(t, row, o, true)
		m := w.expect(t, row.ID, store.MessageQueued, store.MoneyReserved)
		wait := max(o.RetryAfter, time.Second)
		if m.Due != store.At(w.now()).Add(wait) || m.Attempts != 0 || len(m.Body) == 0 {
			t.Errorf("%v: %+v", o, m)
		}
		w.advance(wait)
		if c := w.recover(t, EarlierLife); len(c.Taken) != 1 || c.Resent != 0 {
			t.Errorf("%v: not taken up", o)
		}
		w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
		w.advance(codeLife)
		w.outcome(t, row, o, true)
		if m := w.expect(t, row.ID, store.MessageExpired, store.MoneyRefunded); m.Body != nil || m.Due != 0 {
			t.Errorf("%v: expired: %+v", o, m)
		}
	}
}

func TestRetryPauseGrowsWithAge(t *testing.T) {
	w := newWorld(t)
	m := w.newMessage(1)
	for age, want := range map[time.Duration]time.Duration{0: time.Second, 4 * time.Second: 2 * time.Second, time.Hour: 10 * time.Second} {
		if got := retryPause(&m, store.At(w.now().Add(age))); got != want {
			t.Errorf("at %v: %v, want %v", age, got, want)
		}
	}
}

func TestUnknownIsHeldThenSentOnceMore(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, provider.Outcome{Class: provider.Unknown}, true)
	if m := w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved); m.Due != store.At(w.now()).Add(10*time.Second) {
		t.Fatalf("held until %d", m.Due)
	}
	w.advance(10*time.Second - 1)
	if c := w.recover(t, EarlierLife); len(c.Taken) != 0 {
		t.Fatal("sent again before the hold was over")
	}
	w.advance(1)
	c := w.recover(t, EarlierLife)
	m := w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
	if len(c.Taken) != 1 || c.Resent != 1 || m.Resends != 1 {
		t.Fatalf("not sent again: %+v", m)
	}
	w.outcome(t, m, provider.Outcome{Class: provider.Unknown}, true)
	for range 100 {
		w.advance(time.Second)
		if c := w.recover(t, EarlierLife); len(c.Taken) != 0 {
			t.Fatal("sent a third time")
		}
	}
	w.advance(codeLife)
	w.recover(t, EarlierLife)
	if m := w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved); m.Body != nil {
		t.Error("the text outlives its code")
	}
	w.advance(72 * time.Hour)
	w.recover(t, EarlierLife)
	w.expect(t, row.ID, store.MessageExpired, store.MoneyRefunded)
}

func TestReq34_UnknownIsNotResentAfterTheCodesLife(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.advance(codeLife - 9*time.Second) // the hold would end after the code's death
	w.outcome(t, row, provider.Outcome{Class: provider.Unknown}, true)
	if m := w.memory.message(row.ID); m.Due != m.ValidUntil {
		t.Errorf("the text is erased at %d, its code dies at %d", m.Due, m.ValidUntil)
	}
	for range 40 {
		w.advance(time.Second)
		if c := w.recover(t, EarlierLife); len(c.Taken) != 0 {
			t.Fatal("sent again after the code's life")
		}
	}
	if m := w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved); m.Body != nil || m.Resends != 0 {
		t.Errorf("%+v", m)
	}
}

func TestRefusedAfterUnknownStaysUnknown(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, provider.Outcome{Class: provider.Unknown}, false)
	w.advance(10 * time.Second)
	w.recover(t, EarlierLife)
	w.outcome(t, w.memory.message(row.ID), provider.Outcome{Class: provider.Rejected}, false)
	w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved)
	w.advance(codeLife)
	w.recover(t, EarlierLife)
	w.advance(72 * time.Hour)
	w.recover(t, EarlierLife)
	w.expect(t, row.ID, store.MessageExpired, store.MoneyRefunded)
}

func TestUnknownIsSettledByAReceipt(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 2)
	w.outcome(t, row, provider.Outcome{Class: provider.Unknown, PartIDs: []string{"a", ""}}, false)
	w.receipt(t, "a", provider.StateDelivered)
	m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	if m.Parts != 2 || m.PartsDone != 1 {
		t.Errorf("%d of %d parts", m.PartsDone, m.Parts)
	}
}

func TestReceiptForAnOlderCopyDoesNotCountForTheNewer(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 2)
	w.outcome(t, row, provider.Outcome{Class: provider.Unknown, PartIDs: []string{"a", ""}}, false)
	w.advance(10 * time.Second)
	w.recover(t, EarlierLife)
	w.outcome(t, w.memory.message(row.ID), accepted("c", "d"), false)
	w.receipt(t, "c", provider.StateDelivered)
	w.receipt(t, "a", provider.StateDelivered)
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	w.receipt(t, "d", provider.StateDelivered)
	w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
}

func TestReceiptBeatsTheResendsOutcome(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 2)
	w.outcome(t, row, provider.Outcome{Class: provider.Unknown, PartIDs: []string{"a", ""}}, false)
	w.advance(10 * time.Second)
	again := w.recover(t, EarlierLife).Taken[0]
	w.receipt(t, "a", provider.StateDelivered) // while the second copy is in flight
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	w.outcome(t, again, accepted("c", "d"), false)
	w.receipt(t, "c", provider.StateDelivered)
	w.receipt(t, "d", provider.StateDelivered)
	w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
}

func TestSubmittedExpiresAfter72HoursAndStaysPaid(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, accepted("a"), false)
	w.advance(codeLife)
	w.recover(t, EarlierLife)
	if m := w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled); m.Body != nil {
		t.Error("the text outlives its code")
	}
	w.advance(72*time.Hour - codeLife - 1)
	w.recover(t, EarlierLife)
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
	w.advance(1)
	w.recover(t, EarlierLife)
	w.expect(t, row.ID, store.MessageExpired, store.MoneySettled)
	w.receipt(t, "a", provider.StateDelivered) // too late: final states stay
	w.expect(t, row.ID, store.MessageExpired, store.MoneySettled)
}

func TestRecordingTwiceChangesNothing(t *testing.T) {
	for name, o := range map[string]provider.Outcome{"accepted": accepted("a", "b"), "rejected": {Class: provider.Rejected},
		"unknown": {Class: provider.Unknown, PartIDs: []string{"a"}}, "throttled": {Class: provider.Throttled}, "not sent": {Class: provider.NotSent}} {
		for _, next := range []bool{false, true} {
			w := newWorld(t)
			row := w.enqueue(t, 2)
			first := w.outcome(t, row, o, next)
			before, transfers := w.memory.message(row.ID), len(w.memory.ledger)
			w.receipt(t, "a", provider.StateSubmitted)
			w.advance(time.Second)
			again := w.outcome(t, row, o, next)
			after := w.memory.message(row.ID)
			if o.Class != provider.Unknown && (before.State != after.State || before.Due != after.Due || transfers != len(w.memory.ledger)) {
				t.Errorf("%s: %+v became %+v", name, before, after)
			}
			if first.Again != again.Again {
				t.Errorf("%s: again %v, then %v", name, first.Again, again.Again)
			}
			w.memory.checkMoney(t)
		}
	}
}

func TestRecordingAnAcceptanceTwiceKeepsTheCountOfParts(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 2)
	w.outcome(t, row, accepted("a", "b"), false)
	w.receipt(t, "a", provider.StateDelivered)
	w.outcome(t, row, accepted("a", "b"), false) // its commit's answer was lost
	w.receipt(t, "a", provider.StateDelivered)   // and the carrier repeats itself
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
}

// steps of one carrier: two parts, receipts of both kinds, repeated.
func TestReq35_ReceiptsInAnyOrder(t *testing.T) {
	type step struct {
		part  string
		state provider.State
	}
	const d, u, s = provider.StateDelivered, provider.StateUndelivered, provider.StateSubmitted
	for _, c := range []struct {
		name  string
		steps []step
		want  store.MessageState
	}{
		{"both delivered", []step{{"a", d}, {"b", d}, {"a", d}, {"b", s}}, store.MessageDelivered},
		{"one failed", []step{{"a", d}, {"b", u}, {"b", u}, {"a", s}}, store.MessageUndelivered},
		{"failed, then delivered after all", []step{{"a", u}, {"a", d}, {"b", d}}, store.MessageDelivered},
		{"one missing", []step{{"a", d}, {"a", d}, {"b", s}, {"a", s}}, store.MessageSubmitted},
		{"unknown id", []step{{"a", d}, {"x", u}, {"b", d}, {"x", u}}, store.MessageDelivered},
	} {
		t.Run(c.name, func(t *testing.T) {
			permute(len(c.steps)+1, func(order []int) {
				w := newWorld(t)
				row := w.enqueue(t, 2)
				for _, i := range order {
					if i == len(c.steps) { // the submit response, anywhere among them
						w.outcome(t, row, accepted("a", "b"), false)
						continue
					}
					w.receipt(t, c.steps[i].part, c.steps[i].state)
				}
				m := w.memory.message(row.ID)
				if m.State != c.want || m.Money != store.MoneySettled {
					t.Fatalf("order %v: %s, want %s", order, m.State, c.want)
				}
				w.memory.checkMoney(t)
			})
		})
	}
}

// permute calls f with every order of n things.
func permute(n int, f func([]int)) {
	order := make([]int, 0, n)
	var place func()
	place = func() {
		if len(order) == n {
			f(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				place()
				order = order[:len(order)-1]
			}
		}
	}
	place()
}

func TestAllOrdersInOneBatch(t *testing.T) {
	// The response and the receipts may also be decided in one batch: a command
	// finds what the one before it left, though it wanted other rows.
	w := newWorld(t)
	for i := range 50 {
		row := w.enqueue(t, 1)
		part := fmt.Sprint("p", i)
		done := make(chan error, 2)
		go func() {
			done <- w.batcher.Do(context.Background(), &RecordReceipts{IDs: w.ids, Receipts: []Receipt{
				{Provider: carrier, Receipt: provider.Receipt{PartID: part, State: provider.StateDelivered}},
				{Provider: carrier, Receipt: provider.Receipt{PartID: part, State: provider.StateDelivered}}}})
		}()
		go func() {
			done <- w.batcher.Do(context.Background(), &RecordOutcomes{IDs: w.ids, Outcomes: []Outcome{
				{Outcome: accepted(part), Message: row.ID, Node: 7, Attempt: 1, Provider: carrier}}})
		}()
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
	}
}

func TestOrphansAreKeptFor60Seconds(t *testing.T) {
	for wait, want := range map[time.Duration]store.MessageState{60 * time.Second: store.MessageDelivered, 60*time.Second + 1: store.MessageSubmitted} {
		w := newWorld(t)
		row := w.enqueue(t, 1)
		if c := w.receipt(t, "a", provider.StateDelivered); c.Orphaned != 1 {
			t.Fatal("the receipt was not kept")
		}
		w.advance(wait)
		w.outcome(t, row, accepted("a"), false)
		w.expect(t, row.ID, want, store.MoneySettled)
		if len(w.memory.orphans) != 0 {
			t.Error("the orphan stayed")
		}
	}
}

func TestReceiptsAreFoundByTheirOtherSpellings(t *testing.T) {
	w := newWorld(t)
	after, before := w.enqueue(t, 1), w.enqueue(t, 1)
	w.outcome(t, after, accepted("31"), false)
	w.receipt(t, "1F", provider.StateDelivered, "31")
	w.expect(t, after.ID, store.MessageDelivered, store.MoneySettled)
	w.receipt(t, "20", provider.StateUndelivered, "32")
	w.outcome(t, before, accepted("32"), false)
	w.expect(t, before.ID, store.MessageUndelivered, store.MoneySettled)
}

func TestReceiptsOfAnotherProviderDoNotMatch(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, accepted("a"), false)
	w.do(t, &RecordReceipts{IDs: w.ids, Receipts: []Receipt{{Provider: "other", Receipt: provider.Receipt{PartID: "a", State: provider.StateDelivered}}}})
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
}

func TestUndeliveredTextIsErasedWithItsCode(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, accepted("a"), false)
	w.receipt(t, "a", provider.StateUndelivered)
	if m := w.expect(t, row.ID, store.MessageUndelivered, store.MoneySettled); len(m.Body) == 0 || m.Status != 4003 {
		t.Errorf("%+v", m)
	}
	w.advance(codeLife)
	w.recover(t, EarlierLife)
	if m := w.expect(t, row.ID, store.MessageUndelivered, store.MoneySettled); m.Body != nil || m.Due != 0 {
		t.Errorf("%+v", m)
	}
}

func TestLapsedLeases(t *testing.T) {
	for custody, want := range map[Custody]store.MessageState{InFlight: store.MessageLeased, NeverSent: store.MessageLeased, EarlierLife: store.MessageUnknown} {
		w := newWorld(t)
		row := w.enqueue(t, 1)
		w.advance(DefaultLease)
		c := w.recover(t, custody)
		m := w.expect(t, row.ID, want, store.MoneyReserved)
		if taken := len(c.Taken) == 1; taken != (custody == NeverSent) || m.Resends != 0 || m.Due <= store.At(w.now()) {
			t.Errorf("custody %d: taken %v, %+v", custody, taken, m)
		}
	}
}

func TestAnotherNodesLeaseIsLeftToItForOneMoreLease(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	sweep := func() {
		w.do(t, &Recover{IDs: w.ids, Node: 8, Lease: DefaultLease, Hold: 10 * time.Second, Due: []core.MessageID{row.ID}, Room: 9,
			Start: true, Custody: func(*store.Message) Custody { return EarlierLife }})
	}
	w.advance(2*DefaultLease - 1)
	sweep()
	w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
	w.advance(1)
	sweep()
	w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved)
	// The node was only slow: its answer comes after all.
	w.outcome(t, row, accepted("a"), false)
	w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
}

func TestAnAnswerOfNoClassIsUnknown(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1)
	w.outcome(t, row, provider.Outcome{}, false)
	w.expect(t, row.ID, store.MessageUnknown, store.MoneyReserved)
}

func TestOnlyTheHolderMayGiveALeaseUp(t *testing.T) {
	w := newWorld(t)
	row := w.enqueue(t, 1) // leased by node 7
	for _, class := range []provider.Class{provider.Rejected, provider.Unknown, provider.Throttled, provider.NotSent} {
		w.do(t, &RecordOutcomes{IDs: w.ids, Outcomes: []Outcome{{Outcome: provider.Outcome{Class: class}, Message: row.ID, Node: 8, Attempt: 1}}})
		w.expect(t, row.ID, store.MessageLeased, store.MoneyReserved)
	}
}

func TestALongLivedMessageIsWaitedForUntilItsLifeIsOver(t *testing.T) {
	w := newWorld(t)
	long := w.newMessage(1)
	long.ValidUntil = store.At(w.now()).Add(100 * time.Hour)
	w.do(t, &accept{world: w, row: long})
	w.outcome(t, long, provider.Outcome{Class: provider.Unknown}, false)
	w.advance(10 * time.Second)
	w.recover(t, EarlierLife)
	w.outcome(t, w.memory.message(long.ID), accepted("a"), false)
	for _, step := range []struct {
		wait time.Duration
		want store.MessageState
	}{{99 * time.Hour, store.MessageSubmitted}, {time.Hour, store.MessageExpired}} {
		w.advance(step.wait)
		w.recover(t, EarlierLife)
		w.recover(t, EarlierLife)
		w.expect(t, long.ID, step.want, store.MoneySettled)
	}
}

func TestNoRoomNoLease(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.enqueue(t, 1)
	}
	w.advance(DefaultLease)
	ids, _ := w.memory.due(t.Context(), store.At(w.now()), 10)
	c := &Recover{IDs: w.ids, Node: 7, Lease: DefaultLease, Due: ids, Room: 2, Custody: func(*store.Message) Custody { return NeverSent }}
	w.do(t, c)
	if len(c.Taken) != 2 {
		t.Errorf("%d taken into room for 2", len(c.Taken))
	}
	if left, _ := w.memory.due(t.Context(), store.At(w.now()), 10); len(left) != 0 {
		t.Errorf("%d messages clog the sweep", len(left))
	}
}
