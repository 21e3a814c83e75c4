package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// memory is a database in maps, whose commits fail on demand, both ways.
type memory struct {
	mu       sync.Mutex
	accounts map[store.AccountID]store.Account
	ledger   map[core.LedgerID]store.Ledger
	messages map[core.MessageID]store.Message
	receipts map[store.ReceiptKey]store.ReceiptRef
	orphans  map[store.ReceiptKey]store.Orphan
	events   map[core.EventID]store.Event
	fault    func() fault // asked at every commit; nil = none
	commits  int
}

// fault is what happens at a commit.
type fault int

const (
	noFault           fault = iota
	failAndNotPersist       // the call failed and nothing was written
	failButPersist          // the call failed, but the write happened
)

var errDisk = errors.New("disk trouble")

func newMemory() *memory {
	return &memory{accounts: map[store.AccountID]store.Account{}, ledger: map[core.LedgerID]store.Ledger{},
		messages: map[core.MessageID]store.Message{}, receipts: map[store.ReceiptKey]store.ReceiptRef{},
		orphans: map[store.ReceiptKey]store.Orphan{}, events: map[core.EventID]store.Event{}}
}

func (e *memory) Begin(context.Context) (store.Tx, error)             { return &memoryTx{engine: e}, nil }
func (e *memory) View(context.Context, func(store.SQL) error) error   { return errors.ErrUnsupported }
func (e *memory) Update(context.Context, func(store.SQL) error) error { return errors.ErrUnsupported }
func (e *memory) Flush() error                                        { return nil }
func (e *memory) Highest(context.Context) (int64, error)              { return 0, nil }
func (e *memory) Close() error                                        { return nil }

// setFault lets commits fail as f says; nil ends that.
func (e *memory) setFault(f func() fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = f
}

// failNext lets the next commit fail.
func (e *memory) failNext(f fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = func() fault { e.fault = nil; return f }
}

// due lists what is due before an instant, as the wiring's query does.
func (e *memory) due(_ context.Context, before store.Time, limit int) ([]core.MessageID, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var rows []store.Message
	for _, m := range e.messages {
		if m.Due != 0 && m.Due <= before {
			rows = append(rows, m)
		}
	}
	slices.SortFunc(rows, func(a, b store.Message) int { return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ID, b.ID)) })
	var ids []core.MessageID
	for _, m := range rows[:min(limit, len(rows))] {
		ids = append(ids, m.ID)
	}
	return ids, nil
}

func (e *memory) purge(_ context.Context, before store.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, o := range e.orphans {
		if o.At < before {
			delete(e.orphans, k)
		}
	}
	return nil
}

func (e *memory) message(id core.MessageID) store.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.messages[id]
}

type memoryTx struct {
	engine *memory
	writes []func()
}

func loadSet[K comparable, R any](s *store.Set[K, R], rows map[K]R) {
	for _, k := range s.Wanted() {
		if row, ok := rows[k]; ok {
			s.Loaded(k, row)
		}
	}
}

func (t *memoryTx) Load(_ context.Context, b *store.Batch) error {
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	loadSet(&b.Accounts, e.accounts)
	loadSet(&b.Messages, e.messages)
	loadSet(&b.Receipts, e.receipts)
	loadSet(&b.Orphans, e.orphans)
	b.LoadDone()
	return nil
}

func writeSet[K comparable, R any](t *memoryTx, s *store.Set[K, R], rows map[K]R, key func(*R) K) error {
	put := func(r *R) { row := *r; t.writes = append(t.writes, func() { rows[key(&row)] = row }) }
	err := s.Deleted(func(k K) error { t.writes = append(t.writes, func() { delete(rows, k) }); return nil })
	err = errors.Join(err, s.Updated(func(_, is *R) error { put(is); return nil }))
	return errors.Join(err, s.Inserted(func(r *R) error {
		if _, exists := rows[key(r)]; exists {
			return store.ErrUnique
		}
		put(r)
		return nil
	}))
}

func (t *memoryTx) Write(_ context.Context, b *store.Batch) error {
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	return errors.Join(
		writeSet(t, &b.Accounts, e.accounts, func(r *store.Account) store.AccountID { return r.ID }),
		writeSet(t, &b.Ledger, e.ledger, func(r *store.Ledger) core.LedgerID { return r.ID }),
		writeSet(t, &b.Messages, e.messages, func(r *store.Message) core.MessageID { return r.ID }),
		writeSet(t, &b.Receipts, e.receipts, func(r *store.ReceiptRef) store.ReceiptKey { return r.Key }),
		writeSet(t, &b.Orphans, e.orphans, func(r *store.Orphan) store.ReceiptKey { return r.Key }),
		writeSet(t, &b.Events, e.events, func(r *store.Event) core.EventID { return r.ID }))
}

func (t *memoryTx) Commit(context.Context) error {
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.commits++
	what := noFault
	if e.fault != nil {
		what = e.fault()
	}
	if what == failAndNotPersist {
		return errors.Join(store.ErrNotCommitted, errDisk)
	}
	for _, write := range t.writes {
		write()
	}
	if what == failButPersist {
		return errDisk
	}
	return nil
}

func (t *memoryTx) Rollback() {}

// checkMoney proves the ledger: balances sum to zero and are what the rows
// say; of every message one price is held, one is spent, or none.
func (e *memory) checkMoney(t interface{ Fatalf(string, ...any) }) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var total core.Credits
	balance := map[store.AccountID]core.Credits{}
	for _, a := range e.accounts {
		total += a.Balance
	}
	type sums struct{ reserved, settled, fromHeld, fromRevenue int }
	of := map[int64]*sums{}
	for _, l := range e.ledger {
		balance[l.Debit] -= l.Amount
		balance[l.Credit] += l.Amount
		if of[l.Ref] == nil {
			of[l.Ref] = new(sums)
		}
		_, _, from := billing.Split(l.Debit)
		switch {
		case l.Kind == store.LedgerReserve:
			of[l.Ref].reserved++
		case l.Kind == store.LedgerSettle:
			of[l.Ref].settled++
		case l.Kind == store.LedgerRefund && from == billing.Held:
			of[l.Ref].fromHeld++
		case l.Kind == store.LedgerRefund:
			of[l.Ref].fromRevenue++
		}
	}
	if total != 0 {
		t.Fatalf("the balances sum to %d", total)
	}
	for id, a := range e.accounts {
		if a.Balance != balance[id] {
			t.Fatalf("account %d holds %d, its transfers say %d", id, a.Balance, balance[id])
		}
	}
	for _, m := range e.messages {
		n := of[int64(m.ID)]
		if n == nil {
			n = new(sums)
		}
		held, spent := n.reserved-n.settled-n.fromHeld, n.settled-n.fromRevenue
		want := map[store.Money][2]int{store.MoneyNone: {}, store.MoneyReserved: {1, 0}, store.MoneySettled: {0, 1}, store.MoneyRefunded: {}}[m.Money]
		if got := [2]int{held, spent}; got != want || m.Money != store.MoneyNone && n.reserved == 0 {
			t.Fatalf("message %d (%s, money %d): %v are held and spent after %d reservations", m.ID, m.State, m.Money, got, n.reserved)
		}
	}
}

// world is a store with one paying app, and a clock that the test sets.
type world struct {
	memory  *memory
	batcher *store.Batcher
	ids     *core.IDs
	payer   billing.Payer
	mu      sync.Mutex
	clock   time.Time
	began   time.Time // set: the clock runs from here, for tests in a synctest bubble
}

const price = core.Credits(3)

func newWorld(tb testing.TB) *world {
	w := &world{memory: newMemory(), clock: time.Date(2025, 11, 21, 8, 0, 0, 0, time.UTC)}
	w.ids = core.NewIDs(w.now, 7)
	w.payer = billing.PayerOf(1, 2, false, core.PoolGeneral)
	w.batcher = store.NewBatcher(w.memory, w.now, slog.New(slog.DiscardHandler), store.Options{})
	w.batcher.Start()
	tb.Cleanup(w.batcher.Stop)
	if err := w.batcher.Do(context.Background(), &billing.TopUp{IDs: w.ids, Payer: w.payer, Amount: 1_000_000}); err != nil {
		tb.Fatal(err)
	}
	return w
}

// newLiveWorld is a world whose clock runs.
func newLiveWorld(tb testing.TB) *world {
	w := newWorld(tb)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = time.Now()
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.began.IsZero() {
		return w.clock.Add(time.Since(w.began))
	}
	return w.clock
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// accept is a use-case's command.
type accept struct {
	world *world
	row   store.Message
}

func (c *accept) Want(b *store.Batch) { billing.Want(b, c.world.payer) }
func (c *accept) Decide(b *store.Batch) error {
	if err := Enqueue(b, c.world.ids, c.world.payer, nil, c.row); err != nil {
		return err
	}
	c.row, _ = b.Messages.Get(c.row.ID)
	return nil
}

const codeLife = 5 * time.Minute

// newMessage is a message as a use-case fills it in.
func (w *world) newMessage(segments uint8) store.Message {
	return store.Message{ID: core.MessageID(w.ids.Next()), Tenant: 1, App: 2, Channel: core.ChannelSMS, Price: price, Segments: segments,
		Phone: []byte("sealed phone"), Body: []byte("sealed text"), ValidUntil: store.At(w.now()).Add(codeLife)}
}

// enqueue accepts a message of so many parts.
func (w *world) enqueue(tb interface{ Fatal(...any) }, segments uint8) store.Message {
	c := &accept{world: w, row: w.newMessage(segments)}
	if err := w.batcher.Do(context.Background(), c); err != nil {
		tb.Fatal(err)
	}
	return c.row
}

func (w *world) do(tb interface{ Fatal(...any) }, c store.Command) {
	if err := w.batcher.Do(context.Background(), c); err != nil {
		tb.Fatal(err)
	}
}

func (w *world) balance(k billing.Kind) core.Credits {
	w.memory.mu.Lock()
	defer w.memory.mu.Unlock()
	return w.memory.accounts[billing.Account(w.payer.Owner, w.payer.Pool, k)].Balance
}
