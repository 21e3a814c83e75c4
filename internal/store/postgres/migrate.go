package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"yanma.dev/yanma/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one step of the schema: the file migrations/NNNN_name.sql. Every
// step has the number and name of the one of SQLite that says the same.
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
			return nil, fmt.Errorf("postgres: migration %s is not named NNNN_name.sql", f.Name())
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
			return nil, fmt.Errorf("postgres: two migrations have the number %d", all[i].Number)
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
func (e *Engine) PlanMigrations(ctx context.Context) (todo []Migration, err error) {
	err = e.View(ctx, func(sql store.SQL) (err error) {
		todo, err = e.pending(ctx, sql)
		return err
	})
	return todo, err
}

// Migrate applies every migration that the database lacks, each in a
// transaction of its own, while other nodes wait: a node that starts at the
// same time finds them applied. It stops at the first that fails, which leaves
// no trace.
func (e *Engine) Migrate(ctx context.Context) error {
	if err := e.claim(ctx); err != nil {
		return err
	}
	for {
		applied, err := e.migrateNext(ctx)
		if err != nil {
			return err
		}
		if applied == nil {
			return nil
		}
		e.options.Log.Info("postgres: migrated", "migration", applied.String())
	}
}

// The tables that the migrations themselves need. yanma_lock marks the schema
// as ours, and its rows are what Migrate and Update lock.
const claimTables = `CREATE TABLE IF NOT EXISTS yanma_lock (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum BYTEA NOT NULL, applied_at BIGINT NOT NULL);
INSERT INTO yanma_lock (name) VALUES ('migrate'), ('update') ON CONFLICT DO NOTHING`

// claims is how often claim tries again: of two nodes that create the same
// table at the same time, one fails.
const claims = 5

func (e *Engine) claim(ctx context.Context) error {
	var err error
	for range claims {
		// One state, so that another node's tables do not appear between two looks.
		err = e.inTransaction(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ", func(q *queries) error {
			if ours, err := e.claimed(ctx, q); err != nil || ours {
				return err
			}
			return e.exec(ctx, q.conn, claimTables)
		})
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || !slices.Contains([]string{uniqueViolation, duplicateTable, duplicateType, serializationFailed}, refused.Code) {
			return err
		}
	}
	return err
}

// claimed tells whether the tables are there, without asking for the right to
// make tables.
func (e *Engine) claimed(ctx context.Context, q *queries) (bool, error) {
	if err := e.inspectOwner(ctx, q); err != nil {
		return false, err
	}
	return hasTable(ctx, q, "yanma_lock")
}

// inTransaction is Update without its lock, which may not be there yet.
func (e *Engine) inTransaction(ctx context.Context, begin string, f func(*queries) error) error {
	c, err := e.begin(ctx, e.updates, begin)
	if err != nil {
		return err
	}
	defer e.updates.put(c)
	defer e.rollBack(c)
	if err := f(&queries{engine: e, conn: c}); err != nil {
		return err
	}
	return e.commit(ctx, c)
}

const lockMigrations = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT name FROM yanma_lock WHERE name = 'migrate' FOR UPDATE"

// migrateNext applies the first migration that is missing; nil when none is.
func (e *Engine) migrateNext(ctx context.Context) (applied *Migration, err error) {
	err = e.inTransaction(ctx, lockMigrations, func(q *queries) error {
		todo, err := e.pending(ctx, q)
		if err != nil || len(todo) == 0 {
			return err
		}
		m := todo[0]
		applied = &m
		return e.apply(ctx, q, m)
	})
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// pending compares what the database has with what this program knows.
func (e *Engine) pending(ctx context.Context, sql store.SQL) ([]Migration, error) {
	applied, err := appliedMigrations(ctx, sql)
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
			return nil, fmt.Errorf("postgres: migration %s is not the one that was applied to this database", m)
		}
		delete(applied, int64(m.Number))
	}
	for number := range applied {
		return nil, fmt.Errorf("the database %s was %w: it has migration %04d", e.dialer.name(), ErrNewer, number)
	}
	return todo, nil
}

func appliedMigrations(ctx context.Context, sql store.SQL) (map[int64][]byte, error) {
	applied := make(map[int64][]byte)
	exists, err := hasTable(ctx, sql, "schema_migration")
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
