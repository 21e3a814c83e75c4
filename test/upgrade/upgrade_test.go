//go:build interop

package upgrade

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"yanma.dev/yanma/internal/backup"
	"yanma.dev/yanma/internal/backup/backuptest"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/fsck"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/test/process"
)

var server *postgrestest.Cluster // nil when there is no PostgreSQL

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	cluster, err := postgrestest.Start(context.Background(), postgrestest.Options{})
	if errors.Is(err, postgrestest.ErrMissing) {
		return m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server = cluster
	code := m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// later is an hour after the databases were left.
func later() time.Time { return time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type engine interface {
	store.Engine
	Migrate(context.Context) error
}

// releases are the folders of testdata.
func releases(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/[0-9][0-9][0-9][0-9]")
	ok(t, err)
	if len(all) == 0 {
		t.Fatal("no release is there")
	}
	return all
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	ok(t, err)
	return string(data)
}

// keys is a copy of a release's keyring: git keeps no modes.
func keys(t *testing.T, release string) *keyring.Ring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring.json")
	ok(t, os.WriteFile(path, []byte(text(t, filepath.Join(release, "keyring.json"))), 0o600))
	ring, err := keyring.Open(path, rand.Reader)
	ok(t, err)
	return ring
}

func sqliteIn(folder string) sqlite.Options {
	return sqlite.Options{Folder: folder, Now: later, Log: slog.New(slog.DiscardHandler)}
}

// postgresIn makes a database.
func postgresIn(t *testing.T) (name string, o postgres.Options) {
	t.Helper()
	if server == nil {
		process.Missing(t, "PostgreSQL is not installed")
	}
	name = fmt.Sprintf("upgrade_%d", time.Now().UnixNano())
	ok(t, server.Create(t.Context(), name, ""))
	t.Cleanup(func() { ok(t, server.Drop(context.Background(), name)) })
	return name, postgres.Options{URL: server.URL(name), Now: later, Log: slog.New(slog.DiscardHandler)}
}

// TestReq42_UpgradeFromEveryRelease: a database that a release left opens, is
// brought up to date, and is in order.
func TestReq42_UpgradeFromEveryRelease(t *testing.T) {
	for _, release := range releases(t) {
		t.Run(filepath.Base(release)+" sqlite", func(t *testing.T) {
			folder := t.TempDir()
			c, err := zsqlite.OpenConn(filepath.Join(folder, "yanma.db"), zsqlite.OpenReadWrite, zsqlite.OpenCreate)
			ok(t, err)
			ok(t, sqlitex.ExecuteTransient(c, "PRAGMA application_id = 1500409153", nil)) // YnmA
			ok(t, sqlitex.ExecuteScript(c, text(t, filepath.Join(release, "sqlite.sql")), nil))
			ok(t, c.Close())
			e, err := sqlite.Open(t.Context(), sqliteIn(folder))
			ok(t, err)
			inOrder(t, e, keys(t, release), true)
		})
		t.Run(filepath.Base(release)+" postgres", func(t *testing.T) {
			name, o := postgresIn(t)
			ok(t, server.Exec(t.Context(), name, text(t, filepath.Join(release, "postgres.sql"))))
			ok(t, server.Exec(t.Context(), name, `INSERT INTO public.key_lock (id) SELECT id FROM generate_series(0, 65535) AS id`))
			e, err := postgres.Open(t.Context(), o)
			ok(t, err)
			inOrder(t, e, keys(t, release), true)
		})
	}
}

// TestReq42_RestoreFromEveryRelease: a backup that a release wrote is restored
// into either engine, as a move and as an old one.
func TestReq42_RestoreFromEveryRelease(t *testing.T) {
	for _, release := range releases(t) {
		for _, move := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s sqlite, move %t", filepath.Base(release), move), func(t *testing.T) {
				folder, ring := t.TempDir(), keys(t, release)
				restore(t, release, sqlite.NewTarget(sqliteIn(folder)), ring, move)
				e, err := sqlite.Open(t.Context(), sqliteIn(folder))
				ok(t, err)
				inOrder(t, e, ring, move)
			})
			t.Run(fmt.Sprintf("%s postgres, move %t", filepath.Base(release), move), func(t *testing.T) {
				_, o := postgresIn(t)
				ring := keys(t, release)
				e, err := postgres.Open(t.Context(), o)
				ok(t, err)
				restore(t, release, e, ring, move)
				inOrder(t, e, ring, move)
			})
		}
	}
}

func restore(t *testing.T, release string, to backup.Target, ring *keyring.Ring, move bool) {
	t.Helper()
	f, err := backup.Open(filepath.Join(release, "yanma.bak"))
	ok(t, err)
	defer func() { ok(t, f.Close()) }()
	_, err = backup.Restore(t.Context(), backup.RestoreOptions{File: f, Target: to, Now: later, Node: 1, Move: move,
		Ring: func() (*keyring.Ring, error) { return ring, nil }})
	ok(t, err)
}

// inOrder brings the database up to date, looks through it, and closes it.
// alive: its codes and messages are as the release left them.
func inOrder(t *testing.T, e engine, ring *keyring.Ring, alive bool) {
	t.Helper()
	defer func() { ok(t, e.Close()) }()
	ok(t, e.Migrate(t.Context()))
	report, err := fsck.Run(t.Context(), fsck.Options{Source: e, Ring: ring, Now: later()})
	ok(t, err)
	for _, f := range report.Findings {
		t.Error(f)
	}
	if report.Opened < 12 {
		t.Errorf("only %d rows were opened", report.Opened)
	}
	zhang := ring.Index(core.PhoneFromE164(backuptest.Zhang)).Lookup()
	want := []int64{1, 97, 0, 0}
	if alive {
		want = []int64{1, 95, 3, 3}
	}
	for i, q := range []struct {
		sql  string
		args []any
	}{
		{`SELECT COUNT(*) FROM users WHERE tenant = 1 AND (idx_a = $1 OR idx_b = $1)`, []any{zhang[:]}},
		{`SELECT balance FROM account WHERE id = 257`, nil},
		{`SELECT COUNT(*) FROM verification WHERE state IN (0, 1)`, nil},
		{`SELECT COUNT(*) FROM message WHERE state IN (0, 1, 2)`, nil},
	} {
		var n int64
		ok(t, e.View(t.Context(), func(s store.SQL) error {
			return s.Query(t.Context(), q.sql, func(r store.Scanner) error { return r.Scan(&n) }, q.args...)
		}))
		if n != want[i] {
			t.Errorf("%s: %d, want %d", q.sql, n, want[i])
		}
	}
}
