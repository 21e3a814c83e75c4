package postgres

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// server is the server of this package's tests.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	if url := os.Getenv(secondNodeEnv); url != "" {
		os.Exit(secondNode(url))
	}
	flag.Parse()
	fsync := flag.Lookup("test.bench").Value.String() != "" // benchmarks pay for the disk
	os.Exit(postgrestest.Main(m, postgrestest.Options{Fsync: fsync}, func(s *postgrestest.Server) { server = s }))
}

func testOptions(url string) Options {
	return Options{URL: url, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Timeout: 10 * time.Second, ConnectTimeout: longest} // a loaded machine is no reason to fail
}

// empty makes an empty database and gives options for it.
func empty(t testing.TB) Options {
	t.Helper()
	return testOptions(server.URL(server.Database(t, "")))
}

// openMigrated opens a database, migrates it and closes it with the test.
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
	if err := tryCommit(e, want, change); err != nil {
		t.Fatal(err)
	}
}

func tryCommit(e store.Engine, want, change func(*store.Batch)) error {
	ctx := context.Background()
	tx, err := e.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(store.At(time.Now()))
	want(&b)
	if err := tx.Load(ctx, &b); err != nil {
		return err
	}
	change(&b)
	if err := tx.Write(ctx, &b); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
