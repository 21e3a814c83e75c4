package billing

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	start = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
)

func now() time.Time { return start }

// step is a use-case's command around one function of this package.
type step struct {
	payer  Payer
	decide func(b *store.Batch) error
}

func (c *step) Want(b *store.Batch)         { Want(b, c.payer) }
func (c *step) Decide(b *store.Batch) error { return c.decide(b) }

// book is a batcher with a ledger.
type book struct {
	memory  *storetest.Memory
	batcher *store.Batcher
	ids     *core.IDs
}

func newBook() *book {
	m := storetest.NewMemory()
	b := &book{memory: m, batcher: store.NewBatcher(m, now, quiet, store.Options{}), ids: core.NewIDs(now, 1)}
	b.batcher.Start()
	return b
}

func (b *book) do(c store.Command) error { return b.batcher.Do(context.Background(), c) }

func (b *book) balance(p Payer, k Kind) core.Credits {
	return b.memory.Rows().Accounts[Account(p.Owner, p.Pool, k)].Balance
}

// holding is a reservation under way.
type holding struct {
	payer  Payer
	amount core.Credits
	ref    int64
}

// TestLedger: whatever is topped up, corrected, reserved, settled, refunded and
// given back, every balance is what its transfers say, all sum to zero, and
// nobody is overdrawn.
func TestLedger(tb *testing.T) {
	payers := []Payer{PayerOf(1, 2, false, core.PoolGeneral), PayerOf(1, 2, false, core.PoolVoice), PayerOf(1, 3, true, core.PoolGeneral), PayerOf(2, 9, false, core.PoolGeneral)}
	rapid.Check(tb, func(t *rapid.T) {
		b := newBook()
		defer b.batcher.Stop()
		type money struct{ available, held, revenue, funding core.Credits }
		want := map[Payer]*money{}
		for _, p := range payers {
			want[p] = &money{}
		}
		var held, settled []holding
		ref := int64(0)
		payer := func(t *rapid.T) Payer { return rapid.SampledFrom(payers).Draw(t, "payer") }
		take := func(t *rapid.T, from *[]holding) holding {
			if len(*from) == 0 {
				t.Skip("nothing there")
			}
			i := rapid.IntRange(0, len(*from)-1).Draw(t, "which")
			h := (*from)[i]
			*from = append((*from)[:i:i], (*from)[i+1:]...)
			return h
		}
		must := func(t *rapid.T, p Payer, f func(batch *store.Batch)) {
			if err := b.do(&step{p, func(batch *store.Batch) error { f(batch); return nil }}); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"top up": func(t *rapid.T) {
				p, amount := payer(t), core.Credits(rapid.Int64Range(-50, 100).Draw(t, "amount"))
				c := &TopUp{IDs: b.ids, Payer: p, Amount: amount}
				err := b.do(c)
				switch m := want[p]; {
				case amount == 0:
					wantKind(t, err, core.KindBadField)
				case m.available+amount < 0:
					wantKind(t, err, core.KindInsufficientBalance)
				case err != nil:
					t.Fatal(err)
				default:
					m.available += amount
					m.funding -= amount
					if c.Balance != m.available {
						t.Fatalf("the top-up says %d, want %d", c.Balance, m.available)
					}
				}
			},
			"reserve": func(t *rapid.T) {
				p, amount := payer(t), core.Credits(rapid.Int64Range(0, 30).Draw(t, "amount"))
				ref++
				id := ref
				err := b.do(&step{p, func(batch *store.Batch) error { return Reserve(batch, b.ids, p, amount, id) }})
				if m := want[p]; amount > m.available {
					wantKind(t, err, core.KindInsufficientBalance)
				} else if err != nil {
					t.Fatal(err)
				} else {
					m.available -= amount
					m.held += amount
					held = append(held, holding{p, amount, id})
				}
			},
			"settle": func(t *rapid.T) {
				h := take(t, &held)
				must(t, h.payer, func(batch *store.Batch) { Settle(batch, b.ids, h.payer, h.amount, h.ref) })
				want[h.payer].held -= h.amount
				want[h.payer].revenue += h.amount
				settled = append(settled, h)
			},
			"refund": func(t *rapid.T) {
				h := take(t, &held)
				must(t, h.payer, func(batch *store.Batch) { Refund(batch, b.ids, h.payer, h.amount, h.ref) })
				want[h.payer].held -= h.amount
				want[h.payer].available += h.amount
			},
			"give back": func(t *rapid.T) {
				h := take(t, &settled)
				must(t, h.payer, func(batch *store.Batch) { RefundSettled(batch, b.ids, h.payer, h.amount, h.ref) })
				want[h.payer].revenue -= h.amount
				want[h.payer].available += h.amount
			},
			"settle too much": func(t *rapid.T) {
				p := payer(t)
				err := b.do(&step{p, func(batch *store.Batch) error { Settle(batch, b.ids, p, want[p].held+1, 0); return nil }})
				wantKind(t, err, core.KindInternal)
			},
			"": func(t *rapid.T) {
				checkLedger(t, b.memory.Rows())
				for p, m := range want {
					if got := (money{b.balance(p, Available), b.balance(p, Held), b.balance(p, Revenue), b.balance(p, Funding)}); got != *m {
						t.Fatalf("%+v has %+v, want %+v", p, got, *m)
					}
				}
			},
		})
	})
}

func wantKind(t interface {
	Helper()
	Fatalf(string, ...any)
}, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Fatalf("answer %v, want %s", err, kind)
	}
}

func checkLedger(t *rapid.T, r storetest.Rows) {
	t.Helper()
	var sum core.Credits
	booked := map[store.AccountID]core.Credits{}
	for _, l := range r.Ledger {
		if l.Amount <= 0 {
			t.Fatalf("a transfer of %d", l.Amount)
		}
		booked[l.Debit] -= l.Amount
		booked[l.Credit] += l.Amount
	}
	for id, a := range r.Accounts {
		sum += a.Balance
		if a.Balance != booked[id] {
			t.Fatalf("account %d has %d, its transfers say %d", id, a.Balance, booked[id])
		}
		if kind := Kind(id & 15); a.Balance < 0 && kind != Funding {
			t.Fatalf("account %d is at %d", id, a.Balance)
		}
	}
	if sum != 0 {
		t.Fatalf("all balances sum to %d", sum)
	}
}

func TestReserveRefusesNonsense(t *testing.T) {
	b := newBook()
	defer b.batcher.Stop()
	p := PayerOf(1, 2, false, core.PoolGeneral)
	wantKind(t, b.do(&step{p, func(batch *store.Batch) error { return Reserve(batch, b.ids, p, -1, 1) }}), core.KindInternal)
	if err := b.do(&step{p, func(batch *store.Batch) error { return Reserve(batch, b.ids, p, 0, 1) }}); err != nil {
		t.Error(err) // free of charge, also without an account
	}
	if rows := b.memory.Rows(); len(rows.Ledger)+len(rows.Accounts) != 0 {
		t.Errorf("it left %+v", rows)
	}
}

// TestTopUpBounds: no sum overflows, whatever an operator types.
func TestTopUpBounds(t *testing.T) {
	const most = 1 << 53
	p := PayerOf(1, 2, false, core.PoolGeneral)
	for _, amount := range []core.Credits{0, most + 1, -most - 1, math.MaxInt64, math.MinInt64, math.MinInt64 + 1} {
		b := newBook()
		wantKind(t, b.do(&TopUp{IDs: b.ids, Payer: p, Amount: amount}), core.KindBadField)
		b.batcher.Stop()
	}
	b := newBook()
	defer b.batcher.Stop()
	for turn := range 1 << 62 / most { // spent as fast as it comes
		if err := b.do(&TopUp{IDs: b.ids, Payer: p, Amount: most}); err != nil {
			t.Fatalf("top-up %d: %v", turn, err)
		}
		if turn == 0 {
			wantKind(t, b.do(&TopUp{IDs: b.ids, Payer: p, Amount: 1}), core.KindBadField)
		}
		err := b.do(&step{p, func(batch *store.Batch) error {
			if err := Reserve(batch, b.ids, p, most, 1); err != nil {
				return err
			}
			Settle(batch, b.ids, p, most, 1)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, b.do(&TopUp{IDs: b.ids, Payer: p, Amount: 1}), core.KindBadField)
}

// TestTopUpOnce: the same top-up, run again because its answer was lost, is
// made once.
func TestTopUpOnce(t *testing.T) {
	b := newBook()
	defer b.batcher.Stop()
	p := PayerOf(1, 2, false, core.PoolGeneral)
	id := core.LedgerID(b.ids.Next())
	for turn := range 3 {
		c := &TopUp{IDs: b.ids, ID: id, Payer: p, Amount: 10}
		if err := b.do(c); err != nil || c.Balance != 10 || c.Repeated != (turn > 0) {
			t.Fatalf("turn %d: %+v, %v", turn, c, err)
		}
	}
}

// TestAccountsAreDistinct: no two owners, pools and kinds share an account, and
// the low four bits are the kind, which the engines check.
func TestAccountsAreDistinct(t *testing.T) {
	seen := map[store.AccountID]bool{}
	for _, o := range []Owner{OwnerApp(1), OwnerApp(2), OwnerApp(math.MaxUint32), OwnerTenant(1), OwnerTenant(2), OwnerTenant(math.MaxUint32)} {
		for pool := core.PoolGeneral; pool <= core.PoolMarket; pool++ {
			for kind := Available; kind <= Funding; kind++ {
				id := Account(o, pool, kind)
				if seen[id] || id <= 0 || Kind(id&15) != kind {
					t.Errorf("account %d of %d %s %d", id, o, pool, kind)
				}
				seen[id] = true
			}
		}
	}
}

// TestLastCreditUnderRace: of 200 who spend the last credit at once exactly one
// can, on disk, whichever commits they share (contracts/README.md §7).
func TestLastCreditUnderRace(t *testing.T) {
	for _, batch := range []int{1, 7, 512} {
		engine, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = engine.Close() })
		if err := engine.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		batcher := store.NewBatcher(engine, now, quiet, store.Options{MaxBatch: batch})
		batcher.Start()
		t.Cleanup(batcher.Stop)
		ids, p := core.NewIDs(now, 1), PayerOf(1, 2, false, core.PoolGeneral)
		if err := batcher.Do(t.Context(), &TopUp{IDs: ids, Payer: p, Amount: 1}); err != nil {
			t.Fatal(err)
		}
		const racers = 200
		var passed, refused atomic.Int64
		var all sync.WaitGroup
		release := make(chan struct{})
		for i := range int64(racers) {
			all.Go(func() {
				<-release
				err := batcher.Do(context.Background(), &step{p, func(b *store.Batch) error { return Reserve(b, ids, p, 1, i+1) }})
				switch {
				case err == nil:
					passed.Add(1)
				case core.KindOf(err) == core.KindInsufficientBalance:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		close(release)
		all.Wait()
		if passed.Load() != 1 || refused.Load() != racers-1 {
			t.Errorf("batches of %d: %d passed, %d were refused", batch, passed.Load(), refused.Load())
		}
		var sum, held int64
		err = engine.View(t.Context(), func(q store.SQL) error {
			return q.Query(t.Context(), "SELECT SUM(balance), SUM(CASE WHEN id & 15 = 2 THEN balance ELSE 0 END) FROM account",
				func(r store.Scanner) error { return r.Scan(&sum, &held) })
		})
		if err != nil || sum != 0 || held != 1 {
			t.Errorf("sum %d, held %d, %v", sum, held, err)
		}
	}
}
