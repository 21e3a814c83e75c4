package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// message is a command that stores a message of 4 KiB.
type message core.MessageID

func (m message) Want(*store.Batch) {}
func (m message) Decide(b *store.Batch) error {
	b.Messages.Put(core.MessageID(m), store.Message{ID: core.MessageID(m), Body: make([]byte, 4096)})
	return nil
}

// fill runs commands until the disk is full and gives the last id that was
// accepted.
func fill(t *testing.T, b *store.Batcher) (accepted message) {
	t.Helper()
	for id := message(1); ; id++ {
		err := b.Do(context.Background(), id)
		switch {
		case err == nil:
			accepted = id
		case !errors.Is(err, ErrFull) || !errors.Is(err, store.ErrNotCommitted) || core.KindOf(err) != core.KindInternal:
			t.Fatalf("a full disk answered %v", err)
		default:
			return accepted
		}
		if id > 100_000 {
			t.Fatal("the disk does not get full")
		}
	}
}

// goesOn checks that what was accepted is there, that nothing else is, and that
// the store takes commands again.
func goesOn(t *testing.T, e *Engine, b *store.Batcher, accepted, next message) {
	t.Helper()
	if accepted == 0 {
		t.Error("nothing was accepted before the disk was full")
	}
	if err := b.Do(context.Background(), next); err != nil {
		t.Fatalf("there is room again, but: %v", err)
	}
	var n, highest int64
	err := e.View(context.Background(), func(sql store.SQL) error {
		return sql.Query(context.Background(), "SELECT count(*), max(id) FROM message WHERE id <= $1", func(row store.Scanner) error {
			return row.Scan(&n, &highest)
		}, int64(accepted+50))
	})
	if err != nil || n != int64(accepted) || highest != int64(accepted) {
		t.Errorf("%d messages up to %d, want %d; %v", n, highest, accepted, err)
	}
}

func startBatcher(t *testing.T, e *Engine) *store.Batcher {
	t.Helper()
	b := store.NewBatcher(e, time.Now, e.options.Log, store.Options{})
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// TestDatabaseFull fills a database that may not grow: the write fails.
func TestDatabaseFull(t *testing.T) {
	e := openMigrated(t, testOptions(t.TempDir()))
	pages := func(sql string) {
		t.Helper()
		w, err := e.writer.take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer e.writer.put(w)
		if err := execAll(w.Conn, sql); err != nil {
			t.Fatal(err)
		}
	}
	pages("PRAGMA max_page_count = 200")
	b := startBatcher(t, e)
	accepted := fill(t, b)
	if err := e.Update(context.Background(), func(sql store.SQL) error {
		_, err := sql.Exec(context.Background(), "INSERT INTO once (key, value, expires) VALUES ($1, $2, $3)", []byte("k"), make([]byte, 1<<20), int64(1))
		return err
	}); !errors.Is(err, ErrFull) {
		t.Errorf("an update: %v", err)
	}
	pages("PRAGMA max_page_count = 1000000")
	goesOn(t, e, b, accepted, accepted+100)
}
