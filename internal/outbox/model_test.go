package outbox

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// model is a node and a carrier without goroutines: what the outbox holds in
// memory, what it told the store, and what the carrier may have taken.
type model struct {
	*world
	t        *rapid.T
	custody  custodian
	inFlight map[core.MessageID]store.Message
	copies   map[core.MessageID]int             // submissions that a carrier may have taken
	parts    []string                           // ids that the carriers gave
	giver    map[string]string                  // who gave which
	refusers map[core.MessageID]map[string]bool // who must not be asked again
	overs    map[core.MessageID]int             // failovers after a receipt
	seen     map[core.MessageID]store.Message
}

func (m *model) boot() {
	m.custody = custodian{}
	m.custody.init(7, core.MessageID(m.ids.Next()))
	m.inFlight = map[core.MessageID]store.Message{}
}

// try runs a command whose commit may fail either way; it tells whether the
// store said yes.
func (m *model) try(c store.Command) bool {
	if f := rapid.SampledFrom([]fault{noFault, noFault, noFault, failAndNotPersist, failButPersist}).Draw(m.t, "fault"); f != noFault {
		m.memory.failNext(f)
		defer m.memory.failNext(noFault)
	}
	err := m.batcher.Do(context.Background(), c)
	m.check()
	return err == nil
}

// must runs a command until the store says yes.
func (m *model) must(c store.Command) {
	for range 100 {
		if m.try(c) {
			return
		}
	}
	m.t.Fatal("a hundred faults in a row")
}

func (m *model) enqueue() {
	c := &accept{world: m.world, row: m.newMessage(uint8(rapid.IntRange(1, 3).Draw(m.t, "segments")))}
	if m.try(c) && rapid.Bool().Draw(m.t, "handed off") {
		m.handOff(c.row)
	}
}

func (m *model) handOff(row store.Message) {
	if m.custody.add(row.ID) {
		m.inFlight[row.ID] = row
	}
}

func (m *model) outcome() {
	ids := slices.Sorted(maps.Keys(m.inFlight))
	if len(ids) == 0 {
		return
	}
	row := m.inFlight[rapid.SampledFrom(ids).Draw(m.t, "message")]
	left := m.left(row.ID)
	o := Outcome{Message: row.ID, Node: 7, Attempt: row.Attempts + 1, Next: len(left) > 1}
	o.Class = provider.Class(rapid.IntRange(int(provider.Accepted), int(provider.NotSent)).Draw(m.t, "class"))
	switch {
	case m.expired(row):
		o.Class = provider.NotSent // the sender does not send it
	case len(left) == 0:
		o.Class, o.Code = provider.Rejected, "no route"
	default:
		if o.Provider = rapid.SampledFrom(left).Draw(m.t, "provider"); m.refusers[row.ID][o.Provider] {
			m.t.Fatalf("%s is asked again for a message that it refused", o.Provider)
		}
	}
	if o.Class == provider.Accepted || o.Class == provider.Unknown {
		m.copies[row.ID]++
		for i := range row.Segments {
			id := partID(row.ID, m.copies[row.ID], i)
			m.parts = append(m.parts, id)
			m.giver[id] = o.Provider
			if o.Class == provider.Unknown && rapid.Bool().Draw(m.t, "part unknown") {
				id = ""
			}
			o.PartIDs = append(o.PartIDs, id)
		}
	}
	if o.Class == provider.Rejected && o.Provider != "" && m.memory.message(row.ID).State == store.MessageLeased {
		m.refuse(row.ID, o.Provider)
	}
	c := &RecordOutcomes{IDs: m.ids, Lease: DefaultLease, Hold: 10 * time.Second, NextHold: 3 * time.Second, Failover: true, Outcomes: []Outcome{o}}
	m.must(c)
	if c.Outcomes[0].Again {
		row.Attempts++
		m.inFlight[row.ID] = row
		return
	}
	delete(m.inFlight, row.ID)
	m.custody.remove(row.ID)
}

// route is who may carry a message, in some order.
func (m *model) route() []provider.Provider {
	return rapid.Permutation([]provider.Provider{&scripted{name: carrier}, &scripted{name: "b"}, &scripted{name: "c"}}).Draw(m.t, "route")
}

// left are the providers that the sender would ask for a message now.
func (m *model) left(id core.MessageID) (names []string) {
	row := m.memory.message(id)
	for _, p := range around(m.route(), &row) {
		names = append(names, p.Name())
	}
	return names
}

// next is Recover.Next as the sender's route has it.
func (m *model) next(row *store.Message) bool {
	for _, p := range m.route() {
		if !m.refusers[row.ID][p.Name()] && (row.State != store.MessageUndelivered || row.Provider != p.Name()) {
			return true
		}
	}
	return false
}

func (m *model) refuse(id core.MessageID, name string) {
	if m.refusers[id] == nil {
		m.refusers[id] = map[string]bool{}
	}
	m.refusers[id][name] = true
}

func (m *model) expired(row store.Message) bool { return store.At(m.now()) >= row.ValidUntil }

func (m *model) receipt() {
	r := Receipt{Provider: carrier, Receipt: provider.Receipt{PartID: "forged"}}
	if known := append(m.comingParts(), m.parts...); len(known) > 0 {
		r.PartID = rapid.SampledFrom(known).Draw(m.t, "part")
	}
	if rapid.Bool().Draw(m.t, "other spelling") {
		r.PartID, r.AltIDs = "0x"+r.PartID, []string{r.PartID}
	}
	r.State = provider.State(rapid.IntRange(int(provider.StateSubmitted), int(provider.StateUndelivered)).Draw(m.t, "state"))
	if given, known := m.giver[strings.TrimPrefix(r.PartID, "0x")]; known {
		r.Provider = given
	}
	r.JSMS = rapid.SampledFrom([]int{4003, 4003, 4010, 4004}).Draw(m.t, "status")
	m.try(&RecordReceipts{IDs: m.ids, Failover: true, Receipts: []Receipt{r}})
}

func partID(id core.MessageID, copy int, part uint8) string {
	return fmt.Sprintf("%d-%d-%d", id, copy, part)
}

// comingParts are ids that the carrier gave, but whose answer is under way.
func (m *model) comingParts() (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(m.inFlight)) {
		ids = append(ids, partID(id, m.copies[id]+1, 0))
	}
	return ids
}

func (m *model) pass() {
	ids, _ := m.memory.due(context.Background(), store.At(m.now()), 100)
	if len(ids) == 0 {
		return
	}
	c := &Recover{IDs: m.ids, Node: 7, Lease: DefaultLease, Hold: 10 * time.Second, Due: ids, Custody: m.custody.of,
		Room: rapid.IntRange(0, 5).Draw(m.t, "room"), Start: rapid.Bool().Draw(m.t, "start"), Next: m.next}
	if !m.try(c) {
		m.custody.neverSent(c.Taken)
		return
	}
	for _, row := range c.Taken {
		m.handOff(row)
	}
	for _, id := range ids {
		if row := m.memory.message(id); row.Due != 0 && row.Due <= store.At(m.now()) {
			m.t.Fatalf("%s is still due after the sweep", row.State)
		}
	}
}

// crash loses the memory. What was in flight may have been taken.
func (m *model) crash() {
	for id := range m.inFlight {
		if !m.expired(m.inFlight[id]) {
			m.copies[id]++
		}
	}
	m.boot()
}

// check compares the rows with those before the command.
func (m *model) check() {
	m.memory.checkMoney(m.t)
	for id, is := range m.memory.messages {
		was, known := m.seen[id]
		if !known {
			was = store.Message{State: store.MessageQueued, Money: store.MoneyReserved, Body: is.Body}
		}
		m.follow(was, is)
		m.checkRow(was, is)
	}
	m.seen = maps.Clone(m.memory.messages)
}

// follow notes failovers after a receipt and operators' requeues.
func (m *model) follow(was, is store.Message) {
	before, _ := History(&was)
	after, _ := History(&is)
	for _, s := range after[min(len(before), len(after)):] {
		switch s.Kind {
		case StepFailover:
			m.overs[is.ID]++
			m.refuse(is.ID, s.Provider)
			if store.At(m.now()) >= is.ValidUntil || was.State != store.MessageUndelivered && was.State != store.MessageSubmitted {
				m.t.Fatalf("sent on out of %s", was.State)
			}
		case StepRequeued:
			delete(m.refusers, is.ID)
		default:
		}
	}
}

func (m *model) checkRow(was, is store.Message) {
	switch {
	case was.State != is.State && !reachable(was.State, is.State, 4):
		m.t.Fatalf("%s became %s", was.State, is.State)
	case was.Money != is.Money && was.Money != store.MoneyReserved && !operatorsMoney(was, is):
		m.t.Fatalf("money %d became %d", was.Money, is.Money)
	case is.Resends > 1 || m.copies[is.ID] > 2+m.requeues(is)+m.overs[is.ID]:
		m.t.Fatalf("%d resends, %d copies", is.Resends, m.copies[is.ID])
	case is.Resends > was.Resends && store.At(m.now()) >= is.ValidUntil:
		m.t.Fatal("sent again after the code's life")
	case was.Body == nil && is.Body != nil && was.State != store.MessageDead:
		m.t.Fatal("an erased text came back")
	case final(is.State) && (is.Body != nil || is.Due != 0) && (is.State != store.MessageDead || is.Due != is.ValidUntil || is.Body == nil):
		m.t.Fatalf("%s keeps its text or is due", is.State)
	case !final(is.State) && is.State != store.MessageUndelivered && is.Due == 0:
		m.t.Fatalf("%s is nobody's any more", is.State)
	case is.Money == store.MoneySettled && m.copies[is.ID] == 0:
		m.t.Fatal("charged for what no carrier took")
	}
}

// operatorsMoney tells whether an operator may have moved it: the price of what
// was not delivered is given back, and reserved again for another try.
func operatorsMoney(was, is store.Message) bool {
	switch {
	case was.Money == store.MoneySettled && is.Money == store.MoneyRefunded:
		return of(is.State)&of(store.MessageUndelivered, store.MessageExpired, store.MessageDead) != 0
	case was.Money == store.MoneyRefunded && is.Money == store.MoneyReserved:
		return is.State == store.MessageQueued
	}
	return false
}

func (m *model) operator() {
	ids := slices.Sorted(maps.Keys(m.memory.messages))
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(m.t, "message")
	if rapid.Bool().Draw(m.t, "requeue") {
		m.try(&Requeue{IDs: m.ids, ID: id})
		return
	}
	m.try(&GiveBack{IDs: m.ids, ID: id})
}

// reachable tells whether moves of the table lead from one state to another.
// A command may make several.
func reachable(from, to store.MessageState, moves int) bool {
	if from == to {
		return true
	}
	for next := range store.MessageDead + 1 {
		if moves > 0 && Allowed(from, next) && reachable(next, to, moves-1) {
			return true
		}
	}
	return false
}

// finish lets time pass until nothing is left to do.
func (m *model) finish() {
	for range 3 {
		for len(m.inFlight) > 0 {
			m.outcome()
		}
		m.advance(codeLife)
		for range 60 {
			m.pass()
			m.advance(time.Second)
		}
		m.advance(72 * time.Hour)
	}
	for range 40 {
		m.pass()
		m.advance(time.Second)
	}
	for _, row := range m.memory.messages {
		if !final(row.State) && row.State != store.MessageUndelivered || row.Money == store.MoneyReserved || row.Due != 0 || row.Body != nil {
			m.t.Fatalf("a message ends as %s with money %d, due %d, %d bytes of text", row.State, row.Money, row.Due, len(row.Body))
		}
	}
}

// TestReq33_AnySequenceKeepsTheRules runs random outcomes, receipts, sweeps,
// faults of the store and crashes.
func TestReq33_AnySequenceKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{world: newWorld(t), t: rt, copies: map[core.MessageID]int{}, giver: map[string]string{},
			refusers: map[core.MessageID]map[string]bool{}, overs: map[core.MessageID]int{}}
		defer m.batcher.Stop()
		m.boot()
		actions := map[string]func(*rapid.T){
			"enqueue": func(*rapid.T) { m.enqueue() },
			"outcome": func(*rapid.T) { m.outcome() },
			"receipt": func(*rapid.T) { m.receipt() },
			"sweep":   func(*rapid.T) { m.pass() },
			"crash":   func(*rapid.T) { m.crash() },
			"letters": func(*rapid.T) { m.operator() },
			"wait": func(rt *rapid.T) {
				m.advance(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, 30 * time.Second, time.Minute, codeLife, 72 * time.Hour}).Draw(rt, "wait"))
			},
		}
		rt.Repeat(actions)
		m.finish()
	})
}

// requeues is how often an operator had the message tried again.
func (m *model) requeues(row store.Message) (n int) {
	steps, _ := History(&row)
	for _, s := range steps {
		if s.Kind == StepRequeued {
			n++
		}
	}
	return n
}
