package backup

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yanma.dev/yanma/internal/backup/backuptest"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/sqlite"
)

// server is the PostgreSQL server of this package's tests.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

var (
	quiet = slog.New(slog.DiscardHandler)
	start = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
)

func now() time.Time { return start }

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// database is one place for a database, on one engine.
type database struct {
	folder string // of SQLite
	url    string // of PostgreSQL
}

// engines makes an empty place on each.
var engines = []struct {
	name string
	make func(t testing.TB) database
}{
	{"sqlite", func(t testing.TB) database { return database{folder: filepath.Join(t.TempDir(), "data")} }},
	{"postgres", func(t testing.TB) database { return database{url: server.URL(server.Database(t, ""))} }},
}

func (d database) sqlite() sqlite.Options {
	return sqlite.Options{Folder: d.folder, Now: now, Log: quiet}
}

func (d database) postgres() postgres.Options {
	return postgres.Options{URL: d.url, Now: now, Log: quiet, Readers: 1}
}

// engine is what a server has open.
type engine interface {
	store.Engine
	Migrate(context.Context) error
}

// open opens the database as a server does; it is closed with the test, if not
// before.
func (d database) open(t testing.TB) engine {
	t.Helper()
	var e engine
	var err error
	if d.url != "" {
		e, err = postgres.Open(t.Context(), d.postgres())
	} else {
		e, err = sqlite.Open(t.Context(), d.sqlite())
	}
	ok(t, err)
	t.Cleanup(func() { _ = e.Close() })
	ok(t, e.Migrate(t.Context()))
	return e
}

// source opens the database as the command line does.
func (d database) source(t testing.TB, alone bool) Source {
	t.Helper()
	if d.url != "" {
		e, err := postgres.Open(t.Context(), d.postgres())
		ok(t, err)
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	r, err := sqlite.OpenReader(t.Context(), d.sqlite(), alone)
	ok(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (d database) target(t testing.TB) Target {
	t.Helper()
	if d.url == "" {
		return sqlite.NewTarget(d.sqlite())
	}
	e, err := postgres.Open(t.Context(), d.postgres())
	ok(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func newRing(t testing.TB) *keyring.Ring {
	t.Helper()
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, start)
	ok(t, err)
	return ring
}

// filled is a database with rows in every table; it is closed.
func filled(t testing.TB, make func(testing.TB) database) (database, *backuptest.World) {
	t.Helper()
	d := make(t)
	e := d.open(t)
	w, err := backuptest.Fill(t.Context(), e, newRing(t), start)
	ok(t, err)
	ok(t, e.Close())
	return d, w
}

// write backs a database up.
func write(t testing.TB, d database, move bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.bak")
	source := d.source(t, move)
	_, _, err := Write(t.Context(), WriteOptions{Source: source, Path: path, Now: start, Program: "v1", Move: move})
	ok(t, err)
	ok(t, source.(interface{ Close() error }).Close())
	return path
}

// restore restores a file into an empty place, a day later.
func restore(t testing.TB, path string, d database, ring *keyring.Ring, move bool) (Report, error) {
	t.Helper()
	f, err := Open(path)
	ok(t, err)
	defer func() { ok(t, f.Close()) }()
	target := d.target(t)
	if e, opened := target.(*postgres.Engine); opened {
		defer func() { ok(t, e.Close()) }()
	}
	return Restore(t.Context(), RestoreOptions{File: f, Target: target, Ring: func() (*keyring.Ring, error) { return ring, nil },
		Now: func() time.Time { return start.Add(time.Hour) }, Node: 1, Move: move})
}

// number asks a database for one.
func number(t testing.TB, e engine, sql string, args ...any) (n int64) {
	t.Helper()
	ok(t, e.View(t.Context(), func(q store.SQL) error {
		return q.Query(t.Context(), sql, func(r store.Scanner) error { return r.Scan(&n) }, args...)
	}))
	return n
}

// pairs runs a test from each engine to the other.
func pairs(t *testing.T, f func(t *testing.T, from, to func(testing.TB) database)) {
	for i, from := range engines {
		to := engines[1-i]
		t.Run(fmt.Sprintf("%s to %s", from.name, to.name), func(t *testing.T) { f(t, from.make, to.make) })
	}
}
