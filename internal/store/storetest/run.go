package storetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Fresh makes an empty database and returns what opens it, with its schema. A
// second call, after Close, opens the same database again. What it makes goes
// with the test.
type Fresh func(t *testing.T) (open func() store.Engine)

// Run runs the suite; every part gets databases of its own.
func Run(t *testing.T, fresh Fresh) {
	for _, part := range []struct {
		name string
		test func(*testing.T, Fresh)
	}{
		{"rows", testRows},
		{"finders", testFinders},
		{"constraints", testConstraints},
		{"batches", testBatches},
		{"lifecycle", testLifecycle},
		{"races", testRaces},
		{"SingleUse", SingleUse},
		{"faults", testFaults},
		{"model", testModel},
		{"sql", testSQL},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, fresh) })
	}
}

// clock is an instant that no engine may round: it has nanoseconds.
func clock() time.Time { return time.Unix(1_790_000_000, 123_456_789) }

var quiet = slog.New(slog.DiscardHandler)

// start runs a batcher until the test ends.
func start(t *testing.T, e store.Engine, o store.Options) *store.Batcher {
	t.Helper()
	b := store.NewBatcher(e, clock, quiet, o)
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// opened opens a fresh database and closes it with the test.
func opened(t *testing.T, fresh Fresh) store.Engine {
	t.Helper()
	e := fresh(t)()
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// command is a store.Command of two functions.
type command struct {
	want   func(*store.Batch)
	decide func(*store.Batch) error
}

func (c *command) Want(b *store.Batch) {
	if c.want != nil {
		c.want(b)
	}
}

func (c *command) Decide(b *store.Batch) error { return c.decide(b) }

// put is a command that only writes.
func put(write func(*store.Batch)) *command {
	return &command{decide: func(b *store.Batch) error { write(b); return nil }}
}

// do runs a command that must succeed.
func do(t *testing.T, b *store.Batcher, c store.Command) {
	t.Helper()
	if err := b.Do(context.Background(), c); err != nil {
		t.Errorf("the command failed: %v", err)
	}
}

// load reads rows through the batch port.
func load(t *testing.T, e store.Engine, want func(*store.Batch), look func(*store.Batch)) {
	t.Helper()
	ctx := context.Background()
	tx, err := e.Begin(ctx)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(store.At(clock()))
	want(&b)
	if err := tx.Load(ctx, &b); err != nil {
		t.Fatalf("load: %v", err)
	}
	if b.Waits() {
		t.Error("the engine did not call LoadDone")
	}
	look(&b)
}

// write commits rows through the batch port, after loading what want names.
func write(t *testing.T, e store.Engine, want, change func(*store.Batch)) {
	t.Helper()
	if err := tryWrite(e, want, change); err != nil {
		t.Fatal(err)
	}
}

func tryWrite(e store.Engine, want, change func(*store.Batch)) error {
	ctx := context.Background()
	tx, err := e.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(store.At(clock()))
	if want != nil {
		want(&b)
		if err := tx.Load(ctx, &b); err != nil {
			return err
		}
	}
	change(&b)
	if err := tx.Write(ctx, &b); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// index is a blind index value made of one byte.
func index(n byte) (v core.IndexValue) {
	v[0], v[15] = n, n
	return v
}
