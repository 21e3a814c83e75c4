package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// Setting reads a text by its name.
func Setting(ctx context.Context, q store.SQL, name string) (value string, found bool, err error) {
	err = q.Query(ctx, `SELECT value FROM setting WHERE name = $1`, func(r store.Scanner) error {
		found = true
		return r.Scan(&value)
	}, name)
	return value, found, err
}

// PutSetting writes a text under a name, in place of an earlier one.
func PutSetting(ctx context.Context, q store.SQL, name, value string) error {
	changed, err := q.Exec(ctx, `UPDATE setting SET value = $1 WHERE name = $2`, value, name)
	if err != nil || changed > 0 {
		return err
	}
	_, err = q.Exec(ctx, `INSERT INTO setting (name, value) VALUES ($1, $2)`, name, value)
	return err
}

// ProbeWrite writes and changes nothing, which shows that the database can be
// written.
func ProbeWrite(ctx context.Context, q store.SQL) error {
	_, err := q.Exec(ctx, `UPDATE revision SET number = number WHERE id = 1`)
	return err
}

// Revision is the number that goes up with every change of the configuration.
func Revision(ctx context.Context, q store.SQL) (number int64, err error) {
	err = q.Query(ctx, `SELECT number FROM revision WHERE id = 1`, func(r store.Scanner) error { return r.Scan(&number) })
	return number, err
}

// BumpRevision makes every node read the configuration again.
func BumpRevision(ctx context.Context, q store.SQL) error {
	_, err := q.Exec(ctx, `UPDATE revision SET number = number + 1 WHERE id = 1`)
	return err
}
