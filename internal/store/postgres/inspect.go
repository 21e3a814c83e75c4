package postgres

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/store"
)

// inspect refuses a database that cannot be worked on. It only reads.
func (e *Engine) inspect(ctx context.Context) error {
	return e.View(ctx, func(sql store.SQL) error {
		for _, look := range []func(context.Context, store.SQL) error{e.inspectServer, e.inspectOwner} {
			if err := look(ctx, sql); err != nil {
				return err
			}
		}
		if err := e.inspectRights(ctx, sql); err != nil {
			return err
		}
		todo, err := e.pending(ctx, sql)
		if err == nil && len(todo) > 0 {
			err = e.mayCreate(ctx, sql)
		}
		return err // of a newer version, or tampered with
	})
}

// inspectRights refuses tables of ours that are not all ours to work with.
func (e *Engine) inspectRights(ctx context.Context, sql store.SQL) error {
	closed, role := "", ""
	err := sql.Query(ctx, `SELECT c.relname, current_user::text FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relkind IN ('r', 'p')
		AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
		AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
			AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) ORDER BY c.relname LIMIT 1`,
		func(row store.Scanner) error { return row.Scan(&closed, &role) })
	if err != nil || closed == "" {
		return err
	}
	return fmt.Errorf("the role %q %w in the database %s: the table %q needs SELECT, INSERT, UPDATE and DELETE", role, ErrRights, e.dialer.name(), closed)
}

// mayCreate refuses a schema that tables have to be made in and can not be.
func (e *Engine) mayCreate(ctx context.Context, sql store.SQL) error {
	var may bool
	var schema, role string
	err := sql.Query(ctx, `SELECT has_schema_privilege(current_schema(), 'CREATE'), current_schema()::text, current_user::text`,
		func(row store.Scanner) error { return row.Scan(&may, &schema, &role) })
	if err != nil || may {
		return err
	}
	return fmt.Errorf("the role %q %w in the database %s: the schema %q needs CREATE (let the role own the database)", role, ErrRights, e.dialer.name(), schema)
}

func (e *Engine) inspectServer(ctx context.Context, sql store.SQL) error {
	var standby bool
	var readOnly, encoding, fsync, schema string
	err := sql.Query(ctx, `SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'),
		current_setting('server_encoding'), COALESCE(current_setting('fsync', true), 'on'), COALESCE(current_schema()::text, '')`,
		func(row store.Scanner) error { return row.Scan(&standby, &readOnly, &encoding, &fsync, &schema) })
	switch {
	case err != nil:
		return err
	case standby:
		return fmt.Errorf("the database %s is a standby and %w: connect to its primary", e.dialer.name(), ErrReadOnly)
	case readOnly == "on":
		return fmt.Errorf("the database %s is %w: default_transaction_read_only is on", e.dialer.name(), ErrReadOnly)
	case encoding != "UTF8":
		return fmt.Errorf("the database %s is %w but in %s: create it anew with ENCODING 'UTF8'", e.dialer.name(), ErrEncoding, encoding)
	case schema == "":
		return fmt.Errorf("the database %s is %w: its search_path names no schema that exists", e.dialer.name(), ErrForeign)
	case fsync != "on":
		e.options.Log.Warn("postgres: the server runs with fsync off: a crash of its machine loses what was answered")
	}
	return nil
}

// inspectOwner refuses a schema with somebody else's tables. What extensions
// brought along does not count.
func (e *Engine) inspectOwner(ctx context.Context, sql store.SQL) error {
	ours, err := hasTable(ctx, sql, "yanma_lock")
	if err != nil || ours {
		return err
	}
	foreign := ""
	err = sql.Query(ctx, `SELECT c.relname FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relkind IN ('r', 'p')
		AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY c.relname LIMIT 1`,
		func(row store.Scanner) error { return row.Scan(&foreign) })
	if err != nil || foreign == "" {
		return err
	}
	return fmt.Errorf("the database %s is %w: it has a table %q; give Yanma a database or a schema of its own", e.dialer.name(), ErrForeign, foreign)
}

func hasTable(ctx context.Context, sql store.SQL, name string) (found bool, err error) {
	err = sql.Query(ctx, `SELECT 1 FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relname = $1`, func(store.Scanner) error { found = true; return nil }, name)
	return found, err
}
