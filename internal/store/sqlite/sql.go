package sqlite

import (
	"context"
	"fmt"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

// statements is store.SQL on one connection, inside a transaction.
type statements struct{ conn *conn }

// maxTexts bounds the statements that a connection keeps prepared.
const maxTexts = 256

// text is one prepared statement of records. It is busy while its rows are
// being read, and the same SQL may be run again inside.
type text struct {
	stmt *zsqlite.Stmt
	busy bool
}

// Exec implements store.SQL.
func (s *statements) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := s.Query(ctx, sql, func(store.Scanner) error { return nil }, args...); err != nil {
		return 0, err
	}
	return int64(s.conn.Changes()), nil
}

// Query implements store.SQL.
func (s *statements) Query(ctx context.Context, sql string, row func(store.Scanner) error, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stmt, done, err := s.conn.statement(sql)
	if err != nil {
		return mapped(err)
	}
	defer done()
	if err := bindAll(stmt, args); err != nil {
		return err
	}
	for {
		more, err := stmt.Step()
		if err != nil {
			return mapped(err)
		}
		if !more {
			return nil
		}
		if err := row(scanner{stmt}); err != nil {
			return err
		}
	}
}

// statement gives a prepared statement and what to call when it has been used.
func (c *conn) statement(sql string) (*zsqlite.Stmt, func(), error) {
	if t, known := c.texts[sql]; known && !t.busy {
		t.busy = true
		return t.stmt, t.release, nil
	} else if known || len(c.texts) >= maxTexts {
		stmt, trailing, err := c.PrepareTransient(sql)
		if err == nil && trailing > 0 {
			err = fmt.Errorf("sqlite: more than one statement: %s", sql)
		}
		if err != nil {
			return nil, nil, err
		}
		return stmt, func() { _ = stmt.Finalize() }, nil
	}
	stmt, err := c.Prepare(sql)
	if err != nil {
		return nil, nil, err
	}
	t := &text{stmt: stmt, busy: true}
	c.texts[sql] = t
	return stmt, t.release, nil
}

func (t *text) release() {
	_ = t.stmt.Reset() // repeats the error that Step has returned
	_ = t.stmt.ClearBindings()
	t.busy = false
}

func bindAll(stmt *zsqlite.Stmt, args []any) error {
	if want := stmt.BindParamCount(); want != len(args) {
		return fmt.Errorf("sqlite: the statement takes %d arguments, got %d", want, len(args))
	}
	for i, arg := range args {
		switch v := arg.(type) {
		case int64:
			stmt.BindInt64(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		case bool:
			stmt.BindBool(i+1, v)
		case nil:
			stmt.BindNull(i + 1)
		case []byte:
			if v == nil {
				stmt.BindNull(i + 1)
			} else {
				stmt.BindBytes(i+1, v)
			}
		default:
			return fmt.Errorf("sqlite: argument %d is a %T; see store.SQL for what may be passed", i+1, arg)
		}
	}
	return nil
}

// scanner is store.Scanner on the current row.
type scanner struct{ stmt *zsqlite.Stmt }

// Scan implements store.Scanner.
func (s scanner) Scan(dest ...any) error {
	if have := s.stmt.ColumnCount(); have != len(dest) {
		return fmt.Errorf("sqlite: the row has %d columns, asked for %d", have, len(dest))
	}
	for i, d := range dest {
		switch to := d.(type) {
		case *int64:
			*to = s.stmt.ColumnInt64(i)
		case *string:
			*to = s.stmt.ColumnText(i)
		case *bool:
			*to = s.stmt.ColumnBool(i)
		case *[]byte:
			*to = blob(s.stmt, i)
		default:
			return fmt.Errorf("sqlite: column %d is scanned into a %T; see store.Scanner for what may be", i+1, d)
		}
	}
	return nil
}

// blob copies a column out; NULL and the empty blob are nil.
func blob(stmt *zsqlite.Stmt, column int) []byte {
	n := stmt.ColumnLen(column)
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	stmt.ColumnBytes(column, b)
	return b
}
