package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// openKeyring opens the keyring that belongs to the database. A new one is
// made only for a database that has never had one: with a lost keyring nothing
// in the database could be read or checked again, so that is told, not mended.
func openKeyring(ctx context.Context, db store.Engine, path string, random io.Reader, now time.Time) (*keyring.Ring, error) {
	installation, generation, err := boundKeyring(ctx, db)
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Open(path, random)
	if errors.Is(err, keyring.ErrMissing) {
		if installation != "" {
			return nil, fmt.Errorf("the keyring %s is missing, and without it this database can not be read: put the keyring of installation %s back in its place", path, installation)
		}
		ring, err = keyring.Create(path, random, now)
	}
	if err != nil {
		return nil, err
	}
	if installation != "" {
		if err := ring.CheckDatabase(installation, generation); err != nil {
			return nil, err
		}
	}
	return ring, bindAtStart(ctx, db, ring, now)
}

func boundKeyring(ctx context.Context, db store.Engine) (installation string, generation uint64, err error) {
	err = db.View(ctx, func(q store.SQL) (err error) {
		installation, generation, err = records.BoundKeyring(ctx, q)
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("read which keyring the database belongs to: %w", err)
	}
	return installation, generation, nil
}

// bindAtStart binds the keyring. One that was changed without a note, by a
// process that ended in between, gets its audit row now.
func bindAtStart(ctx context.Context, db store.Engine, ring *keyring.Ring, now time.Time) error {
	err := records.Update(ctx, db, func(q store.SQL) error {
		before, known, err := records.Setting(ctx, q, records.SettingGeneration)
		if err != nil {
			return err
		}
		fresh, err := bindKeyring(ctx, q, ring)
		if err != nil || !fresh || !known {
			return err
		}
		return records.InsertAudit(ctx, q, records.Audit{At: store.At(now), Actor: "start", Action: "keyring.found_changed", Object: "keyring",
			Before: `{"generation":` + before + `}`, After: `{"generation":` + strconv.FormatUint(ring.Generation(), 10) + `}`})
	})
	if err != nil {
		return fmt.Errorf("bind the keyring to the database: %w", err)
	}
	return nil
}

// bindKeyring writes down which keyring the database belongs to, and how far
// it was rotated: an older copy would not know the newest keys. fresh tells
// whether that was not known yet. Two nodes that start for the first time at
// the same moment each make a keyring: the second one is refused here, in the
// transaction that would bind it.
func bindKeyring(ctx context.Context, q store.SQL, ring *keyring.Ring) (fresh bool, err error) {
	installation, bound, err := records.BoundKeyring(ctx, q)
	if err != nil {
		return false, err
	}
	if installation != "" && installation != ring.InstallationID() {
		return false, fmt.Errorf("it belongs to the keyring of installation %s, which another node made: copy that one here in place of %s", installation, ring.InstallationID())
	}
	if installation != "" && ring.Generation() <= bound {
		return false, nil // known, or another node has rotated since
	}
	if err := records.PutSetting(ctx, q, records.SettingInstallation, ring.InstallationID()); err != nil {
		return false, err
	}
	return true, records.PutSetting(ctx, q, records.SettingGeneration, strconv.FormatUint(ring.Generation(), 10))
}
