package tenant

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Rotation is how RotateKey treats the keys that an app has.
type Rotation struct {
	// OldValidUntil is when the old keys end; the zero time ends them at once.
	OldValidUntil time.Time
}

// longestOverlap is how long old keys may stay valid after a rotation.
const longestOverlap = 365 * 24 * time.Hour

// until is when the old keys end. KindBadField for a time that is past, or more
// than a year ahead.
func (r Rotation) until(now time.Time) (time.Time, error) {
	switch at := r.OldValidUntil; {
	case at.IsZero():
		return now, nil
	case at.Before(now) || at.Sub(now) > longestOverlap:
		return now, bad("old_valid_until", "want a time from now to a year ahead")
	default:
		return at, nil
	}
}

// RotateKey gives an app a new yunbox key and shows it this once. The old ones
// end at the given time: an app's servers can change over meanwhile
// (contracts/yunbox.md §1). KindBadField for a time that is past or more than
// a year ahead, KindNotFound for the app.
func (a *Admin) RotateKey(ctx context.Context, by By, id core.AppID, r Rotation) (AppView, core.Secret, error) {
	until, err := r.until(a.now())
	if err != nil {
		return AppView{}, core.Secret{}, err
	}
	key, err := newKey(a.random)
	if err != nil {
		return AppView{}, core.Secret{}, classified(err)
	}
	var view AppView
	err = a.change(ctx, func(q store.SQL) error {
		row, err := appByID(ctx, q, id)
		if err != nil {
			return err
		}
		before, err := a.viewOf(ctx, q, row)
		if err != nil {
			return err
		}
		added, err := a.insertKey(ctx, q, id, DialectYunbox, key)
		if err != nil {
			return err
		}
		if _, err := records.LimitCredentials(ctx, q, id, string(DialectYunbox), added, store.At(until)); err != nil {
			return err
		}
		if view, err = a.viewOf(ctx, q, row); err != nil {
			return err
		}
		return a.audit(ctx, q, by, "app.rotate_key", appObject(id), before, view)
	})
	if err != nil {
		return AppView{}, core.Secret{}, err
	}
	return view, key, nil
}

// insertKey stores a key's hash under the newest token key. A key that an app
// of the installation has already, under whichever token key, is KindConflict.
func (a *Admin) insertKey(ctx context.Context, q store.SQL, app core.AppID, dialect Dialect, key core.Secret) (int64, error) {
	hashes := a.keys.TokenHashes(key.Reveal())
	for _, hash := range hashes {
		if _, taken, err := records.CredentialByHash(ctx, q, hash); err != nil {
			return 0, err
		} else if taken {
			return 0, core.E(core.KindConflict, "the key is in use")
		}
	}
	id, err := records.NextCredentialID(ctx, q)
	if err != nil {
		return 0, err
	}
	return id, records.InsertCredential(ctx, q, records.Credential{ID: id, App: app, Dialect: string(dialect),
		Hash: hashes[0], Created: store.At(a.now())})
}
