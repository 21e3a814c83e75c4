package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The tables number_proof and number_check are written by batches
// (store.NumberProof, store.NumberCheck). This is what is done beside them.

// LapsedNumberChecks are questions that a crash left behind by now, the oldest
// first.
func LapsedNumberChecks(ctx context.Context, q store.SQL, now store.Time, limit int) (all []core.NumberCheckID, err error) {
	err = q.Query(ctx, `SELECT id FROM number_check WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT $2`, func(r store.Scanner) error {
		var id int64
		err := r.Scan(&id)
		all = append(all, core.NumberCheckID(id))
		return err
	}, int64(now), int64(limit))
	return all, err
}

// PruneProofs deletes up to limit proofs that are not remembered any more at
// now, and returns how many.
func PruneProofs(ctx context.Context, q store.SQL, now store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM number_proof WHERE key_hash IN
		(SELECT key_hash FROM number_proof WHERE until <= $1 ORDER BY until LIMIT $2)`, int64(now), int64(limit))
}

// CountProofsBefore counts the proofs that are still remembered at now and
// whose end is before an instant.
func CountProofsBefore(ctx context.Context, q store.SQL, now, before store.Time) (n int64, err error) {
	err = q.Query(ctx, `SELECT COUNT(*) FROM number_proof WHERE until > $1 AND until < $2`,
		func(r store.Scanner) error { return r.Scan(&n) }, int64(now), int64(before))
	return n, err
}

// AgedNumberChecks may go once they have ended and hold no money.
func AgedNumberChecks() Aged {
	return Aged{"number_check", "due IS NULL AND money <> 1", "due, money", []string{"due IS NOT NULL"}}
}

// ProofKeys calls f with the keys of a page of proofs, in their order, from
// behind one on; the last one, and how many there were.
func ProofKeys(ctx context.Context, q store.SQL, after []byte, limit int, f func(store.ProofKey)) (last []byte, n int, err error) {
	err = q.Query(ctx, `SELECT key_hash FROM number_proof WHERE key_hash > $1 ORDER BY key_hash LIMIT $2`, func(row store.Scanner) error {
		if err := row.Scan(&last); err != nil {
			return err
		}
		n++
		if len(last) == len(store.ProofKey{}) {
			f(store.ProofKey(last))
		}
		return nil
	}, after, int64(limit))
	return last, n, err
}
