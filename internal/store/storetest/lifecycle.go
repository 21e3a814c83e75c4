package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func testLifecycle(t *testing.T, fresh Fresh) {
	t.Run("a restart sees everything", func(t *testing.T) { testRestart(t, fresh) })
	t.Run("the highest id", func(t *testing.T) { testHighest(t, fresh) })
	t.Run("a full queue sheds", func(t *testing.T) { testShed(t, fresh) })
	t.Run("stop drains", func(t *testing.T) { testDrain(t, fresh) })
	t.Run("a transaction that has ended", func(t *testing.T) { testEnded(t, fresh) })
	t.Run("a closed engine", func(t *testing.T) { testClosed(t, fresh) })
	t.Run("a caller that went away", func(t *testing.T) { testGone(t, fresh) })
}

func testRestart(t *testing.T, fresh Fresh) {
	open := fresh(t)
	e := open()
	b := store.NewBatcher(e, clock, quiet, store.Options{})
	b.Start()
	do(t, b, put(func(b *store.Batch) { everyKind(b, 1) }))
	do(t, b, &transfer{id: 100, from: funding, to: available, amount: 3})
	b.Stop()
	before := countRows(t, e)
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	e = open()
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	if diff := cmp.Diff(before, countRows(t, e)); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff([]core.Credits{3, -3}, balances(t, e, available, funding)); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
}

func testHighest(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	expect := func(want int64) {
		t.Helper()
		if got, err := e.Highest(context.Background()); err != nil || got != want {
			t.Errorf("Highest = %d, %v, want %d", got, err, want)
		}
	}
	expect(0)
	for i, change := range []func(b *store.Batch, id int64){
		func(b *store.Batch, id int64) { b.PutVerification(store.Verification{ID: core.VerificationID(id)}) },
		func(b *store.Batch, id int64) { b.PutFailure(store.Failure{ID: core.FailureID(id)}) },
		func(b *store.Batch, id int64) { b.PutUser(store.User{ID: core.UserID(id)}) },
		func(b *store.Batch, id int64) {
			b.Ledger.Put(core.LedgerID(id), store.Ledger{ID: core.LedgerID(id), Amount: 1})
		},
		func(b *store.Batch, id int64) {
			b.Messages.Put(core.MessageID(id), store.Message{ID: core.MessageID(id)})
		},
	} {
		id := int64(1)<<50 + int64(i)
		write(t, e, nil, func(b *store.Batch) { change(b, id) })
		expect(id)
	}
}

func testShed(t *testing.T, fresh Fresh) {
	const queue = 4
	g := NewGate(opened(t, fresh))
	b := start(t, g, store.Options{Queue: queue})
	answers := make(chan error)
	send := func(n int64) {
		go func() {
			answers <- b.Do(context.Background(), &transfer{id: core.LedgerID(n), from: funding, to: available, amount: 1})
		}()
	}
	send(1)
	g.Arrive() // one is in the batch, the queue is empty
	for n := range int64(queue) {
		send(2 + n)
	}
	waitUntil(t, func() bool { return b.Stats().Waiting == queue })
	for range 3 {
		err := b.Do(context.Background(), &transfer{id: 99, from: funding, to: available, amount: 1})
		if !isKind(err, core.KindOverloaded) {
			t.Fatalf("a full queue answered %v, want KindOverloaded", err)
		}
	}
	g.Pass()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1 + queue {
			if err := <-answers; err != nil {
				t.Errorf("a command that was queued: %v", err)
			}
		}
	}()
	g.passAll(done)
	if got := balances(t, g.Engine, available); got[0] != 1+queue {
		t.Errorf("balance %d, want %d", got[0], 1+queue)
	}
	if got := b.Stats().Shed; got != 3 {
		t.Errorf("shed %d, want 3", got)
	}
}

func testDrain(t *testing.T, fresh Fresh) {
	const waiting = 10
	g := NewGate(opened(t, fresh))
	b := store.NewBatcher(g, clock, quiet, store.Options{MaxBatch: 3})
	b.Start()
	answers := make(chan error)
	for n := range int64(1 + waiting) {
		go func() {
			answers <- b.Do(context.Background(), &transfer{id: core.LedgerID(1 + n), from: funding, to: available, amount: 1})
		}()
		if n == 0 {
			g.Arrive()
		}
	}
	waitUntil(t, func() bool { return b.Stats().Waiting == waiting })
	stopped := make(chan struct{})
	go func() { defer close(stopped); b.Stop() }()
	gone, cancel := context.WithCancel(context.Background())
	cancel() // does not wait when it is still taken in
	waitUntil(t, func() bool { return isKind(b.Do(gone, nothing{}), core.KindOverloaded) })
	g.Pass()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1 + waiting {
			if err := <-answers; err != nil {
				t.Errorf("a command that was accepted: %v", err)
			}
		}
		<-stopped
	}()
	g.passAll(done)
	b.Stop() // a second time
	if got := balances(t, g.Engine, available); got[0] != 1+waiting {
		t.Errorf("balance %d, want %d", got[0], 1+waiting)
	}
}

// testEnded ends a transaction a second time, while another one is under way.
func testEnded(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	ctx := context.Background()
	begin := func() (store.Tx, *store.Batch) {
		tx, err := e.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		b.Begin(store.At(clock()))
		return tx, &b
	}
	commit := func(tx store.Tx, b *store.Batch, n int64) {
		everyKind(b, n)
		if err := tx.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	first, b := begin()
	commit(first, b, 1)
	second, b := begin()
	first.Rollback()
	if err := first.Commit(ctx); err == nil {
		t.Error("a transaction was committed twice")
	}
	commit(second, b, 2)
	second.Rollback()
	expectRows(t, e, 2)
}

func testClosed(t *testing.T, fresh Fresh) {
	e := fresh(t)()
	b := start(t, e, store.Options{})
	do(t, b, put(func(b *store.Batch) { everyKind(b, 1) }))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Do(context.Background(), put(func(b *store.Batch) { everyKind(b, 2) })); !isKind(err, core.KindInternal) {
		t.Errorf("a command on a closed engine: %v", err)
	}
	none := func(store.SQL) error { return errors.New("must not run") }
	if err := e.View(context.Background(), none); err == nil {
		t.Error("a view of a closed engine")
	}
	if err := e.Update(context.Background(), none); err == nil {
		t.Error("an update of a closed engine")
	}
}

func testGone(t *testing.T, fresh Fresh) {
	g := NewGate(opened(t, fresh))
	b := start(t, g, store.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	answer := make(chan error)
	go func() { answer <- b.Do(ctx, &transfer{id: 1, from: funding, to: available, amount: 1}) }()
	g.Arrive()
	cancel()
	if err := <-answer; !isKind(err, core.KindInternal) || !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went away got %v", err)
	}
	g.Pass()
	// Its command ran all the same, and its answer reaches nobody else.
	for n := range core.LedgerID(20) {
		if errs := g.Together(t, b, &transfer{id: 2 + n, from: available, to: other, amount: 2}); !isKind(errs[0], core.KindInsufficientBalance) {
			t.Errorf("another caller got %v", errs[0])
		}
	}
	if got := balances(t, g.Engine, available); got[0] != 1 {
		t.Errorf("balance %d, want 1", got[0])
	}
}
