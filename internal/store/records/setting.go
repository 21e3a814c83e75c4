package records

import (
	"context"
	"crypto/sha256"

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

// probeSize is what a probe needs of the disk: more than is free in the pages
// that are in use.
const probeSize = 32 << 10

// ProbeWrite writes something and removes it again, which shows that the
// database can be written and has room to grow.
func ProbeWrite(ctx context.Context, q store.SQL) error {
	key, value := []byte("probe"), make([]byte, 0, probeSize)
	for sum := sha256.Sum256(key); len(value) < probeSize; sum = sha256.Sum256(sum[:]) { // nothing can compress it
		value = append(value, sum[:]...)
	}
	if _, err := q.Exec(ctx, `INSERT INTO once (key, value, expires) VALUES ($1, $2, $3)`, key, value, int64(1)); err != nil {
		return err
	}
	_, err := q.Exec(ctx, `DELETE FROM once WHERE key = $1`, key)
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
