package rotation

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// errBehind is a keyring from before a rotation on another server.
var errBehind = core.E(core.KindConflict, "another server rotated the keyring: copy its keyring.json here")

// Follow takes over a keyring that another server rotated: the database says
// that there is a newer one, and its file was put in place of ours, or both
// servers have one file. db reads.
func Follow(ctx context.Context, db Viewer, ring *keyring.Ring) (changed bool, err error) {
	err = db.View(ctx, func(q store.SQL) error {
		changed, err = follow(ctx, q, ring)
		return err
	})
	return changed, err
}

// Viewer is the part of a database that Follow needs.
type Viewer interface {
	View(ctx context.Context, f func(store.SQL) error) error
}

func follow(ctx context.Context, q store.SQL, ring *keyring.Ring) (changed bool, err error) {
	_, bound, err := records.BoundKeyring(ctx, q)
	if err != nil || bound <= ring.Generation() {
		return false, err
	}
	if changed, err = ring.Reload(); err != nil {
		return false, err
	}
	if bound > ring.Generation() {
		return changed, errBehind
	}
	return changed, nil
}

// catchUp sees to it that a change begins at the newest keyring, also at one
// whose server ended before it could tell the database.
func (s *Service) catchUp(ctx context.Context) error {
	if _, err := s.o.Ring.Reload(); err != nil {
		return explained(err)
	}
	_, err := Follow(ctx, s.o.Database, s.o.Ring)
	return explained(err)
}

// turnIndex is a step of the index rotation's job: no two servers make one at
// once, and each begins at the newest keyring.
func (s *Service) turnIndex(ctx context.Context, turn func() error) error {
	return s.o.Database.Update(ctx, func(store.SQL) error {
		if _, err := s.o.Ring.Reload(); err != nil {
			return err
		}
		return turn()
	})
}

// unchanged refuses when another server rotated since. q holds what keeps
// others from doing so until the change is over.
func (s *Service) unchanged(ctx context.Context, q store.SQL) error {
	changed, err := s.o.Ring.Reload()
	if err == nil && !changed {
		changed, err = follow(ctx, q, s.o.Ring)
	}
	if err == nil && changed {
		err = core.E(core.KindConflict, "another server rotated the keyring at this moment: try again")
	}
	return explained(err)
}
