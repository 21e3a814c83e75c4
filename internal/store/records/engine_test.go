package records_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
)

var ctx = context.Background()

// openEngine opens a fresh database until the test ends.
func openEngine(t *testing.T) store.Engine {
	t.Helper()
	e, err := sqlite.Open(ctx, sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return e
}

// put writes rows as a batch does.
func put(t *testing.T, e store.Engine, change func(*store.Batch)) {
	t.Helper()
	tx, err := e.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(1)
	change(&b)
	if err := tx.Write(ctx, &b); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, e store.Engine, f func(store.SQL) error) {
	t.Helper()
	if err := e.Update(ctx, f); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, e store.Engine, f func(store.SQL) error) {
	t.Helper()
	if err := e.View(ctx, f); err != nil {
		t.Fatal(err)
	}
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1_790_000_000, 123_456_789)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
