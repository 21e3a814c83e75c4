package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"yanma.dev/yanma/internal/store"
)

// ErrNotEmpty says that the database has our tables already.
var ErrNotEmpty = errors.New("not empty")

// Newest is the number of the newest migration that this program knows.
func (e *Engine) Newest() (int, error) { return e.migrations[len(e.migrations)-1].Number, nil }

// Check refuses a database that has our tables; it changes nothing.
func (e *Engine) Check(ctx context.Context) error {
	return e.View(ctx, func(q store.SQL) error { return e.checkEmpty(ctx, q) })
}

func (e *Engine) checkEmpty(ctx context.Context, q store.SQL) error {
	if err := e.inspectOwner(ctx, q); err != nil {
		return err
	}
	if ours, err := hasTable(ctx, q, "yanma_lock"); err != nil || !ours {
		return err
	}
	return fmt.Errorf("the database %s is %w: it has Yanma's tables; restore into another database or schema", e.dialer.name(), ErrNotEmpty)
}

// Restore makes the schema of a migration in an empty database, lets load fill
// it, brings it up to date with the migrations that follow, and calls finish:
// one transaction. The errors are one sentence around ErrNotEmpty or ErrForeign,
// or those of the two; nothing was changed then. After an error of the commit
// itself it may be there, whole, or not.
func (e *Engine) Restore(ctx context.Context, schema int, load, finish func(store.SQL) error) error {
	return e.inTransaction(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED", func(q *queries) error {
		if err := e.checkEmpty(ctx, q); err != nil {
			return err
		}
		if err := e.exec(ctx, q.conn, claimTables); err != nil {
			return err
		}
		later := slices.IndexFunc(e.migrations, func(m Migration) bool { return m.Number > schema })
		if later < 0 {
			later = len(e.migrations)
		}
		if err := e.applyAll(ctx, q, e.migrations[:later]); err != nil {
			return err
		}
		if err := load(q); err != nil {
			return err
		}
		if err := followIdentities(ctx, q); err != nil {
			return err
		}
		if err := e.applyAll(ctx, q, e.migrations[later:]); err != nil {
			return err
		}
		return finish(q)
	})
}

func (e *Engine) applyAll(ctx context.Context, q *queries, migrations []Migration) error {
	for _, m := range migrations {
		if err := e.apply(ctx, q, m); err != nil {
			return err
		}
	}
	return nil
}

// apply runs a migration and notes it.
func (e *Engine) apply(ctx context.Context, q *queries, m Migration) error {
	if _, err := q.conn.pg.Exec(ctx, m.sql).ReadAll(); err != nil {
		return fmt.Errorf("postgres: migration %s: %w", m, mapped(err))
	}
	_, err := q.Exec(ctx, `INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)`,
		int64(m.Number), m.Name, m.checksum(), int64(store.At(e.options.Now())))
	return err
}

// followIdentities lets numbers that the server gives go on after those of the
// rows that were loaded with theirs.
func followIdentities(ctx context.Context, q store.SQL) error {
	type identity struct{ table, column string }
	var all []identity
	err := q.Query(ctx, `SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.attidentity <> ''`, func(r store.Scanner) error {
		var i identity
		err := r.Scan(&i.table, &i.column)
		all = append(all, i)
		return err
	})
	for _, i := range all {
		if err == nil {
			_, err = q.Exec(ctx, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('%s', '%s'), (SELECT COALESCE(MAX(%s), 0) + 1 FROM %s), false)`,
				i.table, i.column, i.column, i.table))
		}
	}
	return err
}
