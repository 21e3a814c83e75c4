package sqlite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// powerLoss keeps what a disk would have after the power failed: the files as
// they were at the last sync.
type powerLoss struct {
	t      *testing.T
	folder string
	disk   string
	syncs  atomic.Int64
}

func (p *powerLoss) sync(f *os.File) error {
	if err := syncData(f); err != nil {
		return err
	}
	for _, name := range []string{databaseFile, databaseFile + "-wal"} {
		copyFile(p.t, filepath.Join(p.folder, name), filepath.Join(p.disk, name))
	}
	p.syncs.Add(1)
	return nil
}

func copyFile(t *testing.T, from, to string) {
	in, err := os.Open(from)
	if err != nil {
		t.Error(err)
		return
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Error(err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}

// What was answered, and what a view showed, is there after the power failed.
func TestPowerLossAfterEveryAnswer(t *testing.T) {
	o := testOptions(t.TempDir())
	e := openMigrated(t, o)
	p := &powerLoss{t: t, folder: o.Folder, disk: t.TempDir()}
	e.durable.sync = p.sync
	b := startBatcher(t, e)
	expect := func(after string, n int64) {
		t.Helper()
		disk := t.TempDir()
		for _, name := range []string{databaseFile, databaseFile + "-wal"} {
			copyFile(t, filepath.Join(p.disk, name), filepath.Join(disk, name))
		}
		lost, err := Open(context.Background(), testOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		defer lost.Close()
		if got := countMessages(t, lost); got != n {
			t.Errorf("after %s the disk has %d messages, want %d", after, got, n)
		}
	}
	for n := range int64(3) {
		if err := b.Do(context.Background(), message(n+1)); err != nil {
			t.Fatal(err)
		}
		expect("a batch", n+1)
	}
	if err := e.Update(context.Background(), func(q store.SQL) error {
		_, err := q.Exec(context.Background(), "DELETE FROM message WHERE id = $1", int64(1))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	expect("an update", 2)
	before := p.syncs.Load()
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) { b.Messages.Put(9, store.Message{ID: 9}) })
	if p.syncs.Load() != before {
		t.Error("a commit waited for the disk by itself")
	}
	if n := countMessages(t, e); n != 3 {
		t.Errorf("a view shows %d messages, want 3", n)
	}
	expect("a view", 3)
	countMessages(t, e)
	if p.syncs.Load() != before+1 {
		t.Errorf("%d syncs for one commit and two views", p.syncs.Load()-before)
	}
}

func countMessages(t *testing.T, e *Engine) (n int64) {
	t.Helper()
	if err := e.View(context.Background(), func(q store.SQL) error {
		return q.Query(context.Background(), "SELECT count(*) FROM message", func(row store.Scanner) error { return row.Scan(&n) })
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// A disk that failed to sync once is not believed again.
func TestFailedSyncIsForEver(t *testing.T) {
	e := openMigrated(t, testOptions(t.TempDir()))
	b := startBatcher(t, e)
	if err := b.Do(context.Background(), message(1)); err != nil {
		t.Fatal(err)
	}
	e.durable.sync = func(*os.File) error { return syscall.EIO }
	if err := b.Do(context.Background(), message(2)); !errors.Is(err, ErrNotSynced) || core.KindOf(err) != core.KindInternal || errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("the command whose sync failed: %v", err)
	}
	e.durable.sync = syncData
	if err := b.Do(context.Background(), message(3)); !errors.Is(err, ErrNotSynced) || !errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("the next command: %v", err)
	}
	none := func(store.SQL) error { return errors.New("must not run") }
	if err := e.Update(context.Background(), none); !errors.Is(err, ErrNotSynced) || !strings.Contains(err.Error(), "check the disk") {
		t.Errorf("an update: %v", err)
	}
	if err := e.View(context.Background(), func(store.SQL) error { return nil }); !errors.Is(err, ErrNotSynced) {
		t.Errorf("a view: %v", err)
	}
	e.durable.broken.Store(nil) // so that the test's end may close it
}
