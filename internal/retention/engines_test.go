package retention

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/sqlite"
)

var (
	ctx   = context.Background()
	quiet = slog.New(slog.DiscardHandler)
	keep  = Keep{Verifications: 30 * day, Messages: 90 * day, Receipts: 7 * day, Audit: 200 * day, Logins: 190 * day}
)

const day = 24 * time.Hour

// server is the PostgreSQL server of this package's tests.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

// onBoth runs a test on an empty database of either engine, where rows go one
// by one: how partitions go is tested with the engine that has them.
func onBoth(t *testing.T, test func(*testing.T, store.Engine)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite(t)) })
	t.Run("postgres", func(t *testing.T) {
		e, err := postgres.Open(ctx, postgres.Options{URL: server.URL(server.Database(t, "")), Now: time.Now, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		test(t, migrated(t, e))
	})
}

func openSQLite(t *testing.T) store.Engine {
	e, err := sqlite.Open(ctx, sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return migrated(t, e)
}

func migrated(t *testing.T, e interface {
	store.Engine
	Migrate(context.Context) error
}) store.Engine {
	t.Helper()
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
func put(t testing.TB, e store.Engine, change func(*store.Batch)) {
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

func count(t testing.TB, e Database, table string) (n int64) {
	t.Helper()
	err := e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, "SELECT COUNT(*) FROM "+table, func(r store.Scanner) error { return r.Scan(&n) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ids lists the ids of a table, or with another column that one.
func ids(t testing.TB, e Database, table, column string) (all []int64) {
	t.Helper()
	err := e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, "SELECT "+column+" FROM "+table+" ORDER BY 1", func(r store.Scanner) error {
			var id int64
			err := r.Scan(&id)
			all = append(all, id)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// wipe empties the tables that fill fills.
func wipe(t testing.TB, e store.Engine) {
	t.Helper()
	err := e.Update(ctx, func(q store.SQL) error {
		for _, table := range []string{"verification", "message", "receipt_ref"} {
			if _, err := q.Exec(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// clock is set by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// watched is a database whose transactions a test sees and may spoil. It hides
// that the engine can cut tables.
type watched struct {
	engine store.Engine

	before func() error     // of an Update; its error is that of the Update, which did nothing
	after  func() error     // of one that is committed
	view   func()           // before a View
	rows   func(rows int64) // of each statement of an Update
}

var errFault = errors.New("the test wants it so")

func (w *watched) View(ctx context.Context, f func(store.SQL) error) error {
	if w.view != nil {
		w.view()
	}
	return w.engine.View(ctx, f)
}

func (w *watched) Update(ctx context.Context, f func(store.SQL) error) error {
	if w.before != nil {
		if err := w.before(); err != nil {
			return err
		}
	}
	if err := w.engine.Update(ctx, func(q store.SQL) error { return f(counted{q, w.rows}) }); err != nil {
		return err
	}
	if w.after != nil {
		return w.after()
	}
	return nil
}

// counted tells how many rows each statement changed.
type counted struct {
	store.SQL
	rows func(int64)
}

func (c counted) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	n, err := c.SQL.Exec(ctx, sql, args...)
	if c.rows != nil {
		c.rows(n)
	}
	return n, err
}

func service(database Database, now func() time.Time, rows int) *Service {
	return New(Options{Database: database, Keep: keep, Journal: func() time.Duration { return day }, Now: now, Log: quiet, Rows: rows})
}

// made is an id of an instant.
func made(at time.Time) int64 { return core.IDAt(at) }
