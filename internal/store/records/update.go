package records

import (
	"context"
	"errors"

	"yanma.dev/yanma/internal/store"
)

// updates is how often Update runs a transaction that keeps losing.
const updates = 8

// Updater is the part of an engine that Update needs.
type Updater interface {
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Update runs f in a transaction, and again when another one took a row or a
// number that f had read as free (store.ErrUnique, store.ErrAgain): f sees the
// new state then and must set its results anew.
func Update(ctx context.Context, u Updater, f func(store.SQL) error) error {
	var err error
	for range updates {
		if err = u.Update(ctx, f); !errors.Is(err, store.ErrUnique) && !errors.Is(err, store.ErrAgain) {
			return err
		}
	}
	return err
}
