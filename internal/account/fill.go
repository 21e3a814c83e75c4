package account

import (
	"bytes"
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// fillIndex writes a side of the blind index into rows that lack it. It is a
// command, so that no batch works on an older state of these rows.
type fillIndex struct {
	table records.Indexed
	side  records.Side
	rows  []indexedRow
}

type indexedRow struct {
	id     int64
	sealed []byte // what the index was computed from
	index  core.PhoneIndex
}

// newFillIndex opens the numbers of rows and computes their index. A row that
// can not be opened is an error: after the swap it could not be found any more.
func newFillIndex(ring *keyring.Ring, table records.Indexed, side records.Side, rows []records.Unindexed) (*fillIndex, error) {
	c := &fillIndex{table: table, side: side, rows: make([]indexedRow, len(rows))}
	for i, row := range rows {
		index, err := IndexOf(ring, row.Phone)
		if err != nil {
			return nil, fmt.Errorf("the number of row %d of table %d: %w", row.ID, table, err)
		}
		c.rows[i] = indexedRow{id: row.ID, sealed: row.Phone, index: index}
	}
	return c, nil
}

// Want names the rows.
func (c *fillIndex) Want(b *store.Batch) {
	for i := range c.rows {
		switch id := c.rows[i].id; c.table {
		case records.IndexedUsers:
			b.Users.Want(core.UserID(id))
		case records.IndexedFailures:
			b.Failures.Want(core.FailureID(id))
		case records.IndexedVerifications:
			b.Verifications.Want(core.VerificationID(id))
		case records.IndexedChecks:
			b.NumberChecks.Want(core.NumberCheckID(id))
		case records.IndexedReplies, records.IndexedOptOuts: // direct
		}
	}
}

// Decide passes over rows that are gone, have another number, or have the side
// by now.
func (c *fillIndex) Decide(b *store.Batch) error {
	for i := range c.rows {
		switch row := &c.rows[i]; c.table {
		case records.IndexedUsers:
			if u, ok := b.Users.Get(core.UserID(row.id)); ok && bytes.Equal(u.Phone, row.sealed) && c.fill(&u.Index, row.index) {
				b.PutUser(u)
			}
		case records.IndexedFailures:
			if f, ok := b.Failures.Get(core.FailureID(row.id)); ok && bytes.Equal(f.Phone, row.sealed) && c.fill(&f.Index, row.index) {
				b.PutFailure(f)
			}
		case records.IndexedVerifications:
			if v, ok := b.Verifications.Get(core.VerificationID(row.id)); ok && v.State.Live() && c.fill(&v.Index, row.index) {
				b.PutVerification(v)
			}
		case records.IndexedChecks:
			if n, ok := b.NumberChecks.Get(core.NumberCheckID(row.id)); ok && bytes.Equal(n.Phone, row.sealed) && c.fill(&n.Index, row.index) {
				b.NumberChecks.Put(n.ID, n)
			}
		case records.IndexedReplies, records.IndexedOptOuts:
		}
	}
	return nil
}

// direct fills rows that no batch works on.
func (c *fillIndex) direct(ctx context.Context, db records.Updater) error {
	return records.Update(ctx, db, func(q store.SQL) error {
		for _, row := range c.rows {
			value := row.index.A
			if c.side == records.SideB {
				value = row.index.B
			}
			if value.IsZero() {
				continue
			}
			if err := records.FillIndex(ctx, q, c.table, c.side, row.id, value); err != nil {
				return err
			}
		}
		return nil
	})
}

// fill sets the side, unless it is set, and tells whether it did.
func (c *fillIndex) fill(row *core.PhoneIndex, value core.PhoneIndex) bool {
	to, from := &row.A, value.A
	if c.side == records.SideB {
		to, from = &row.B, value.B
	}
	if !to.IsZero() || from.IsZero() {
		return false
	}
	*to = from
	return true
}
