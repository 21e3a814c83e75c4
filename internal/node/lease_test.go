package node

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/storetest"
)

// cluster is the PostgreSQL server of this package's tests.
var cluster *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { cluster = s }))
}

func open(t *testing.T) *storetest.Faulty {
	t.Helper()
	e, err := postgres.Open(t.Context(), postgres.Options{URL: cluster.URL(cluster.Database(t, "")), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	must(t, e.Migrate(t.Context()))
	return &storetest.Faulty{Engine: e}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// options are those of a server whose signs of life are quick.
func options(t *testing.T, db Database, folder string) Options {
	return Options{Database: db, Number: 7, Folder: folder, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Lost: func(err error) { t.Errorf("lost: %v", err) }, Every: 40 * time.Millisecond, Life: 30 * time.Second}
}

func claim(t *testing.T, o Options) *Lease {
	t.Helper()
	l, err := Claim(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { must(t, l.Stop(context.Background())) })
	return l
}

// refused claims a number that another server has.
func refused(t *testing.T, o Options, says string) {
	t.Helper()
	l, err := Claim(t.Context(), o)
	if err == nil {
		t.Fatal("it has the number", l.Stop(context.Background()))
	}
	if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %q", err)
	}
}

// The second server with a number is refused while the first one is alive, and
// has it when that one has stopped.
func TestSecondServer(t *testing.T) {
	db := open(t)
	first := claim(t, options(t, db, t.TempDir()))
	first.Start()
	other := options(t, db, t.TempDir())
	refused(t, other, "node number 7 is in use by another server of this database: give each server a store.node of its own")
	refused(t, first.o, "node number 7 is in use by another server with the same data folder ")
	same := options(t, db, first.o.Folder)
	same.Number = 8 // another number is fine, in any folder
	claim(t, same).Start()
	must(t, first.Stop(context.Background()))
	claim(t, other)
}

// A server that was killed leaves its row: its own data folder has the number
// at once, another one when the row has not changed for a while.
func TestAfterACrash(t *testing.T) {
	db := open(t)
	crashed := claim(t, options(t, db, t.TempDir()))
	must(t, crashed.lock.Close()) // as the end of the process does
	again := claim(t, options(t, db, crashed.o.Folder))
	if again.mine.Holder != crashed.mine.Holder || again.mine.Run == crashed.mine.Run {
		t.Errorf("%+v after %+v", again.mine, crashed.mine)
	}
	if err := crashed.beat(t.Context()); !errors.Is(err, ErrLost) {
		t.Errorf("the first one: %v", err)
	}
	other := options(t, db, t.TempDir())
	other.Every, other.Life = 4*time.Millisecond, 100*time.Millisecond
	db.Inject(storetest.FailCommitLost)
	claim(t, other)
	crashed.stopped = true // its lock is closed
}

// A server whose number was taken over ends.
func TestLost(t *testing.T) {
	db := open(t)
	o := options(t, db, t.TempDir())
	lost := make(chan error, 1)
	o.Lost = func(err error) { lost <- err }
	l := claim(t, o)
	must(t, db.Update(t.Context(), func(q store.SQL) error { return write(t.Context(), q, 7, row{Holder: "h", Run: "r", Beat: 1}) }))
	l.Start()
	select {
	case err := <-lost:
		if !errors.Is(err, ErrLost) || err.Error() != "node number 7 was taken over by another server" {
			t.Errorf("the error is %q", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody was told")
	}
	must(t, l.Stop(context.Background()))
	must(t, db.View(t.Context(), func(q store.SQL) error {
		found, err := read(t.Context(), q, 7)
		if found.Holder != "h" {
			t.Errorf("the other's row is %+v", found)
		}
		return err
	}))
}

// While the database fails nobody's lease lapses, and none is lost.
func TestDatabaseAway(t *testing.T) {
	db := open(t)
	first := claim(t, options(t, db, t.TempDir()))
	db.Inject(storetest.FailBegin, storetest.FailCommit, storetest.FailCommitLost, storetest.FailCommitKept)
	first.Start()
	other := options(t, db, t.TempDir())
	refused(t, other, "is in use by another server")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Claim(gone, other); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestStopTwice(t *testing.T) {
	db := open(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := claim(t, options(t, db, t.TempDir()))
	l.Start()
	must(t, l.Stop(context.Background()))
	must(t, l.Stop(context.Background()))
	l.Start()
	never := claim(t, options(t, db, t.TempDir()))
	must(t, never.Stop(context.Background()))
}
