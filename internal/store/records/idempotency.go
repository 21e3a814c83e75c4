package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// The table idempotency is written by batches (store.Call). This is what is
// done beside them.

// MarkIdempotency sets the status of a call that has no answer yet.
func MarkIdempotency(ctx context.Context, q store.SQL, key store.CallKey, status int64) error {
	_, err := q.Exec(ctx, `UPDATE idempotency SET status = $1 WHERE key_hash = $2 AND status < $1`, status, key[:])
	return err
}

// PruneIdempotency deletes up to limit calls that ended before now, and returns
// how many.
func PruneIdempotency(ctx context.Context, q store.SQL, now store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM idempotency WHERE key_hash IN
		(SELECT key_hash FROM idempotency WHERE expires <= $1 ORDER BY expires LIMIT $2)`, int64(now), int64(limit))
}

// CountIdempotencyBefore counts the noted calls that are still honoured at now
// and end before an instant.
func CountIdempotencyBefore(ctx context.Context, q store.SQL, now, before store.Time) (n int64, err error) {
	err = q.Query(ctx, `SELECT COUNT(*) FROM idempotency WHERE expires > $1 AND expires < $2`,
		func(r store.Scanner) error { return r.Scan(&n) }, int64(now), int64(before))
	return n, err
}

// CountAnswersUnder counts the answers that are still honoured at now and are
// sealed under a field key.
func CountAnswersUnder(ctx context.Context, q store.SQL, key uint16, now store.Time) (n int64, err error) {
	err = q.Query(ctx, `SELECT COUNT(*) FROM idempotency WHERE expires > $1 AND `+keyColumn("answer")+` = $2`,
		func(r store.Scanner) error { return r.Scan(&n) }, int64(now), keyBytes(key))
	return n, err
}
