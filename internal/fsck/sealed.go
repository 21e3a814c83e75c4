package fsck

import (
	"context"

	"fmt"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
)

// sealed checks that the keyring opens what is sealed, that it finds numbers by
// their index, and that it has the peppers of live codes.
func (r *run) sealed(ctx context.Context) error {
	if r.Ring == nil {
		return nil
	}
	if err := r.ask(ctx, "user", `SELECT 'user ' || id || ' can not be found by any number' FROM users WHERE idx_a IS NULL AND idx_b IS NULL ORDER BY id`); err != nil {
		return err
	}
	if err := r.peppers(ctx); err != nil {
		return err
	}
	for _, table := range records.SealedTables() {
		if err := r.openTable(ctx, table); err != nil {
			return err
		}
	}
	for _, t := range []struct{ check, table, phone, where string }{
		{"user", "users r", "r.phone", "1 = 1"},
		{"counter", "failure r", "r.phone", "1 = 1"},
		{"reply", "reply r", "r.phone", "1 = 1"},
		{"opt_out", "opt_out r", "r.phone", "1 = 1"},
		{"number_check", "number_check r", "r.phone", "1 = 1"},
		{"code", "verification r JOIN message m ON m.id = r.message", "m.phone", "r.state IN (0, 1)"},
	} {
		if err := r.index(ctx, t.check, t.table, t.phone, t.where); err != nil {
			return err
		}
	}
	return nil
}

// peppers checks that live codes can still be compared.
func (r *run) peppers(ctx context.Context) error {
	have, n := r.Ring.CodeKeyIDs(), 0
	err := r.q.Query(ctx, `SELECT code_key, COUNT(*) FROM verification WHERE state IN (0, 1) GROUP BY code_key ORDER BY code_key`, func(row store.Scanner) error {
		var key, codes int64
		err := row.Scan(&key, &codes)
		if err == nil && !slices.Contains(have, uint16(key)) {
			n++
			r.found("code", fmt.Sprintf("%d live codes are signed under the code key %d, which the keyring lacks", codes, key), n)
		}
		return err
	})
	return r.done(ctx, "code", n, err)
}

// pageRows is how many rows are read at a time.
const pageRows = 1000

// openTable opens the sealed fields of a table's newest rows, or of all.
func (r *run) openTable(ctx context.Context, t records.Sealed) error {
	columns := t.Columns()
	sql := fmt.Sprintf("SELECT %[1]s, %[2]s FROM %[3]s WHERE %[1]s < $1 ORDER BY %[1]s DESC LIMIT $2", t.Key(), strings.Join(columns, ", "), t)
	n := 0
	_, err := r.pages(ctx, sql, func(row store.Scanner) (int64, error) {
		var f records.SealedRow
		to := []any{&f.ID, &f.First, &f.Second}
		if err := row.Scan(to[:1+len(columns)]...); err != nil {
			return 0, err
		}
		r.Opened++
		if err := r.open(t, f); err != nil {
			n++
			r.found("sealed", fmt.Sprintf("row %d of %s: %v", f.ID, t, err), n)
		}
		return f.ID, nil
	})
	return r.done(ctx, "sealed", n, err)
}

// open opens the fields of one row. Its errors say nothing of what is inside.
func (r *run) open(t records.Sealed, row records.SealedRow) error {
	switch t {
	case records.SealedPeers:
		return tunnel.CheckSealed(r.Ring, core.DeviceID(row.ID), row.First, row.Second)
	case records.SealedApps:
		return tenant.CheckSealed(r.Ring, row.First, row.Second)
	case records.SealedSigningKeys:
		return oauth.CheckSealed(r.Ring, row.First)
	case records.SealedProfiles:
		_, err := account.OpenProfile(r.Ring, row.First)
		return err
	case records.SealedReplies:
		if _, err := r.Ring.Open(reply.TextField, row.Second); err != nil {
			return err
		}
	case records.SealedChecks:
		if len(row.Second) > 0 {
			if _, err := r.Ring.Open(numberverify.HashField, row.Second); err != nil {
				return err
			}
		}
	case records.SealedMessages, records.SealedRecipients:
		if len(row.Second) > 0 {
			if _, err := r.Ring.Open(outbox.BodyField, row.Second); err != nil {
				return err
			}
		}
	case records.SealedUsers, records.SealedFailures, records.SealedOptOuts:
	}
	if len(row.First) == 0 {
		return nil
	}
	_, err := account.IndexOf(r.Ring, row.First)
	return err
}

// index checks that rows are found by the number that they have sealed.
func (r *run) index(ctx context.Context, check, from, phone, where string) error {
	n := 0
	sql := fmt.Sprintf("SELECT r.id, %[1]s, r.idx_a, r.idx_b FROM %[2]s WHERE r.id < $1 AND %[1]s IS NOT NULL AND %[3]s ORDER BY r.id DESC LIMIT $2", phone, from, where)
	_, err := r.pages(ctx, sql, func(row store.Scanner) (id int64, err error) {
		var phone, a, b []byte
		if err := row.Scan(&id, &phone, &a, &b); err != nil {
			return 0, err
		}
		want, err := account.IndexOf(r.Ring, phone)
		if err == nil && !found(want, a, b) {
			n++
			r.found(check, fmt.Sprintf("%d is not found by the number that it has", id), n)
		}
		return id, nil //nolint:nilerr // openTable tells of what can not be opened
	})
	return r.done(ctx, check, n, err)
}

// found tells whether a row has the value by which the keyring finds it, and no
// wrong one on the other side. A side whose key is gone, or not filled yet, does
// not count.
func found(want core.PhoneIndex, a, b []byte) bool {
	lookup := string(a)
	if want.ByB {
		lookup = string(b)
	}
	value := want.Lookup()
	return lookup == string(value[:]) && fits(want.A, a) && fits(want.B, b)
}

func fits(want core.IndexValue, have []byte) bool {
	return want.IsZero() || len(have) == 0 || string(have) == string(want[:])
}

// pages reads rows with ids in descending order, a page at a time, as far as
// the sample goes. one gives the id of its row.
func (r *run) pages(ctx context.Context, sql string, one func(store.Scanner) (int64, error)) (rows int, err error) {
	for before := int64(1<<63 - 1); ; {
		limit := pageRows
		if r.Sample > 0 {
			limit = min(limit, r.Sample-rows)
		}
		if limit == 0 {
			return rows, nil
		}
		n := 0
		err := r.q.Query(ctx, sql, func(row store.Scanner) (err error) {
			before, err = one(row)
			n++
			return err
		}, before, int64(limit))
		rows += n
		if err != nil || n < limit {
			return rows, err
		}
	}
}
