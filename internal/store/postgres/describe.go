package postgres

import (
	"context"
	"fmt"
	"slices"

	"yanma.dev/yanma/internal/store"
)

// Tables lists the tables that hold rows with their columns, by name. What the
// engine keeps for itself is left out: migrations and locks.
func (e *Engine) Tables(ctx context.Context, q store.SQL) ([]store.Table, error) {
	var tables []store.Table
	err := q.Query(ctx, `SELECT c.relname FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relname NOT IN ('schema_migration', 'yanma_lock', 'key_lock')
		AND NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
		ORDER BY c.relname COLLATE "C"`, func(r store.Scanner) error {
		var name string
		err := r.Scan(&name)
		tables = append(tables, store.Table{Name: name})
		return err
	})
	for i := range tables {
		if err == nil {
			err = describeColumns(ctx, q, &tables[i])
		}
	}
	return tables, err
}

func describeColumns(ctx context.Context, q store.SQL, t *store.Table) error {
	type keyColumn struct {
		at   int64
		name string
	}
	var key []keyColumn
	err := q.Query(ctx, `SELECT a.attname, a.atttypid::bigint, a.attnotnull, COALESCE(array_position(i.indkey::int2[], a.attnum), -1)::bigint
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace s ON s.oid = c.relnamespace
		LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		WHERE s.nspname = current_schema() AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
		func(r store.Scanner) error {
			var name string
			var oid, at int64
			var notNull bool
			if err := r.Scan(&name, &oid, &notNull, &at); err != nil {
				return err
			}
			if name == "room" { // holds nothing (migration 0005)
				return nil
			}
			c := store.Column{Name: name, Null: !notNull}
			switch oid {
			case oidInt8, oidInt4, oidInt2:
				c.Kind = store.ColumnInt
			case oidBool:
				c.Kind = store.ColumnBool
			case oidText, oidVarchar:
				c.Kind = store.ColumnText
			case oidBytea:
				c.Kind = store.ColumnBytes
			default:
				return fmt.Errorf("postgres: the column %s.%s has the type %d", t.Name, name, oid)
			}
			t.Columns = append(t.Columns, c)
			if at >= 0 {
				key = append(key, keyColumn{at: at, name: name})
			}
			return nil
		}, t.Name)
	slices.SortFunc(key, func(a, b keyColumn) int { return int(a.at - b.at) })
	for _, k := range key {
		t.Key = append(t.Key, k.name)
	}
	return err
}

// Schema is the number of the newest migration that was applied; 0 when none
// was.
func (e *Engine) Schema(ctx context.Context, q store.SQL) (int, error) {
	applied, err := appliedMigrations(ctx, q)
	newest := 0
	for number := range applied {
		newest = max(newest, int(number))
	}
	return newest, err
}

// Engine is the name of the engine.
func (e *Engine) Engine() string { return "postgres" }

// Alone tells whether no other session of Yanma's works on the database. An
// engine that was opened with one reader is one session.
func (e *Engine) Alone(ctx context.Context, q store.SQL) (bool, error) {
	others := int64(0)
	err := q.Query(ctx, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
		AND application_name = current_setting('application_name')`, func(r store.Scanner) error { return r.Scan(&others) })
	return others == 0, err
}
