package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one step of the schema: the file migrations/NNNN_name.sql.
type Migration struct {
	Number int
	Name   string
	sql    string
}

type migrationSource func() ([]Migration, error)

// embedded is what this program brings along.
func embedded() ([]Migration, error) { return loadMigrations(migrationFiles) }

var migrationName = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)\.sql$`)

// loadMigrations reads every file of the folder "migrations", in the order of
// their numbers.
func loadMigrations(from fs.FS) ([]Migration, error) {
	files, err := fs.ReadDir(from, "migrations")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, f := range files {
		parts := migrationName.FindStringSubmatch(f.Name())
		if parts == nil {
			return nil, fmt.Errorf("sqlite: migration %s is not named NNNN_name.sql", f.Name())
		}
		text, err := fs.ReadFile(from, path.Join("migrations", f.Name()))
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, err
		}
		all = append(all, Migration{Number: number, Name: parts[2], sql: string(text)})
	}
	sort.Slice(all, func(i, k int) bool { return all[i].Number < all[k].Number })
	for i := 1; i < len(all); i++ {
		if all[i].Number == all[i-1].Number {
			return nil, fmt.Errorf("sqlite: two migrations have the number %d", all[i].Number)
		}
	}
	return all, nil
}

func (m Migration) checksum() []byte {
	sum := sha256.Sum256([]byte(m.sql))
	return sum[:]
}

// String names the migration as its file does.
func (m Migration) String() string { return fmt.Sprintf("%04d_%s", m.Number, m.Name) }

// PlanMigrations lists what Migrate would apply, in its order.
func (e *Engine) PlanMigrations(ctx context.Context) ([]Migration, error) {
	c, err := e.writer.take(ctx)
	if err != nil {
		return nil, err
	}
	defer e.writer.put(c)
	return e.pending(ctx, c)
}

// Migrate applies every migration that the database lacks, each in a
// transaction of its own. It stops at the first that fails, which leaves no
// trace.
func (e *Engine) Migrate(ctx context.Context) error {
	c, err := e.writer.take(ctx)
	if err != nil {
		return err
	}
	defer e.writer.put(c)
	todo, err := e.pending(ctx, c)
	if err != nil {
		return err
	}
	for _, m := range todo {
		if err := e.apply(ctx, c, m); err != nil {
			return fmt.Errorf("sqlite: migration %s: %w", m, err)
		}
		e.options.Log.Info("sqlite: migrated", "migration", m.String())
	}
	return nil
}

const createMigrationTable = `CREATE TABLE IF NOT EXISTS schema_migration (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, applied_at INTEGER NOT NULL)`

func (e *Engine) apply(ctx context.Context, c *conn, m Migration) error {
	return e.update(ctx, c, func(sql store.SQL) error {
		if _, err := sql.Exec(ctx, createMigrationTable); err != nil {
			return err
		}
		if err := script(c.Conn, m.sql); err != nil {
			return mapped(err)
		}
		_, err := sql.Exec(ctx, `INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)`,
			int64(m.Number), m.Name, m.checksum(), int64(store.At(e.options.Now())))
		return err
	})
}

// script runs every statement of a text.
func script(c *zsqlite.Conn, text string) error {
	for text = strings.TrimSpace(text); text != ""; {
		stmt, trailing, err := c.PrepareTransient(text)
		if err != nil {
			return err
		}
		err = drain(stmt)
		if finalized := stmt.Finalize(); err == nil {
			err = finalized
		}
		if trailing == 0 && zsqlite.ErrCode(err) == zsqlite.ResultMisuse {
			return nil // a comment behind the last statement is none
		}
		if err != nil {
			return err
		}
		text = strings.TrimSpace(text[len(text)-trailing:])
	}
	return nil
}

// pending compares what the database has with what this program knows.
func (e *Engine) pending(ctx context.Context, c *conn) ([]Migration, error) {
	applied, err := appliedMigrations(ctx, &statements{conn: c})
	if err != nil {
		return nil, err
	}
	var todo []Migration
	for _, m := range e.migrations {
		checksum, have := applied[int64(m.Number)]
		switch {
		case !have:
			todo = append(todo, m)
		case !bytes.Equal(checksum, m.checksum()):
			return nil, fmt.Errorf("sqlite: migration %s is not the one that was applied to this database", m)
		}
		delete(applied, int64(m.Number))
	}
	for number := range applied {
		return nil, fmt.Errorf("the database of the data folder %s was %w: it has migration %04d", e.options.Folder, ErrNewer, number)
	}
	return todo, nil
}

func appliedMigrations(ctx context.Context, sql store.SQL) (map[int64][]byte, error) {
	applied := make(map[int64][]byte)
	exists := false
	err := sql.Query(ctx, `SELECT 1 FROM sqlite_schema WHERE name = 'schema_migration'`, func(store.Scanner) error {
		exists = true
		return nil
	})
	if err != nil || !exists {
		return applied, err
	}
	err = sql.Query(ctx, `SELECT number, checksum FROM schema_migration`, func(row store.Scanner) error {
		var number int64
		var checksum []byte
		err := row.Scan(&number, &checksum)
		applied[number] = checksum
		return err
	})
	return applied, err
}
