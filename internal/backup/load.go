package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/store"
)

// Rows and values of one INSERT.
const (
	insertRows   = 64
	insertValues = 1024
)

// loader puts the rows of a file into the tables of an engine.
type loader struct {
	file   *File
	tables []store.Table // of the engine, at the schema of the file
}

// load inserts every row and reads it again: what the engine has now is what
// the file says.
func (l *loader) load(ctx context.Context, q store.SQL) error {
	if len(l.tables) != len(l.file.Header.Tables) {
		return fmt.Errorf("the file has %d tables, the schema %04d has %d", len(l.file.Header.Tables), l.file.Header.Schema, len(l.tables))
	}
	err := l.file.tables(func(t *Table, next func(*row) (bool, error)) error {
		kinds, err := l.kinds(t)
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, "DELETE FROM "+t.Name); err != nil { // what migrations put there
			return err
		}
		return insert(ctx, q, t, kinds, next)
	})
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrDamaged
	}
	if err != nil {
		return err
	}
	for i := range l.file.Header.Tables {
		if err := l.compare(ctx, q, &l.file.Header.Tables[i]); err != nil {
			return err
		}
	}
	return nil
}

// kinds is what the engine's columns hold, in the order of the file's.
func (l *loader) kinds(t *Table) ([]store.Column, error) {
	at := slices.IndexFunc(l.tables, func(have store.Table) bool { return have.Name == t.Name })
	if at < 0 || len(l.tables[at].Columns) != len(t.Columns) {
		return nil, fmt.Errorf("the schema %04d has no such table with %d columns", l.file.Header.Schema, len(t.Columns))
	}
	kinds := make([]store.Column, len(t.Columns))
	for i, c := range t.Columns {
		k := slices.IndexFunc(l.tables[at].Columns, func(have store.Column) bool { return have.Name == c.Name })
		if k < 0 {
			return nil, fmt.Errorf("the schema %04d has no such column %s", l.file.Header.Schema, c.Name)
		}
		kinds[i] = l.tables[at].Columns[k]
	}
	return kinds, nil
}

// insert reads rows and inserts them, many in one statement.
func insert(ctx context.Context, q store.SQL, t *Table, kinds []store.Column, next func(*row) (bool, error)) error {
	most := min(insertRows, max(1, insertValues/len(kinds)))
	args, r, rows := make([]any, 0, most*len(kinds)), newRow(t), int64(0)
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		_, err := q.Exec(ctx, insertion(t, len(args)/len(kinds)), args...)
		args = args[:0]
		return err
	}
	for {
		more, err := next(r)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		rows++
		for i, k := range kinds {
			args = append(args, r.value(i, t.Columns[i], k))
		}
		if len(args) == most*len(kinds) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if rows != t.Rows {
		return fmt.Errorf("the header says %d rows, there are %d", t.Rows, rows)
	}
	return flush()
}

// value is one value as the engine takes it.
func (r *row) value(i int, c Column, to store.Column) any {
	switch {
	case c.Kind == kindInt && r.ints[i] == 0 && to.Null, c.Kind == kindBytes && len(r.bytes[i]) == 0 && to.Null:
		return nil
	case c.Kind == kindInt:
		return r.ints[i]
	case to.Kind == store.ColumnText:
		return string(r.bytes[i])
	default:
		return r.bytes[i]
	}
}

func insertion(t *Table, rows int) string {
	var sql strings.Builder
	sql.WriteString("INSERT INTO " + t.Name + " (")
	for i, c := range t.Columns {
		if i > 0 {
			sql.WriteString(", ")
		}
		sql.WriteString(c.Name)
	}
	sql.WriteString(") VALUES ")
	for n := range rows * len(t.Columns) {
		switch {
		case n == 0:
			sql.WriteString("(")
		case n%len(t.Columns) == 0:
			sql.WriteString("), (")
		default:
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "$%d", n+1)
	}
	sql.WriteString(")")
	return sql.String()
}

// compare reads a table again.
func (l *loader) compare(ctx context.Context, q store.SQL, t *Table) error {
	digest, rows, err := eachRow(ctx, q, t, func(*row, []byte) error { return nil })
	if err != nil {
		return err
	}
	if rows != t.Rows || digest != l.file.Footer.Sums[t.Name] {
		return fmt.Errorf("table %s: the rows that were written (%d) are not those of the file (%d)", t.Name, rows, t.Rows)
	}
	return nil
}
