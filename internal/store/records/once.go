package records

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/store"
)

// Once keeps what may be taken exactly once by any node: captcha tokens and
// passes, nonces, assertion ids, authorization codes, carrier proofs. Keys are
// chosen by the caller, who hashes what is secret and puts its kind in front.
type Once interface {
	// Put keeps a value until it is taken or ttl has passed. store.ErrUnique: the
	// key is there already and lives.
	Put(ctx context.Context, key, value []byte, ttl time.Duration) error
	// Take gives the value to exactly one caller; false for all others, and for a
	// key that was never put or has expired.
	Take(ctx context.Context, key []byte) (value []byte, ok bool, err error)
}

// Transactions is the part of an engine that DurableOnce needs.
type Transactions interface {
	Updater
	View(ctx context.Context, f func(store.SQL) error) error
}

// DurableOnce is Once in the table once: what was taken stays so over a crash.
type DurableOnce struct {
	engine Transactions
	now    func() time.Time
}

var _ Once = (*DurableOnce)(nil)

// NewOnce returns a Once on an engine.
func NewOnce(engine Transactions, now func() time.Time) *DurableOnce {
	return &DurableOnce{engine: engine, now: now}
}

// Put implements Once.
func (o *DurableOnce) Put(ctx context.Context, key, value []byte, ttl time.Duration) error {
	now := store.At(o.now())
	return o.engine.Update(ctx, func(q store.SQL) error {
		if _, err := q.Exec(ctx, `DELETE FROM once WHERE key = $1 AND expires <= $2`, key, int64(now)); err != nil {
			return err
		}
		_, err := q.Exec(ctx, `INSERT INTO once (key, value, expires) VALUES ($1, $2, $3)`, key, value, int64(now.Add(ttl)))
		return err
	})
}

// Take implements Once. A key that is not there costs a read only. After an
// error the value may be gone.
func (o *DurableOnce) Take(ctx context.Context, key []byte) (value []byte, ok bool, err error) {
	now := store.At(o.now())
	read := func(q store.SQL) error {
		ok = false
		return q.Query(ctx, `SELECT value FROM once WHERE key = $1 AND expires > $2`, func(r store.Scanner) error {
			ok = true
			return r.Scan(&value)
		}, key, int64(now))
	}
	if err := o.engine.View(ctx, read); err != nil || !ok {
		return nil, false, err
	}
	err = Update(ctx, o.engine, func(q store.SQL) error {
		if err := read(q); err != nil || !ok {
			return err
		}
		n, err := q.Exec(ctx, `DELETE FROM once WHERE key = $1`, key)
		ok = n == 1 // of two nodes that read it, one deletes it
		return err
	})
	if err != nil || !ok {
		return nil, false, err
	}
	return value, true, nil
}

// Peek gives the value and leaves it there; false as Take.
func (o *DurableOnce) Peek(ctx context.Context, key []byte) (value []byte, ok bool, err error) {
	err = o.engine.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT value FROM once WHERE key = $1 AND expires > $2`, func(r store.Scanner) error {
			ok = true
			return r.Scan(&value)
		}, key, int64(store.At(o.now())))
	})
	return value, ok && err == nil, err
}

// PruneOnce deletes up to limit entries that expired, and returns how many.
func PruneOnce(ctx context.Context, q store.SQL, now store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM once WHERE key IN (SELECT key FROM once WHERE expires <= $1 ORDER BY expires LIMIT $2)`, int64(now), int64(limit))
}
