package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Template is a row of the table template. Kind and State are those of package
// message.
type Template struct {
	ID      int64
	App     core.AppID // 0: every app's
	Ref     string     // the id as its app says it
	Name    string     // by which providers map it
	Kind    uint8
	State   uint8
	Text    string
	TTL     int64 // seconds
	Remark  string
	Reason  string
	Version int64
	Created store.Time
	Updated store.Time
	Deleted store.Time // 0: it is there
}

// NextTemplateID is the id that InsertTemplate can use now: above every other,
// and not the ref of another template of the app.
func NextTemplateID(ctx context.Context, q store.SQL, app core.AppID) (int64, error) {
	return nextFreeID(ctx, q, "template", app)
}

// nextFreeID looks for an id that is no ref of the app either: imported refs are
// often numbers.
func nextFreeID(ctx context.Context, q store.SQL, table string, app core.AppID) (int64, error) {
	id, err := nextID(ctx, q, `SELECT COALESCE(MAX(id), 0) + 1 FROM `+table)
	for taken := true; err == nil && taken; {
		taken = false
		err = q.Query(ctx, `SELECT 1 FROM `+table+` WHERE app = $1 AND ref = $2`, func(store.Scanner) error { taken = true; return nil },
			int64(app), decimal(id))
		if taken {
			id++
		}
	}
	return id, err
}

// InsertTemplate inserts a template. store.ErrUnique: the id, or the ref within
// the app, is taken.
func InsertTemplate(ctx context.Context, q store.SQL, t Template) error {
	_, err := q.Exec(ctx, `INSERT INTO template (id, app, ref, name, kind, state, text, ttl, remark, reason, version, created, updated, deleted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		t.ID, int64(t.App), t.Ref, t.Name, int64(t.Kind), int64(t.State), t.Text, t.TTL, t.Remark, t.Reason, t.Version,
		int64(t.Created), int64(t.Updated), int64(t.Deleted))
	return err
}

// UpdateTemplate writes a template that was read with the same version; false
// when it was changed meanwhile, or does not exist. Its id, app and ref stay.
func UpdateTemplate(ctx context.Context, q store.SQL, t Template) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE template SET name = $1, kind = $2, state = $3, text = $4, ttl = $5, remark = $6, reason = $7,
		version = version + 1, updated = $8, deleted = $9 WHERE id = $10 AND version = $11`,
		t.Name, int64(t.Kind), int64(t.State), t.Text, t.TTL, t.Remark, t.Reason, int64(t.Updated), int64(t.Deleted), t.ID, t.Version)
	return n == 1, err
}

// Templates lists the templates that are not deleted, by id.
func Templates(ctx context.Context, q store.SQL) ([]Template, error) {
	return readTemplates(ctx, q, ` WHERE deleted = 0 ORDER BY id`)
}

// TemplateByRef reads an app's template, a deleted one too; false when there is
// none.
func TemplateByRef(ctx context.Context, q store.SQL, app core.AppID, ref string) (Template, bool, error) {
	return first(readTemplates(ctx, q, ` WHERE app = $1 AND ref = $2`, int64(app), ref))
}

func first[T any](found []T, err error) (T, bool, error) {
	var none T
	if err != nil || len(found) == 0 {
		return none, false, err
	}
	return found[0], true, nil
}

func readTemplates(ctx context.Context, q store.SQL, where string, args ...any) ([]Template, error) {
	var all []Template
	err := q.Query(ctx, `SELECT id, app, ref, name, kind, state, text, ttl, remark, reason, version, created, updated, deleted FROM template`+where,
		func(r store.Scanner) error {
			var app, kind, state, created, updated, deleted int64
			var t Template
			if err := r.Scan(&t.ID, &app, &t.Ref, &t.Name, &kind, &state, &t.Text, &t.TTL, &t.Remark, &t.Reason, &t.Version,
				&created, &updated, &deleted); err != nil {
				return err
			}
			t.App, t.Kind, t.State = core.AppID(app), uint8(kind), uint8(state)
			t.Created, t.Updated, t.Deleted = store.Time(created), store.Time(updated), store.Time(deleted)
			all = append(all, t)
			return nil
		}, args...)
	return all, err
}
