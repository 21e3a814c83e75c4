package records

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Indexed is a table whose rows are found by the blind index of a number.
type Indexed uint8

// The tables. Of verifications only live ones count: the others are in no
// index, and are deleted in time.
const (
	IndexedUsers Indexed = iota + 1
	IndexedFailures
	IndexedVerifications
	IndexedReplies
	IndexedOptOuts
	IndexedChecks
)

// IndexedTables are all of them, for a rotation (requirement row 11).
func IndexedTables() []Indexed {
	return []Indexed{IndexedUsers, IndexedFailures, IndexedVerifications, IndexedReplies, IndexedOptOuts, IndexedChecks}
}

// Side names a column of the blind index.
type Side bool

// The sides, as core.PhoneIndex.ByB.
const (
	SideA Side = false
	SideB Side = true
)

func (s Side) column() string {
	if s == SideB {
		return "idx_b"
	}
	return "idx_a"
}

func (t Indexed) table() string {
	switch t {
	case IndexedUsers:
		return "users"
	case IndexedFailures:
		return "failure"
	case IndexedVerifications:
		return "verification"
	case IndexedReplies:
		return "reply"
	case IndexedOptOuts:
		return "opt_out"
	case IndexedChecks:
		return "number_check"
	}
	return ""
}

// String is the table's name.
func (t Indexed) String() string { return t.table() }

// Unindexed is a row that lacks a side: its id and its sealed number.
type Unindexed struct {
	ID    int64
	Phone []byte
}

// LackingIndex lists up to limit rows with ids above after, in the order of
// ids, that lack a side. Rows without a number, such as codes of test numbers,
// are not listed: nothing could be computed for them.
func LackingIndex(ctx context.Context, q store.SQL, t Indexed, side Side, after int64, limit int) ([]Unindexed, error) {
	sql := fmt.Sprintf(`SELECT id, phone FROM %s WHERE id > $1 AND %s IS NULL AND phone IS NOT NULL ORDER BY id LIMIT $2`, t.table(), side.column())
	if t == IndexedVerifications {
		sql = fmt.Sprintf(`SELECT v.id, m.phone FROM verification v JOIN message m ON m.id = v.message
			WHERE v.id > $1 AND v.state IN (0, 1) AND v.%s IS NULL AND m.phone IS NOT NULL ORDER BY v.id LIMIT $2`, side.column())
	}
	var rows []Unindexed
	err := q.Query(ctx, sql, func(r store.Scanner) error {
		var row Unindexed
		err := r.Scan(&row.ID, &row.Phone)
		rows = append(rows, row)
		return err
	}, after, int64(limit))
	return rows, err
}

// FillIndex sets a side of a row that lacks it. A row that has it by now, or
// is gone, stays as it is.
func FillIndex(ctx context.Context, q store.SQL, t Indexed, side Side, id int64, value core.IndexValue) error {
	_, err := q.Exec(ctx, fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE id = $2 AND %s IS NULL`, t.table(), side.column(), side.column()), value[:], id)
	return err
}

// ClearIndex clears a side of the limit rows with ids above after, and returns
// the last of these ids; 0 when there were none. A row that has only this side
// keeps it: it could never be found again.
func ClearIndex(ctx context.Context, q store.SQL, t Indexed, side Side, after int64, limit int) (last int64, err error) {
	table := t.table()
	err = q.Query(ctx, fmt.Sprintf(`SELECT COALESCE(MAX(id), 0) FROM (SELECT id FROM %s WHERE id > $1 ORDER BY id LIMIT $2) AS page`, table),
		func(r store.Scanner) error { return r.Scan(&last) }, after, int64(limit))
	if err != nil || last == 0 {
		return 0, err
	}
	_, err = q.Exec(ctx, fmt.Sprintf(`UPDATE %s SET %s = NULL WHERE id > $1 AND id <= $2 AND %s IS NOT NULL AND %s IS NOT NULL`,
		table, side.column(), side.column(), (!side).column()), after, last)
	return last, err
}

// HasIndex tells whether any row can be found by a side. The range over the
// first column lets the engine use the table's index of that side.
func HasIndex(ctx context.Context, q store.SQL, t Indexed, side Side) (found bool, err error) {
	where := "app > 0"
	switch t {
	case IndexedUsers:
		where = "tenant > 0"
	case IndexedVerifications:
		where = "app > 0 AND state IN (0, 1)"
	case IndexedReplies:
		where = "1 = 1"
	case IndexedOptOuts:
		where = "tenant > 0"
	case IndexedFailures, IndexedChecks:
	}
	sql := fmt.Sprintf(`SELECT 1 FROM %s WHERE %s AND %s IS NOT NULL LIMIT 1`, t.table(), where, side.column())
	err = q.Query(ctx, sql, func(store.Scanner) error { found = true; return nil })
	return found, err
}
