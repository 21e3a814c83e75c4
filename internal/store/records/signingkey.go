package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// SigningKey is a row of the table signing_key.
type SigningKey struct {
	ID      int64
	App     core.AppID // 0: the installation's
	KeyID   string
	Private []byte // sealed
	Created store.Time
	Ends    store.Time // until when a replaced one is published; 0: it signs

	Imported bool // it was issued elsewhere: somebody else may have it, too
}

// SigningKeys lists the keys of an app that are published at now, the newest
// last.
func SigningKeys(ctx context.Context, q store.SQL, app core.AppID, now store.Time) ([]SigningKey, error) {
	return readSigningKeys(ctx, q, ` WHERE app = $1 AND (ends = 0 OR ends > $2) ORDER BY id`, int64(app), int64(now))
}

// AllSigningKeys lists the keys of all apps that are published at now, by id.
func AllSigningKeys(ctx context.Context, q store.SQL, now store.Time) ([]SigningKey, error) {
	return readSigningKeys(ctx, q, ` WHERE ends = 0 OR ends > $1 ORDER BY id`, int64(now))
}

// HasSigningKey tells whether a key has a kid.
func HasSigningKey(ctx context.Context, q store.SQL, kid string) (bool, error) {
	keys, err := readSigningKeys(ctx, q, ` WHERE kid = $1`, kid)
	return len(keys) > 0, err
}

func readSigningKeys(ctx context.Context, q store.SQL, where string, args ...any) (keys []SigningKey, err error) {
	err = q.Query(ctx, `SELECT id, app, kid, private_key, created, ends, imported FROM signing_key`+where, func(r store.Scanner) error {
		var k SigningKey
		var id, created, ends int64
		err := r.Scan(&k.ID, &id, &k.KeyID, &k.Private, &created, &ends, &k.Imported)
		k.App, k.Created, k.Ends = core.AppID(id), store.Time(created), store.Time(ends)
		keys = append(keys, k)
		return err
	}, args...)
	return keys, err
}

// InsertSigningKey adds a key, which gets the next id, and ends the one that
// signed until now. Keys that are not published any more go. store.ErrUnique:
// somebody else did the same just now.
func InsertSigningKey(ctx context.Context, q store.SQL, k SigningKey, oldUntil store.Time) error {
	if _, err := q.Exec(ctx, `DELETE FROM signing_key WHERE app = $1 AND ends <> 0 AND ends <= $2`, int64(k.App), int64(k.Created)); err != nil {
		return err
	}
	if _, err := q.Exec(ctx, `UPDATE signing_key SET ends = $1 WHERE app = $2 AND ends = 0`, int64(oldUntil), int64(k.App)); err != nil {
		return err
	}
	var highest int64
	if err := q.Query(ctx, `SELECT COALESCE(MAX(id), 0) FROM signing_key`, func(r store.Scanner) error { return r.Scan(&highest) }); err != nil {
		return err
	}
	_, err := q.Exec(ctx, `INSERT INTO signing_key (id, app, kid, private_key, created, ends, imported) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		highest+1, int64(k.App), k.KeyID, k.Private, int64(k.Created), int64(k.Ends), k.Imported)
	return err
}

// ResealSigningKey replaces the sealed half of a key that has the old value
// still.
func ResealSigningKey(ctx context.Context, q store.SQL, old SealedRow, private []byte) error {
	_, err := q.Exec(ctx, `UPDATE signing_key SET private_key = $1 WHERE id = $2 AND private_key = $3`, private, old.ID, old.First)
	return err
}
