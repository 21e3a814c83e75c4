package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"yanma.dev/yanma/internal/store"
)

// queries is store.SQL on one connection, inside a transaction.
type queries struct {
	engine *Engine
	conn   *conn
	open   *answer // whose rows are being read; nil when there is none
}

// maxTexts bounds the statements that a connection keeps prepared.
const maxTexts = 256

// Exec implements store.SQL.
func (q *queries) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := q.run(ctx, sql, func(store.Scanner) error { return nil }, args)
	return tag.RowsAffected(), err
}

// Query implements store.SQL. Rows are read as they come; when row runs another
// statement, those that are still to come are read into memory first.
func (q *queries) Query(ctx context.Context, sql string, row func(store.Scanner) error, args ...any) error {
	_, err := q.run(ctx, sql, row, args)
	return err
}

func (q *queries) run(ctx context.Context, sql string, row func(store.Scanner) error, args []any) (tag pgconn.CommandTag, err error) {
	if err := ctx.Err(); err != nil {
		return tag, err
	}
	outer := q.open
	if outer != nil {
		outer.keep()
	}
	ctx, cancel := context.WithTimeout(ctx, q.engine.options.StatementLimit)
	defer cancel()
	prepared, err := q.conn.text(ctx, sql)
	if err != nil {
		return tag, q.engine.noticed(mapped(err))
	}
	values, err := encodeAll(prepared.ParamOIDs, args)
	if err != nil {
		return tag, err
	}
	a := &answer{rows: q.conn.pg.ExecStatement(ctx, prepared, values, binaryFormat, binaryFormat), fields: prepared.Fields}
	q.open = a
	defer func() { q.open = outer }()
	for a.next() {
		if err := row(a); err != nil {
			_, _ = a.close() // its own error matters less
			return tag, err
		}
	}
	tag, err = a.close()
	return tag, q.engine.noticed(mapped(err))
}

// text gives a prepared statement.
func (c *conn) text(ctx context.Context, sql string) (*pgconn.StatementDescription, error) {
	if prepared, known := c.texts[sql]; known {
		return prepared, nil
	}
	if len(c.texts) >= maxTexts {
		return c.pg.Prepare(ctx, "", sql, nil)
	}
	prepared, err := c.pg.Prepare(ctx, fmt.Sprintf("text_%d", len(c.texts)), sql, nil)
	if err != nil {
		return nil, err
	}
	if c.texts == nil {
		c.texts = make(map[string]*pgconn.StatementDescription)
	}
	c.texts[sql] = prepared
	return prepared, nil
}

// answer is store.Scanner on the rows of a statement: those on the connection,
// or those that were kept because the connection is needed for another.
type answer struct {
	fields []pgconn.FieldDescription
	rows   *pgconn.ResultReader // nil once the rest is kept
	now    [][]byte
	kept   [][][]byte
	tag    pgconn.CommandTag
	err    error
}

func (a *answer) next() bool {
	if a.rows != nil {
		if !a.rows.NextRow() {
			return false
		}
		a.now = a.rows.Values()
		return true
	}
	if len(a.kept) == 0 {
		return false
	}
	a.now, a.kept = a.kept[0], a.kept[1:]
	return true
}

// keep reads the rest into memory.
func (a *answer) keep() {
	if a.rows == nil {
		return
	}
	a.now = copied(a.now)
	for a.rows.NextRow() {
		a.kept = append(a.kept, copied(a.rows.Values()))
	}
	a.tag, a.err = a.rows.Close()
	a.rows = nil
}

func copied(row [][]byte) [][]byte {
	c := make([][]byte, len(row))
	for i, v := range row {
		c[i] = slices.Clone(v)
	}
	return c
}

// close passes over the rest.
func (a *answer) close() (pgconn.CommandTag, error) {
	if a.rows != nil {
		a.tag, a.err = a.rows.Close()
		a.rows = nil
	}
	return a.tag, a.err
}

// Scan implements store.Scanner.
func (a *answer) Scan(dest ...any) error {
	if len(a.now) != len(dest) {
		return fmt.Errorf("postgres: the row has %d columns, asked for %d", len(a.now), len(dest))
	}
	for i, d := range dest {
		v, oid := a.now[i], a.fields[i].DataTypeOID
		number := v == nil || oid == oidInt8 || oid == oidInt4 || oid == oidInt2 || oid == oidBool
		chars := v == nil || oid == oidText || oid == oidVarchar || oid == oidBytea || oid == oidName
		ok := false
		switch to := d.(type) {
		case *int64:
			if ok = number; ok {
				*to = decodeInt(v)
			}
		case *bool:
			if ok = number; ok {
				*to = decodeInt(v) != 0
			}
		case *string:
			if ok = chars; ok {
				*to = string(v)
			}
		case *[]byte:
			if ok = chars; ok {
				*to = append([]byte(nil), v...)
			}
		}
		if !ok {
			return fmt.Errorf("postgres: column %d of type %d is scanned into a %T; see store.Scanner for what may be", i+1, oid, d)
		}
	}
	return nil
}

// encodeAll gives the arguments of a statement in the types that it takes.
func encodeAll(oids []uint32, args []any) ([][]byte, error) {
	if len(oids) != len(args) {
		return nil, fmt.Errorf("postgres: the statement takes %d arguments, got %d", len(oids), len(args))
	}
	values := make([][]byte, len(args))
	for i, arg := range args {
		v, ok := encode(oids[i], arg)
		if !ok {
			return nil, fmt.Errorf("postgres: argument %d is a %T, the statement takes type %d; see store.SQL for what may be passed", i+1, arg, oids[i])
		}
		values[i] = v
	}
	return values, nil
}

// encode gives one argument; nil is NULL.
func encode(oid uint32, arg any) ([]byte, bool) {
	switch v := arg.(type) {
	case nil:
		return nil, true
	case int64:
		return encodeInt(oid, v)
	case bool:
		var n int64
		if v {
			n = 1
		}
		return encodeInt(oid, n)
	case string:
		switch oid {
		case oidText, oidVarchar, oidName:
			return []byte(storable(v)), true
		case oidBytea:
			return []byte(v), true
		}
	case []byte:
		return v, v == nil || oid == oidBytea
	}
	return nil, false
}

func encodeInt(oid uint32, v int64) ([]byte, bool) {
	switch oid {
	case oidInt8:
		return binary.BigEndian.AppendUint64(nil, uint64(v)), true
	case oidInt4:
		return binary.BigEndian.AppendUint32(nil, uint32(v)), math.MinInt32 <= v && v <= math.MaxInt32
	case oidInt2:
		return binary.BigEndian.AppendUint16(nil, uint16(v)), math.MinInt16 <= v && v <= math.MaxInt16
	case oidBool:
		return []byte{byte(v)}, v == 0 || v == 1
	default:
		return nil, false
	}
}
