package records

import (
	"context"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// OptOut is a row of the table opt_out: a number that wants no marketing under
// a signature of a tenant.
type OptOut struct {
	ID        int64
	Tenant    core.TenantID
	App       core.AppID // whose message was replied to
	Signature string
	Index     core.PhoneIndex
	Phone     []byte // sealed
	At        store.Time
}

// InsertOptOut adds a row. store.ErrUnique: the number is there already.
func InsertOptOut(ctx context.Context, q store.SQL, o OptOut) error {
	_, err := q.Exec(ctx, `INSERT INTO opt_out (id, tenant, app, signature, idx_a, idx_b, phone, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		o.ID, int64(o.Tenant), int64(o.App), o.Signature, sideOf(o.Index.A), sideOf(o.Index.B), o.Phone, int64(o.At))
	return err
}

// DeleteOptOut removes a number's row and tells whether there was one.
func DeleteOptOut(ctx context.Context, q store.SQL, tenant core.TenantID, signature string, index core.PhoneIndex) (bool, error) {
	side, value := lookup(index)
	n, err := q.Exec(ctx, `DELETE FROM opt_out WHERE tenant = $1 AND signature = $2 AND `+side+` = $3`, int64(tenant), signature, value)
	return n > 0, err
}

// OptOuts are the newest rows of a tenant with ids below before (0: all), at
// most limit of them. Index is left out.
func OptOuts(ctx context.Context, q store.SQL, tenant core.TenantID, before int64, limit int) (all []OptOut, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	err = q.Query(ctx, `SELECT id, app, signature, phone, at FROM opt_out WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, func(r store.Scanner) error {
		o := OptOut{Tenant: tenant}
		var app, at int64
		err := r.Scan(&o.ID, &app, &o.Signature, &o.Phone, &at)
		o.App, o.At = core.AppID(app), store.Time(at)
		all = append(all, o)
		return err
	}, int64(tenant), before, int64(limit))
	return all, err
}

// optOutPage is how many numbers one statement asks for.
const optOutPage = 250

// OptedOut tells which of the numbers opted out of a signature: a few hundred of
// them in one statement.
func OptedOut(ctx context.Context, q store.SQL, tenant core.TenantID, signature string, numbers []core.PhoneIndex) (map[core.IndexValue]bool, error) {
	var found map[core.IndexValue]bool
	for len(numbers) > 0 {
		page := numbers[:min(len(numbers), optOutPage)]
		numbers = numbers[len(page):]
		side, _ := lookup(page[0])
		args := make([]any, 0, len(page)+2)
		args = append(args, int64(tenant), signature)
		var places strings.Builder
		for i := range page {
			if i > 0 {
				places.WriteByte(',')
			}
			places.WriteString("$" + strconv.Itoa(i+3))
			_, value := lookup(page[i])
			args = append(args, value)
		}
		err := q.Query(ctx, `SELECT `+side+` FROM opt_out WHERE tenant = $1 AND signature = $2 AND `+side+` IN (`+places.String()+`)`,
			func(r store.Scanner) error {
				var value []byte
				if err := r.Scan(&value); err != nil {
					return err
				}
				if found == nil {
					found = map[core.IndexValue]bool{}
				}
				found[core.IndexValue(value)] = true
				return nil
			}, args...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// lookup is the column by which rows are found now, and its value.
func lookup(index core.PhoneIndex) (column string, value []byte) {
	v := index.Lookup()
	return Side(index.ByB).column(), v[:]
}

// sideOf is a column of the index; one that is not computed is NULL.
func sideOf(v core.IndexValue) any {
	if v.IsZero() {
		return nil
	}
	return v[:]
}
