package tenant

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// Beside reads more configuration whenever the directory reads its own, in the
// same state of the database; publish is called when all was read. It is set
// before the first Refresh.
func (d *Directory) Beside(read func(ctx context.Context, q store.SQL) (publish func(), err error)) {
	d.beside = read
}

// Change runs f in a transaction that changes configuration: anew when another
// change came between, with the next revision, and seen by this node when it
// returns. f writes its audit row with Record.
func (a *Admin) Change(ctx context.Context, f func(store.SQL) error) error { return a.change(ctx, f) }
