package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/store"
)

// describe lists the tables that hold rows, in the order of their names. What
// SQLite and the migrations keep for themselves is left out.
func describe(ctx context.Context, q store.SQL) ([]store.Table, error) {
	var tables []store.Table
	err := q.Query(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`, func(r store.Scanner) error {
		var name string
		err := r.Scan(&name)
		if name != "schema_migration" && !strings.HasPrefix(name, "sqlite_") {
			tables = append(tables, store.Table{Name: name})
		}
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
	key := map[int64]string{}
	err := q.Query(ctx, `SELECT name, type, "notnull", pk FROM pragma_table_info($1) ORDER BY cid`, func(r store.Scanner) error {
		var name, kind string
		var notNull bool
		var pk int64
		if err := r.Scan(&name, &kind, &notNull, &pk); err != nil {
			return err
		}
		if name == "room" { // holds nothing (migration 0005)
			return nil
		}
		c := store.Column{Name: name, Null: !notNull && pk == 0}
		switch kind {
		case "INTEGER":
			c.Kind = store.ColumnInt
		case "TEXT":
			c.Kind = store.ColumnText
		case "BLOB":
			c.Kind = store.ColumnBytes
		default:
			return fmt.Errorf("sqlite: the column %s.%s has the type %q", t.Name, name, kind)
		}
		t.Columns = append(t.Columns, c)
		if pk > 0 {
			key[pk] = name
		}
		return nil
	}, t.Name)
	for i := range int64(len(key)) {
		t.Key = append(t.Key, key[i+1])
	}
	return err
}

// schemaNumber is the number of the newest migration that was applied; 0 when
// none was.
func schemaNumber(ctx context.Context, q store.SQL) (int, error) {
	applied, err := appliedMigrations(ctx, q)
	newest := 0
	for number := range applied {
		newest = max(newest, int(number))
	}
	return newest, err
}

// newest is the number of the newest migration of a list.
func newest(migrations []Migration) int {
	return slices.MaxFunc(migrations, func(a, b Migration) int { return a.Number - b.Number }).Number
}
