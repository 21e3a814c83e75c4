package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Accounts that the tests move credits between; the kind is in the low bits.
const (
	spendable store.AccountID = 5<<4 | 1
	earned    store.AccountID = 5<<4 | 3
)

// spend moves amount from what can be spent to what was earned.
func spend(id int64, amount core.Credits) store.Command {
	return command{want: func(b *store.Batch) { b.Accounts.Want(spendable); b.Accounts.Want(earned) }, decide: func(b *store.Batch) error {
		from, _ := b.Accounts.Get(spendable)
		if from.Balance < amount {
			return core.E(core.KindInsufficientBalance, "")
		}
		to, _ := b.Accounts.Get(earned)
		from.ID, to.ID = spendable, earned
		from.Balance -= amount
		to.Balance += amount
		b.Accounts.Put(spendable, from)
		b.Accounts.Put(earned, to)
		b.Ledger.Put(core.LedgerID(id), store.Ledger{ID: core.LedgerID(id), Debit: spendable, Credit: earned, Amount: amount})
		return nil
	}}
}

// Several nodes spend the last credits of one account at once. Each reads the
// balance without a lock; none is spent twice, and whoever comes too late is
// refused, not failed.
func TestLastCreditsOverNodes(t *testing.T) {
	all := nodes(t, 3, 4)
	const coins, workers, tries = 100, 50, 4
	commit(t, all[0].engine, func(*store.Batch) {}, func(b *store.Batch) {
		b.Accounts.Put(spendable, store.Account{ID: spendable, Balance: coins})
	})
	var ids, spent, refused atomic.Int64
	onAll(all, workers, func(n *node, _, _ int) {
		for range tries {
			switch err := n.batcher.Do(context.Background(), spend(ids.Add(1), 1)); {
			case err == nil:
				spent.Add(1)
			case core.KindOf(err) == core.KindInsufficientBalance:
				refused.Add(1)
			default:
				t.Error(err)
			}
		}
	})
	if spent.Load() != coins || refused.Load() != 3*workers*tries-coins {
		t.Errorf("%d spent and %d refused, want %d and %d", spent.Load(), refused.Load(), coins, 3*workers*tries-coins)
	}
	got := rows(t, all[0].engine, "SELECT balance, (SELECT count(*) FROM ledger) FROM account ORDER BY id", 2)
	if want := "[[0 100] [100 100]]"; fmt.Sprint(got) != want {
		t.Errorf("balances and entries %v, want %s", got, want)
	}
}

// A balance that another node has changed since it was read keeps that change.
func TestAccountKeepsBothChanges(t *testing.T) {
	all := nodes(t, 2, 4)
	ctx := context.Background()
	commit(t, all[0].engine, func(*store.Batch) {}, func(b *store.Batch) {
		b.Accounts.Put(spendable, store.Account{ID: spendable, Balance: 10})
		b.Accounts.Put(earned, store.Account{ID: earned})
	})
	// The first reads; the second reads, writes and commits; then the first writes.
	begin := func(n *node) (store.Tx, *store.Batch) {
		tx, err := n.engine.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		b.Begin(1)
		b.Accounts.Want(spendable)
		b.Accounts.Want(earned)
		if err := tx.Load(ctx, &b); err != nil {
			t.Fatal(err)
		}
		return tx, &b
	}
	end := func(tx store.Tx, b *store.Batch, id int64, amount core.Credits) error {
		if err := spend(id, amount).Decide(b); err != nil {
			t.Fatal(err)
		}
		if err := tx.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		err := tx.Commit(ctx)
		tx.Rollback()
		return err
	}
	first, mine := begin(all[0])
	second, theirs := begin(all[1])
	if err := end(second, theirs, 1, 3); err != nil {
		t.Fatal(err)
	}
	if err := end(first, mine, 2, 4); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, all[0].engine, "SELECT balance FROM account ORDER BY id", 1); fmt.Sprint(got) != "[[3] [7]]" {
		t.Errorf("balances %v, want 3 and 7", got)
	}
	// What is not there any more is not given: the batch is to be run again.
	first, mine = begin(all[0])
	second, theirs = begin(all[1])
	if err := end(second, theirs, 3, 2); err != nil {
		t.Fatal(err)
	}
	if err := end(first, mine, 4, 2); !errors.Is(err, store.ErrAgain) || !errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("2 of 1 left: %v, want ErrAgain and ErrNotCommitted", err)
	}
	if got := rows(t, all[0].engine, "SELECT balance FROM account ORDER BY id", 1); fmt.Sprint(got) != "[[1] [9]]" {
		t.Errorf("balances %v, want 1 and 9", got)
	}
}
