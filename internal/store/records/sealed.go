package records

import (
	"context"
	"encoding/binary"
	"strings"

	"yanma.dev/yanma/internal/store"
)

// Sealed is a table with columns that a field key sealed.
type Sealed uint8

// The tables.
const (
	SealedUsers Sealed = iota + 1
	SealedFailures
	SealedMessages
	SealedPeers
	SealedApps
	SealedReplies
	SealedRecipients
	SealedOptOuts
	SealedChecks
	SealedSigningKeys
	SealedProfiles
)

// SealedTables are all of them, for the retirement of a field key
// (requirement row 11).
func SealedTables() []Sealed {
	return []Sealed{SealedUsers, SealedFailures, SealedMessages, SealedPeers, SealedApps, SealedReplies, SealedRecipients, SealedOptOuts, SealedChecks,
		SealedSigningKeys, SealedProfiles}
}

// String is the table's name.
func (t Sealed) String() string {
	name, _, _ := t.parts()
	return name
}

// Columns are the table's sealed columns: one or two.
func (t Sealed) Columns() []string {
	_, _, columns := t.parts()
	return columns
}

// Key is the column of the table's ids.
func (t Sealed) Key() string {
	_, id, _ := t.parts()
	return id
}

// parts are the table's name, its id, and its sealed columns: one or two.
func (t Sealed) parts() (name, id string, columns []string) {
	switch t {
	case SealedUsers:
		return "users", "id", []string{"phone"}
	case SealedFailures:
		return "failure", "id", []string{"phone"}
	case SealedMessages:
		return "message", "id", []string{"phone", "body"}
	case SealedPeers:
		return "tunnel_peer", "device", []string{"private_key", "preshared_key"}
	case SealedApps:
		return "app", "id", []string{"test_numbers", "secrets"}
	case SealedReplies:
		return "reply", "id", []string{"phone", "text"}
	case SealedRecipients:
		return "schedule_recipient", "id", []string{"phone", "body"}
	case SealedOptOuts:
		return "opt_out", "id", []string{"phone"}
	case SealedChecks:
		return "number_check", "id", []string{"phone", "phone_hash"}
	case SealedSigningKeys:
		return "signing_key", "id", []string{"private_key"}
	case SealedProfiles:
		return "profile", "user_id", []string{"body"}
	}
	return "", "", nil
}

// SealedRow is a row's id and its sealed columns, in the order of the table's;
// a table with one leaves Second nil.
type SealedRow struct {
	ID            int64
	First, Second []byte
}

// keyColumn is the id of the key in a sealed value (keyring.SealedUnder).
func keyColumn(column string) string { return "SUBSTR(" + column + ", 2, 2)" }

func keyBytes(key uint16) []byte { return binary.BigEndian.AppendUint16(nil, key) }

// SealedOtherwise lists up to limit rows with ids above after, in the order of
// ids, that have a value sealed under another key than newest.
func SealedOtherwise(ctx context.Context, q store.SQL, t Sealed, newest uint16, after int64, limit int) (rows []SealedRow, err error) {
	name, id, columns := t.parts()
	var other []string
	for _, column := range columns {
		other = append(other, keyColumn(column)+" <> $2")
	}
	sql := "SELECT " + id + ", " + strings.Join(columns, ", ") + " FROM " + name + " WHERE " + id + " > $1 AND (" +
		strings.Join(other, " OR ") + ") ORDER BY " + id + " LIMIT $3"
	err = q.Query(ctx, sql, func(r store.Scanner) error {
		var row SealedRow
		to := []any{&row.ID, &row.First, &row.Second}
		err := r.Scan(to[:1+len(columns)]...)
		rows = append(rows, row)
		return err
	}, after, keyBytes(newest), int64(limit))
	return rows, err
}

// CountSealedUnder counts the rows that have a value sealed under a key. It
// reads the whole table.
func CountSealedUnder(ctx context.Context, q store.SQL, t Sealed, key uint16) (n int64, err error) {
	name, _, columns := t.parts()
	var under []string
	for _, column := range columns {
		under = append(under, keyColumn(column)+" = $1")
	}
	err = q.Query(ctx, "SELECT COUNT(*) FROM "+name+" WHERE "+strings.Join(under, " OR "),
		func(r store.Scanner) error { return r.Scan(&n) }, keyBytes(key))
	return n, err
}

// ResealPeer replaces the sealed keys of a peer that has the old values still;
// private may be nil in both.
func ResealPeer(ctx context.Context, q store.SQL, old SealedRow, private, preshared []byte) error {
	if len(old.First) == 0 {
		_, err := q.Exec(ctx, `UPDATE tunnel_peer SET preshared_key = $1 WHERE device = $2 AND preshared_key = $3`, preshared, old.ID, old.Second)
		return err
	}
	_, err := q.Exec(ctx, `UPDATE tunnel_peer SET private_key = $1, preshared_key = $2 WHERE device = $3 AND private_key = $4 AND preshared_key = $5`,
		private, preshared, old.ID, old.First, old.Second)
	return err
}

// LiveCodesUnder counts the codes that can still be answered at now and are
// signed under a pepper.
func LiveCodesUnder(ctx context.Context, q store.SQL, key uint16, now store.Time) (n int64, err error) {
	// A range over each side lets the engine use the indexes of live codes; a
	// code that has both sides counts once.
	for _, where := range []string{"idx_a IS NOT NULL", "idx_b IS NOT NULL AND idx_a IS NULL"} {
		var some int64
		err := q.Query(ctx, `SELECT COUNT(*) FROM verification WHERE state IN (0, 1) AND app > 0 AND `+where+
			` AND code_key = $1 AND expires > $2`, func(r store.Scanner) error { return r.Scan(&some) }, int64(key), int64(now))
		if err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}

// CountLackingIndex counts what LackingIndex lists, and CountIndexed the rows
// that a side finds. Both read the table, or its index.
func CountLackingIndex(ctx context.Context, q store.SQL, t Indexed, side Side) (n int64, err error) {
	where := "phone IS NOT NULL"
	if t == IndexedVerifications {
		where = "state IN (0, 1) AND app > 0 AND " + (!side).column() + " IS NOT NULL"
	}
	err = q.Query(ctx, "SELECT COUNT(*) FROM "+t.table()+" WHERE "+side.column()+" IS NULL AND "+where,
		func(r store.Scanner) error { return r.Scan(&n) })
	return n, err
}

// CountIndexed counts the rows that can be found by a side (see HasIndex).
func CountIndexed(ctx context.Context, q store.SQL, t Indexed, side Side) (n int64, err error) {
	where := "app > 0"
	switch t {
	case IndexedUsers:
		where = "tenant > 0"
	case IndexedVerifications:
		where = "app > 0 AND state IN (0, 1)"
	case IndexedOptOuts:
		where = "tenant > 0"
	case IndexedReplies:
		where = "1 = 1"
	case IndexedFailures, IndexedChecks:
	}
	err = q.Query(ctx, "SELECT COUNT(*) FROM "+t.table()+" WHERE "+where+" AND "+side.column()+" IS NOT NULL",
		func(r store.Scanner) error { return r.Scan(&n) })
	return n, err
}
