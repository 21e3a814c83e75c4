//go:build interop

package crash

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/test/process"
)

// engine is where the server under trial keeps its rows.
type engine struct {
	database string // store.database of the configuration; "" is SQLite in the folder
	cluster  *postgrestest.Cluster
}

// startPostgres starts a server whose commits are on disk.
func startPostgres(t *testing.T) engine {
	t.Helper()
	cluster, err := postgrestest.Start(t.Context(), postgrestest.Options{Fsync: true})
	if errors.Is(err, postgrestest.ErrMissing) {
		process.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return engine{database: cluster.URL("postgres"), cluster: cluster}
}

// query reads the database beside the server: columns are numbers and bytes.
func (c *trial) query(t *testing.T, sql string, row func(store.Scanner) error) {
	t.Helper()
	read := c.querySQLite
	if c.engine.cluster != nil {
		read = c.queryPostgres
	}
	if err := read(t, sql, row); err != nil {
		t.Fatal(err)
	}
}

func (c *trial) queryPostgres(t *testing.T, sql string, row func(store.Scanner) error) (err error) {
	e, err := postgres.Open(t.Context(), postgres.Options{URL: c.engine.database, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return e.View(t.Context(), func(q store.SQL) error { return q.Query(t.Context(), sql, row) })
}

func (c *trial) querySQLite(_ *testing.T, sql string, row func(store.Scanner) error) (err error) {
	db, err := zsqlite.OpenConn(filepath.Join(c.folder, "yanma.db"), zsqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetBusyTimeout(process.Patience)
	return sqlitex.ExecuteTransient(db, sql, &sqlitex.ExecOptions{ResultFunc: func(s *zsqlite.Stmt) error { return row(sqliteRow{s}) }})
}

// sqliteRow is a row of a SQLite database.
type sqliteRow struct{ *zsqlite.Stmt }

// Scan implements store.Scanner.
func (r sqliteRow) Scan(dest ...any) error {
	for i, d := range dest {
		switch to := d.(type) {
		case *int64:
			*to = r.ColumnInt64(i)
		case *[]byte:
			*to = make([]byte, r.ColumnLen(i))
			r.ColumnBytes(i, *to)
		default:
			return errors.New("a column is scanned into something that no test needs")
		}
	}
	return nil
}
