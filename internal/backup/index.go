package backup

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
)

// Indexed is what became of the numbers' index.
type Indexed struct {
	Anew       int64 `json:"anew"`       // rows that the keyring's index did not find any more
	Unreadable int64 `json:"unreadable"` // rows whose number can not be opened: damaged
	Twins      int64 `json:"twins"`      // rows that stay as they are, because another one has their number: damaged
}

// indexPage is how many rows are looked at between two writes.
const indexPage = 1000

// index sees to it that every number is found by the keyring's index: it may
// have been rotated since the backup was made, and what is not found would
// become a second user at its next login.
func index(ctx context.Context, q store.SQL, ring *keyring.Ring) (Indexed, error) {
	var done Indexed
	for _, t := range []indexedTable{
		{"users", "tenant", `SELECT id, phone, idx_a, idx_b FROM users WHERE id > $1 AND phone IS NOT NULL ORDER BY id LIMIT $2`},
		{"failure", "app, purpose, scope", `SELECT id, phone, idx_a, idx_b FROM failure WHERE id > $1 AND phone IS NOT NULL ORDER BY id LIMIT $2`},
		{"verification", "", `SELECT v.id, m.phone, v.idx_a, v.idx_b FROM verification v JOIN message m ON m.id = v.message
			WHERE v.id > $1 AND v.state IN (0, 1) AND m.phone IS NOT NULL ORDER BY v.id LIMIT $2`},
		{"number_check", "", `SELECT id, phone, idx_a, idx_b FROM number_check WHERE id > $1 AND phone IS NOT NULL ORDER BY id LIMIT $2`},
		{"reply", "", `SELECT id, phone, idx_a, idx_b FROM reply WHERE id > $1 ORDER BY id LIMIT $2`},
		{"opt_out", "tenant, signature", `SELECT id, phone, idx_a, idx_b FROM opt_out WHERE id > $1 ORDER BY id LIMIT $2`},
	} {
		for after, more := int64(0), true; more; {
			var err error
			if after, more, err = done.page(ctx, q, ring, t, after); err != nil {
				return done, fmt.Errorf("table %s: %w", t.name, err)
			}
		}
	}
	return done, nil
}

// indexedTable is a table whose rows are found by numbers.
type indexedTable struct {
	name string
	one  string // there is one row of a number for these columns; "" is no such rule
	page string // id, sealed number and both sides of rows with ids above $1, $2 of them
}

// page looks at one page of rows and writes those that have another index.
func (d *Indexed) page(ctx context.Context, q store.SQL, ring *keyring.Ring, t indexedTable, after int64) (last int64, more bool, err error) {
	anew := make(map[int64]core.PhoneIndex)
	rows := 0
	err = q.Query(ctx, t.page, func(r store.Scanner) error {
		var phone, a, b []byte
		if err := r.Scan(&last, &phone, &a, &b); err != nil {
			return err
		}
		rows++
		want, err := account.IndexOf(ring, phone)
		if err != nil {
			d.Unreadable++
			return nil //nolint:nilerr // one damaged row does not keep the others away
		}
		if string(a) != string(side(want.A)) || string(b) != string(side(want.B)) {
			anew[last] = want
		}
		return nil
	}, after, int64(indexPage))
	for id, index := range anew {
		if err == nil {
			err = d.put(ctx, q, t, id, index)
		}
	}
	return last, rows == indexPage, err
}

// put writes the index of a row, unless another row has it.
func (d *Indexed) put(ctx context.Context, q store.SQL, t indexedTable, id int64, index core.PhoneIndex) error {
	twin := false
	if t.one != "" {
		sql := fmt.Sprintf(`SELECT 1 FROM %[1]s WHERE (%[2]s) = (SELECT %[2]s FROM %[1]s WHERE id = $1) AND id <> $1 AND (idx_a = $2 OR idx_b = $3) LIMIT 1`, t.name, t.one)
		err := q.Query(ctx, sql, func(store.Scanner) error { twin = true; return nil }, id, side(index.A), side(index.B))
		if err != nil {
			return err
		}
	}
	if twin {
		d.Twins++
		return nil
	}
	d.Anew++
	_, err := q.Exec(ctx, "UPDATE "+t.name+" SET idx_a = $1, idx_b = $2 WHERE id = $3", side(index.A), side(index.B), id)
	return err
}

// side is a column of the index; one that is not computed is NULL.
func side(v core.IndexValue) []byte {
	if v.IsZero() {
		return nil
	}
	return v[:]
}
