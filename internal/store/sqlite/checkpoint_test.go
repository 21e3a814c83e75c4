package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func walSize(t *testing.T, folder string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(folder, databaseFile+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// writeMessages commits n messages of 4 KiB, one a batch, with ids from first.
func writeMessages(t *testing.T, e *Engine, first, n int) {
	t.Helper()
	for i := range n {
		id := core.MessageID(first + i)
		commit(t, e, func(*store.Batch) {}, func(b *store.Batch) {
			b.Messages.Put(id, store.Message{ID: id, Body: make([]byte, 4096)})
		})
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWALIsBounded(t *testing.T) {
	const limit = 1 << 20
	o := testOptions(t.TempDir())
	o.WALLimit, o.Checkpoint = limit, time.Millisecond
	e := openMigrated(t, o)
	e.Start()
	var largest int64
	for i := range 20 {
		writeMessages(t, e, 1+100*i, 100) // about 1 MiB
		largest = max(largest, walSize(t, o.Folder))
	}
	if largest > 4*limit {
		t.Errorf("the WAL grew to %d bytes, the limit is %d", largest, limit)
	}
}

// TestWALWaitsForReaders: a view keeps its state and holds no batch back; when
// it ends, the WAL is started anew.
func TestWALWaitsForReaders(t *testing.T) {
	const limit = 256 << 10
	ctx := context.Background()
	o := testOptions(t.TempDir())
	o.WALLimit = limit
	e := openMigrated(t, o)
	writeMessages(t, e, 1, 1)
	count := func(sql store.SQL) (n int64) {
		t.Helper()
		if err := sql.Query(ctx, "SELECT count(*) FROM message", func(row store.Scanner) error { return row.Scan(&n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	err := e.View(ctx, func(sql store.SQL) error {
		before := count(sql)
		writeMessages(t, e, 2, 200)
		if err := e.checkpoints.checkpoint(); err != nil {
			t.Error(err)
		}
		writeMessages(t, e, 202, 1)
		if after := count(sql); after != before {
			t.Errorf("a view saw %d rows, then %d", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	grown := walSize(t, o.Folder)
	if grown <= limit {
		t.Fatalf("the WAL has %d bytes, too few for this test", grown)
	}
	if err := e.checkpoints.checkpoint(); err != nil {
		t.Fatal(err)
	}
	writeMessages(t, e, 203, 1)
	if size := walSize(t, o.Folder); size > limit {
		t.Errorf("the WAL still has %d bytes, the limit is %d", size, limit)
	}
	if e.checkpoints.seen == e.durable.visible.Load() {
		t.Error("nothing is left to do, although a batch came after")
	}
}

func TestCheckpointsStartStop(t *testing.T) {
	defer goleak.VerifyNone(t)
	o := testOptions(t.TempDir())
	o.Checkpoint = time.Millisecond
	for _, started := range []bool{true, false} {
		e, err := Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		if started {
			e.Start()
			e.Start()
		}
		writeMessages(t, e, 1, 2)
		e.Stop()
		e.Stop()
		for range 2 {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(o.Folder); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIdleCheckpointsDoNothing(t *testing.T) {
	o := testOptions(t.TempDir())
	e := openMigrated(t, o)
	writeMessages(t, e, 1, 3)
	for range 3 {
		if err := e.checkpoints.checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	if e.checkpoints.seen != e.durable.visible.Load() {
		t.Errorf("%d of %d commits were moved", e.checkpoints.seen, e.durable.visible.Load())
	}
}
