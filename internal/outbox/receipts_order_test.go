package outbox

import (
	"slices"
	"testing"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// permutations calls f with every order of 0 … n−1.
func permutations(n int, f func([]int)) {
	order := make([]int, 0, n)
	var rest func()
	rest = func() {
		if len(order) == n {
			f(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				rest()
				order = order[:len(order)-1]
			}
		}
	}
	rest()
}

// arrival is one thing that comes from a carrier.
type arrival struct {
	name string
	do   func(w *world, t *testing.T, row store.Message)
}

func reported(name, from, part string, s provider.State) arrival {
	return arrival{name, func(w *world, t *testing.T, _ store.Message) {
		status, code := 4001, "DELIVRD"
		if s == provider.StateUndelivered {
			status, code = 4003, "UNDELIV"
		}
		w.do(t, &RecordReceipts{IDs: w.ids, Receipts: []Receipt{{Provider: from,
			Receipt: provider.Receipt{PartID: part, State: s, Code: code, JSMS: status}}}})
	}}
}

var answeredBoth = arrival{"answer", func(w *world, t *testing.T, row store.Message) { w.outcome(t, row, accepted("a", "b"), false) }}

// told are the jsms statuses that the app is told of a message, in order.
func (w *world) told(id core.MessageID) (statuses []uint16) {
	w.memory.mu.Lock()
	defer w.memory.mu.Unlock()
	ids := make([]core.EventID, 0, len(w.memory.events))
	for event, e := range w.memory.events {
		if e.Ref == int64(id) && e.Kind == store.EventReceipt && e.App == 2 {
			ids = append(ids, event)
		}
	}
	slices.Sort(ids)
	for _, event := range ids {
		statuses = append(statuses, w.memory.events[event].Status)
	}
	return statuses
}

// TestReq35_ReceiptsInEveryOrder: the answer to a message of two parts, their
// receipts, one of them twice, one that nobody knows and one that another
// carrier made up come in every order, the answer last, too. Each order ends in
// one delivered message, charged once, of which its app is told once.
func TestReq35_ReceiptsInEveryOrder(t *testing.T) {
	all := []arrival{answeredBoth, reported("a", carrier, "a", provider.StateDelivered), reported("b", carrier, "b", provider.StateDelivered),
		reported("a again", carrier, "a", provider.StateDelivered), reported("unknown", carrier, "c", provider.StateUndelivered),
		reported("forged", "another", "a", provider.StateUndelivered)}
	permutations(len(all), func(order []int) {
		w := newWorld(t)
		defer w.batcher.Stop()
		row := w.newMessage(2)
		row.Report = true
		w.do(t, &accept{world: w, row: row})
		var names []string
		for _, i := range order {
			all[i].do(w, t, w.memory.message(row.ID))
			names = append(names, all[i].name)
		}
		m := w.memory.message(row.ID)
		if m.State != store.MessageDelivered || m.Money != store.MoneySettled || m.Status != 4001 || m.Body != nil || m.Due != 0 {
			t.Fatalf("%v: %s, money %d, status %d", names, m.State, m.Money, m.Status)
		}
		if got := w.told(row.ID); !slices.Equal(got, []uint16{4001}) {
			t.Fatalf("%v: the app is told %v", names, got)
		}
		if got := w.balance(billing.Revenue); got != price {
			t.Fatalf("%v: %d spent, want %d", names, got, price)
		}
		steps, whole := History(&m)
		kinds := map[StepKind]int{}
		for _, s := range steps {
			kinds[s.Kind]++
		}
		if !whole || kinds[StepSubmitted] != 1 || kinds[StepDelivered] != 2 || len(steps) != 3 {
			t.Fatalf("%v: the history %+v", names, steps)
		}
		w.memory.checkMoney(t)
	})
}

// TestReq35_DeliveredWins: undelivered and delivered reports of the same parts
// in every order; the message ends delivered, and that is the last its app hears.
func TestReq35_DeliveredWins(t *testing.T) {
	all := []arrival{answeredBoth, reported("a lost", carrier, "a", provider.StateUndelivered), reported("a", carrier, "a", provider.StateDelivered),
		reported("b lost", carrier, "b", provider.StateUndelivered), reported("b", carrier, "b", provider.StateDelivered)}
	permutations(len(all), func(order []int) {
		w := newWorld(t)
		defer w.batcher.Stop()
		row := w.newMessage(2)
		row.Report = true
		w.do(t, &accept{world: w, row: row})
		var names []string
		for _, i := range order {
			all[i].do(w, t, w.memory.message(row.ID))
			names = append(names, all[i].name)
		}
		m := w.memory.message(row.ID)
		told := w.told(row.ID)
		if m.State != store.MessageDelivered || len(told) == 0 || len(told) > 2 || told[len(told)-1] != 4001 {
			t.Fatalf("%v: %s, the app is told %v", names, m.State, told)
		}
		w.memory.checkMoney(t)
	})
}

// TestHistoryIsBounded: a message that waits for a carrier that is away keeps a
// row of bounded size, and what comes at last is told all the same.
func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t)
	m := w.newMessage(1)
	for range 1000 {
		note(&m, store.At(w.now()), Step{Kind: StepNotSent, Provider: "a carrier with a long name"})
	}
	if n := len(m.History); n > mostRepeats+64 {
		t.Errorf("%d bytes", n)
	}
	long := make([]string, 200)
	for i := range long {
		long[i] = "a carrier's id of a part that is sixty-five characters long ……"
	}
	note(&m, store.At(w.now()), Step{Kind: StepSubmitted, Provider: carrier, Parts: long})
	note(&m, store.At(w.now()), Step{Kind: StepUndelivered, Code: "MK:0001", Status: 4004})
	steps, whole := History(&m)
	if whole {
		t.Error("nobody learns that steps were left out")
	}
	n := len(steps)
	if s := steps[n-2]; s.Kind != StepSubmitted || s.Count != 200 || len(s.Parts) == 0 || len(s.Parts) == 200 {
		t.Errorf("%+v", s)
	}
	if s := steps[n-1]; s.Kind != StepUndelivered || s.Code != "MK:0001" || s.Status != 4004 {
		t.Errorf("%+v", s)
	}
	for range 100 {
		note(&m, store.At(w.now()), Step{Kind: StepSubmitted, Provider: carrier, Parts: long})
	}
	if n := len(m.History); n > mostHistory+mostParts+64 {
		t.Errorf("%d bytes", n)
	}
	for end := range m.History { // damaged in any place: no panic
		damaged := m
		damaged.History = m.History[:end]
		History(&damaged)
	}
}

// TestHistoryIsNotShared: two rows that were copied from one do not write into
// each other's history.
func TestHistoryIsNotShared(t *testing.T) {
	w := newWorld(t)
	m := w.newMessage(1)
	note(&m, store.At(w.now()), Step{Kind: StepSubmitted, Provider: carrier, Parts: []string{"a"}})
	one, two := m, m
	note(&one, store.At(w.now()), Step{Kind: StepDelivered, Code: "DELIVRD", Status: 4001})
	note(&two, store.At(w.now()), Step{Kind: StepExpired})
	first, _ := History(&one)
	second, _ := History(&two)
	if first[1].Kind != StepDelivered || second[1].Kind != StepExpired {
		t.Errorf("%+v, %+v", first, second)
	}
}
