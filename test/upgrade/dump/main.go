// Command dump writes a small database, with rows in every table, as the
// present version leaves it: for the tests of later versions.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"yanma.dev/yanma/internal/backup"
	"yanma.dev/yanma/internal/backup/backuptest"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/sqlite"
)

// filled is when the rows were made.
func filled() time.Time { return time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC) }

func main() {
	in := flag.String("in", "test/upgrade/testdata", "the folder of all releases")
	flag.Parse()
	if err := dump(context.Background(), *in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// dump makes a folder with the number of the newest migration.
func dump(ctx context.Context, in string) error {
	newest, err := sqlite.NewTarget(sqlite.Options{}).Newest()
	if err != nil {
		return err
	}
	to := filepath.Join(in, fmt.Sprintf("%04d", newest))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	ring, err := keyring.Create(filepath.Join(to, "keyring.json"), rand.Reader, filled())
	if err != nil {
		return err
	}
	return errors.Join(dumpSQLite(ctx, to, ring), dumpPostgres(ctx, to, ring))
}

// dumpSQLite also writes the backup.
func dumpSQLite(ctx context.Context, to string, ring *keyring.Ring) error {
	folder, err := os.MkdirTemp("", "yanma-dump-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	o := sqlite.Options{Folder: folder, Now: filled, Log: slog.New(slog.DiscardHandler)}
	e, err := sqlite.Open(ctx, o)
	if err != nil {
		return err
	}
	if err := fill(ctx, e, ring); err != nil {
		return err
	}
	var text strings.Builder
	err = e.View(ctx, func(q store.SQL) error {
		var tables []string
		err := q.Query(ctx, `SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type = 'index', rowid`, func(r store.Scanner) error {
			var kind, name, sql string
			err := r.Scan(&kind, &name, &sql)
			text.WriteString(sql + ";\n")
			if kind == "table" {
				tables = append(tables, name)
			}
			return err
		})
		for _, table := range tables {
			if err == nil {
				err = inserts(ctx, q, &text, table)
			}
		}
		return err
	})
	if err := errors.Join(err, e.Close(), os.WriteFile(filepath.Join(to, "sqlite.sql"), []byte(text.String()), 0o644)); err != nil {
		return err
	}
	r, err := sqlite.OpenReader(ctx, o, true)
	if err != nil {
		return err
	}
	_, _, err = backup.Write(ctx, backup.WriteOptions{Source: r, Path: filepath.Join(to, "yanma.bak"), Now: filled(), Program: "dump", Move: true})
	return errors.Join(err, r.Close())
}

// inserts writes the rows of a table as statements.
func inserts(ctx context.Context, q store.SQL, to *strings.Builder, table string) error {
	var quoted []string
	err := q.Query(ctx, `SELECT 'quote(' || name || ')' FROM pragma_table_info($1) ORDER BY cid`, func(r store.Scanner) error {
		var name string
		err := r.Scan(&name)
		quoted = append(quoted, name)
		return err
	}, table)
	if err != nil {
		return err
	}
	return q.Query(ctx, "SELECT "+strings.Join(quoted, " || ', ' || ")+" FROM "+table, func(r store.Scanner) error {
		var values string
		err := r.Scan(&values)
		fmt.Fprintf(to, "INSERT INTO %s VALUES (%s);\n", table, values)
		return err
	})
}

// dumpPostgres leaves the rows of key_lock out: they are always the same.
func dumpPostgres(ctx context.Context, to string, ring *keyring.Ring) (err error) {
	cluster, err := postgrestest.Start(ctx, postgrestest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := cluster.Create(ctx, "yanma", ""); err != nil {
		return err
	}
	e, err := postgres.Open(ctx, postgres.Options{URL: cluster.URL("yanma"), Now: filled, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := errors.Join(fill(ctx, e, ring), e.Close()); err != nil {
		return err
	}
	text, err := cluster.Dump(ctx, "yanma", "--inserts", "--no-owner", "--no-comments", "--exclude-table-data=key_lock")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "postgres.sql"), []byte(text), 0o644)
}

type engine interface {
	store.Engine
	Migrate(context.Context) error
}

func fill(ctx context.Context, e engine, ring *keyring.Ring) error {
	if err := e.Migrate(ctx); err != nil {
		return err
	}
	_, err := backuptest.Fill(ctx, e, ring, filled())
	return err
}
