package outbox

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// instant is a store that says yes.
type instant struct{ done atomic.Int64 }

func (s *instant) Do(_ context.Context, c store.Command) error {
	if r, ok := c.(*RecordOutcomes); ok {
		s.done.Add(int64(len(r.Outcomes)))
	}
	return nil
}

// echo is a provider that answers at once.
type echo struct{ scripted }

var oneID = []string{"0"}

func (*echo) Submit(_ context.Context, _ *provider.Message, done func(provider.Outcome)) {
	done(provider.Outcome{Class: provider.Accepted, PartIDs: oneID})
}

// BenchmarkMessage is a message's way from the hand-off to its recorded
// outcome, without the store and the carrier.
func BenchmarkMessage(b *testing.B) {
	s := &instant{}
	route := []provider.Provider{&echo{}}
	n, err := New(Options{Node: 7, Now: time.Now, IDs: core.NewIDs(time.Now, 7), Log: slog.New(slog.DiscardHandler), Store: s,
		Due:    func(context.Context, store.Time, int) ([]core.MessageID, error) { return nil, nil },
		Sealer: clearText{}, Route: func(Outgoing) []provider.Provider { return route }})
	if err != nil {
		b.Fatal(err)
	}
	n.Start()
	row := store.Message{State: store.MessageLeased, Due: store.At(time.Now().Add(time.Hour)), ValidUntil: store.At(time.Now().Add(time.Hour))}
	b.ReportAllocs()
	for b.Loop() {
		row.ID++
		for n.Stats().QueueDepth > 4096 {
			time.Sleep(10 * time.Microsecond)
		}
		n.HandOff(Outgoing{Row: row, To: core.PhoneFromE164(number), Text: text})
	}
	if err := n.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
	if s.done.Load() != int64(row.ID) {
		b.Errorf("%d of %d recorded", s.done.Load(), row.ID)
	}
}

// BenchmarkDecide is the three commands of a message's life, 256 to a batch,
// on a store in memory.
func BenchmarkDecide(b *testing.B) {
	w := newWorld(b)
	const group = 256
	b.ReportAllocs()
	for b.Loop() {
		outcomes := RecordOutcomes{IDs: w.ids}
		receipts := RecordReceipts{IDs: w.ids}
		for range group {
			row := w.newMessage(1)
			w.memory.mu.Lock()
			row.State, row.Node, row.Due = store.MessageLeased, 7, 1
			w.memory.messages[row.ID] = row
			w.memory.mu.Unlock()
			part := partID(row.ID, 1, 0)
			outcomes.Outcomes = append(outcomes.Outcomes, Outcome{Outcome: accepted(part), Message: row.ID, Node: 7, Attempt: 1, Provider: carrier})
			receipts.Receipts = append(receipts.Receipts, Receipt{Provider: carrier, Receipt: provider.Receipt{PartID: part, State: provider.StateDelivered}})
		}
		w.do(b, &outcomes)
		w.do(b, &receipts)
		if receipts.Delivered != group {
			b.Fatal(receipts.Delivered)
		}
		clear(w.memory.messages)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*group), "ns/message")
}
