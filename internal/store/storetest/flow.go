package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Batches that are measured: flows in one commit.
var batchSizes = []int{1, 16, 128}

// flow is one person's way through the store: a code is sent, its outcome
// comes back, the code is answered and the user logs in.
type flow struct {
	n     int64
	index core.PhoneIndex
}

func newFlow(n int64) flow {
	f := flow{n: n}
	h := uint64(n) * 0x9e3779b97f4a7c15 // random keys, as HMACs are
	for i := range f.index.A {
		f.index.A[i] = byte(h >> (8 * (i % 8)))
		if i == 8 {
			h *= 0xbf58476d1ce4e5b9
		}
	}
	return f
}

const (
	benchAvailable store.AccountID = 1<<8 | 1
	benchHeld      store.AccountID = 1<<8 | 2
	benchRevenue   store.AccountID = 3
)

var sealedPhone, sealedBody = make([]byte, 48), make([]byte, 160)

func (f flow) wantSend(b *store.Batch) {
	b.Live.Want(store.LiveKey{App: 1, Purpose: 1, Index: f.index.A})
	b.FailureOf.Want(store.FailureKey{App: 1, Purpose: 1, Index: f.index.A})
	b.Accounts.Want(benchAvailable)
	b.Accounts.Want(benchHeld)
}

func (f flow) send(b *store.Batch) {
	for _, v := range b.LiveVerifications(store.LiveKey{App: 1, Purpose: 1, Index: f.index.A}) {
		v.State = store.VerificationSuperseded
		b.PutVerification(v)
	}
	b.PutVerification(store.Verification{ID: core.VerificationID(f.n), Tenant: 1, App: 1, Purpose: 1, Channel: 1,
		Index: f.index, Expires: b.Now + 300e9, CodeKey: 1, CodeSalt: [8]byte{1}, CodeMAC: [32]byte{1}, Message: core.MessageID(f.n)})
	b.Messages.Put(core.MessageID(f.n), store.Message{ID: core.MessageID(f.n), Tenant: 1, App: 1, Verification: core.VerificationID(f.n),
		Channel: 1, State: store.MessageLeased, Money: store.MoneyReserved, Price: 1, Segments: 1, Attempts: 1, Node: 1,
		Phone: sealedPhone, Body: sealedBody, ValidUntil: b.Now + 300e9, Due: b.Now + 30e9, Updated: b.Now})
	f.move(b, 2*f.n, benchAvailable, benchHeld, store.LedgerReserve)
	b.AppendJournal(make([]byte, 40))
}

func (f flow) move(b *store.Batch, id int64, from, to store.AccountID, kind store.LedgerKind) {
	debit, _ := b.Accounts.Get(from)
	credit, _ := b.Accounts.Get(to)
	debit.Balance--
	credit.Balance++
	b.Accounts.Put(from, debit)
	b.Accounts.Put(to, credit)
	b.Ledger.Put(core.LedgerID(id), store.Ledger{ID: core.LedgerID(id), Debit: from, Credit: to, Amount: 1, Kind: kind, Ref: f.n})
}

func (f flow) wantOutcome(b *store.Batch) {
	b.Messages.Want(core.MessageID(f.n))
	b.Accounts.Want(benchHeld)
	b.Accounts.Want(benchRevenue)
}

func (f flow) outcome(b *store.Batch) {
	m, _ := b.Messages.Get(core.MessageID(f.n))
	m.State, m.Money, m.Due, m.Provider, m.Parts = store.MessageSubmitted, store.MoneySettled, b.Now+72*3600e9, "smpp-1", 1
	b.Messages.Put(m.ID, m)
	f.move(b, 2*f.n+1, benchHeld, benchRevenue, store.LedgerSettle)
	k := store.ReceiptKey{Provider: "smpp-1", PartID: fmt.Sprintf("%010d", f.n)}
	b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: m.ID, Attempt: 1})
}

func (f flow) wantReceipt(b *store.Batch) {
	k := store.ReceiptKey{Provider: "smpp-1", PartID: fmt.Sprintf("%010d", f.n)}
	b.Receipts.Want(k)
	if r, ok := b.Receipts.Get(k); ok {
		b.Messages.Want(r.Message)
	}
}

func (f flow) receipt(b *store.Batch) {
	m, _ := b.Messages.Get(core.MessageID(f.n))
	m.State, m.Due, m.PartsDone, m.Code, m.Status, m.Body = store.MessageDelivered, 0, 1, "DELIVRD", 4001, nil
	b.Messages.Put(m.ID, m)
	b.Receipts.Delete(store.ReceiptKey{Provider: "smpp-1", PartID: fmt.Sprintf("%010d", f.n)})
}

func (f flow) wantLogin(b *store.Batch) {
	b.Live.Want(store.LiveKey{App: 1, Purpose: 1, Index: f.index.A})
	b.FailureOf.Want(store.FailureKey{App: 1, Purpose: 1, Index: f.index.A})
	b.UserOf.Want(store.UserKey{Tenant: 1, Index: f.index.A})
}

func (f flow) login(b *store.Batch) {
	for _, v := range b.LiveVerifications(store.LiveKey{App: 1, Purpose: 1, Index: f.index.A}) {
		v.State = store.VerificationVerified
		b.PutVerification(v)
	}
	u, ok := b.User(store.UserKey{Tenant: 1, Index: f.index.A})
	if !ok {
		u = store.User{ID: core.UserID(f.n), Tenant: 1, Index: f.index, Phone: sealedPhone}
	}
	u.LastLogin = b.Now
	b.PutUser(u)
}

// steps of a flow, each a commit of its own with its neighbours.
var flowSteps = []struct {
	name         string
	want, decide func(flow, *store.Batch)
	rounds       int
}{
	{"send", flow.wantSend, flow.send, 1},
	{"outcome", flow.wantOutcome, flow.outcome, 1},
	{"receipt", flow.wantReceipt, flow.receipt, 2},
	{"login", flow.wantLogin, flow.login, 1},
}

// runStep is what the batcher does, without its queue.
func runStep(tb testing.TB, e store.Engine, b *store.Batch, flows []flow, step int) {
	ctx := context.Background()
	s := &flowSteps[step]
	tx, err := e.Begin(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	b.Begin(store.At(time.Now()))
	for range s.rounds {
		for _, f := range flows {
			s.want(f, b)
		}
		if err := tx.Load(ctx, b); err != nil {
			tb.Fatal(err)
		}
	}
	for _, f := range flows {
		s.decide(f, b)
	}
	if err := tx.Write(ctx, b); err != nil {
		tb.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		tb.Fatal(err)
	}
	if err := e.Flush(); err != nil {
		tb.Fatal(err)
	}
}

// Opened opens an engine that is ready for batches, and closes it with the
// benchmark.
type Opened func(b *testing.B) store.Engine

func openBench(b *testing.B, open Opened) store.Engine {
	b.Helper()
	e := open(b)
	err := tryWrite(e, nil, func(b *store.Batch) {
		for _, id := range []store.AccountID{benchAvailable, benchHeld, benchRevenue} {
			b.Accounts.Put(id, store.Account{ID: id, Balance: 1 << 40})
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkFlow measures whole flows: four commits for each group of flows, each
// on disk before the next begins. The figure that counts is cpu-ns/flow, the
// processor time of this process.
func BenchmarkFlow(b *testing.B, open Opened) {
	for _, size := range batchSizes {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			e := openBench(b, open)
			var batch store.Batch
			flows := make([]flow, size)
			next := int64(1)
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				for i := range flows {
					flows[i] = newFlow(next)
					next++
				}
				for step := range flowSteps {
					runStep(b, e, &batch, flows, step)
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N*size), "cpu-ns/flow")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/flow")
		})
	}
}

// BenchmarkStep measures each commit of a flow by itself.
func BenchmarkStep(b *testing.B, open Opened) {
	for step, s := range flowSteps {
		for _, size := range batchSizes {
			b.Run(fmt.Sprintf("%s/batch=%d", s.name, size), func(b *testing.B) {
				e := openBench(b, open)
				var batch store.Batch
				flows := make([]flow, size)
				next := int64(1)
				var cpu time.Duration
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					for i := range flows {
						flows[i] = newFlow(next)
						next++
					}
					for before := range step {
						runStep(b, e, &batch, flows, before)
					}
					b.StartTimer()
					start := cpuTime()
					runStep(b, e, &batch, flows, step)
					cpu += cpuTime() - start
				}
				b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N*size), "cpu-ns/flow")
			})
		}
	}
}
