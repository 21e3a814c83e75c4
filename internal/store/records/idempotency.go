package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// Idempotency is a row of the table idempotency: a call that must not take
// effect twice (contracts/README.md §3.4).
type Idempotency struct {
	Key     [32]byte // keyed hash of scope and Idempotency-Key
	Body    [32]byte // keyed hash of the call
	Ref     int64    // id of what the call makes, drawn before it ran
	Status  int64    // HTTP status of the answer; 0 before there is one
	Answer  []byte   // its body
	Expires store.Time
}

// InsertIdempotency notes a call before it runs. store.ErrUnique: it is noted.
func InsertIdempotency(ctx context.Context, q store.SQL, i Idempotency) error {
	_, err := q.Exec(ctx, `INSERT INTO idempotency (key_hash, body_hash, ref, status, answer, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
		i.Key[:], i.Body[:], i.Ref, i.Status, i.Answer, int64(i.Expires))
	return err
}

// IdempotencyByKey reads a call; false when none is noted.
func IdempotencyByKey(ctx context.Context, q store.SQL, key [32]byte) (Idempotency, bool, error) {
	found := false
	i := Idempotency{Key: key}
	err := q.Query(ctx, `SELECT body_hash, ref, status, answer, expires FROM idempotency WHERE key_hash = $1`,
		func(r store.Scanner) error {
			var body []byte
			var expires int64
			if err := r.Scan(&body, &i.Ref, &i.Status, &i.Answer, &expires); err != nil {
				return err
			}
			copy(i.Body[:], body)
			i.Expires, found = store.Time(expires), true
			return nil
		}, key[:])
	return i, found, err
}

// AnswerIdempotency notes the answer of a call.
func AnswerIdempotency(ctx context.Context, q store.SQL, key [32]byte, status int64, answer []byte) error {
	_, err := q.Exec(ctx, `UPDATE idempotency SET status = $1, answer = $2 WHERE key_hash = $3`, status, answer, key[:])
	return err
}

// DeleteIdempotency forgets a call that took no effect.
func DeleteIdempotency(ctx context.Context, q store.SQL, key [32]byte) error {
	_, err := q.Exec(ctx, `DELETE FROM idempotency WHERE key_hash = $1`, key[:])
	return err
}

// ExpireIdempotency forgets the calls that ended before now.
func ExpireIdempotency(ctx context.Context, q store.SQL, now store.Time) error {
	_, err := q.Exec(ctx, `DELETE FROM idempotency WHERE expires <= $1`, int64(now))
	return err
}
