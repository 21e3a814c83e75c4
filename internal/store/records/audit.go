package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// Audit is a row of the table audit: one change that somebody made. Before and
// After are JSON without secrets, or empty.
type Audit struct {
	ID      int64
	At      store.Time
	Actor   string
	Action  string // such as "app.update"
	Object  string // such as "app 3"
	Request string // the id of the request that made it
	Before  string
	After   string
}

// InsertAudit adds a row after the newest one; a.ID is ignored. Rows are never
// changed. store.ErrUnique when another transaction took the id meanwhile.
func InsertAudit(ctx context.Context, q store.SQL, a Audit) error {
	id, err := nextID(ctx, q, `SELECT COALESCE(MAX(id), 0) + 1 FROM audit`)
	if err != nil {
		return err
	}
	_, err = q.Exec(ctx, `INSERT INTO audit (id, at, actor, action, object, request, old_value, new_value)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, int64(a.At), a.Actor, a.Action, a.Object, a.Request, a.Before, a.After)
	return err
}

// Audits lists at most limit rows, newest first, with ids below before; 0
// means from the newest one on.
func Audits(ctx context.Context, q store.SQL, before int64, limit int) ([]Audit, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	var rows []Audit
	err := q.Query(ctx, `SELECT id, at, actor, action, object, request, old_value, new_value FROM audit
		WHERE id < $1 ORDER BY id DESC LIMIT $2`, func(r store.Scanner) error {
		var at int64
		var a Audit
		if err := r.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Request, &a.Before, &a.After); err != nil {
			return err
		}
		a.At = store.Time(at)
		rows = append(rows, a)
		return nil
	}, before, int64(limit))
	return rows, err
}

// PruneAudit looks at the oldest rows, removes those from before an instant and
// tells how many: fewer than limit when it is done. The newest row stays,
// because the next id comes from it.
func PruneAudit(ctx context.Context, q store.SQL, before store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT $1)
		AND at < $2 AND id < (SELECT MAX(id) FROM audit)`, int64(limit), int64(before))
}
