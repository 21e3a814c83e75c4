package sqlite

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
)

func testOptions(folder string) Options {
	return Options{Folder: folder, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// openMigrated opens a folder, migrates it and closes it with the test.
func openMigrated(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e
}

// commit writes what change puts into a batch.
func commit(t testing.TB, e store.Engine, want, change func(*store.Batch)) {
	t.Helper()
	ctx := context.Background()
	tx, err := e.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(store.At(time.Now()))
	want(&b)
	if err := tx.Load(ctx, &b); err != nil {
		t.Fatal(err)
	}
	change(&b)
	if err := tx.Write(ctx, &b); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	folder := t.TempDir()
	e := openMigrated(t, testOptions(folder))
	e.Start()
	user := store.User{ID: 7, Tenant: 1, Phone: []byte{1, 2}, LastLogin: 5}
	user.Index.A[3] = 9
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) { b.PutUser(user) })
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openMigrated(t, testOptions(folder))
	key := store.UserKey{Tenant: 1, Index: user.Index.A}
	commit(t, e, func(b *store.Batch) { b.UserOf.Want(key) }, func(b *store.Batch) {
		got, ok := b.User(key)
		if !ok || got.ID != 7 || got.LastLogin != 5 {
			t.Errorf("got %+v, %v", got, ok)
		}
		got.LastLogin = 6
		b.PutUser(got)
	})
	if highest, err := e.Highest(context.Background()); err != nil || highest != 7 {
		t.Errorf("Highest = %d, %v", highest, err)
	}
}
