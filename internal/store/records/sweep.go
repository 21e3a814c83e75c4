package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Sweeps run beside the batches, on the one writer of an engine: what may find
// many rows takes a limit, and the caller comes again.

// AppendJournal adds a row of limiter events outside of a batch. Batches write
// theirs themselves.
func AppendJournal(ctx context.Context, q store.SQL, at store.Time, events []byte) error {
	_, err := q.Exec(ctx, `INSERT INTO journal (at, data) VALUES ($1, $2)`, int64(at), events)
	return err
}

// Journals calls f for every limiter journal row since an instant, oldest
// first. f may keep the row; its error ends the reading.
func Journals(ctx context.Context, q store.SQL, since store.Time, f func([]byte) error) error {
	return q.Query(ctx, `SELECT data FROM journal WHERE at >= $1 ORDER BY id`, func(r store.Scanner) error {
		var data []byte
		if err := r.Scan(&data); err != nil {
			return err
		}
		return f(data)
	}, int64(since))
}

// PruneJournal looks at the oldest limit journal rows, removes those from
// before an instant and tells how many: fewer than limit when it is done.
func PruneJournal(ctx context.Context, q store.SQL, before store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM journal WHERE id IN (SELECT id FROM journal ORDER BY id LIMIT $1) AND at < $2`,
		int64(limit), int64(before))
}

// LapsedClaims are codes whose claim ended by now, the oldest first: a crash
// left them.
func LapsedClaims(ctx context.Context, q store.SQL, now store.Time, limit int) (codes []core.VerificationID, err error) {
	err = q.Query(ctx, `SELECT id FROM verification WHERE state = 1 AND claim_until <= $1 ORDER BY claim_until LIMIT $2`,
		func(r store.Scanner) error {
			var id int64
			if err := r.Scan(&id); err != nil {
				return err
			}
			codes = append(codes, core.VerificationID(id))
			return nil
		}, int64(now), int64(limit))
	return codes, err
}

// ExpiredCodes are pending codes of the id range [from, to) whose life is over
// at now, in the order of their ids.
func ExpiredCodes(ctx context.Context, q store.SQL, from, to int64, now store.Time, limit int) (codes []core.VerificationID, err error) {
	err = q.Query(ctx, `SELECT id FROM verification WHERE id >= $1 AND id < $2 AND state = 0 AND expires <= $3 ORDER BY id LIMIT $4`,
		func(r store.Scanner) error {
			var id int64
			if err := r.Scan(&id); err != nil {
				return err
			}
			codes = append(codes, core.VerificationID(id))
			return nil
		}, from, to, int64(now), int64(limit))
	return codes, err
}

// OldestLive is the smallest id of a code that is pending or claimed; 0 when
// there is none. It reads the index of live codes, which is small; MIN(id)
// alone would walk the whole table from its beginning.
func OldestLive(ctx context.Context, q store.SQL) (oldest core.VerificationID, err error) {
	for _, side := range []string{"idx_a", "idx_b"} {
		var id int64
		err := q.Query(ctx, `SELECT MIN(id + 0) FROM verification WHERE state IN (0, 1) AND `+side+` IS NOT NULL`,
			func(r store.Scanner) error { return r.Scan(&id) })
		if err != nil {
			return 0, err
		}
		if id != 0 && (oldest == 0 || core.VerificationID(id) < oldest) {
			oldest = core.VerificationID(id)
		}
	}
	return oldest, nil
}

// DueMessages are messages that somebody must look at before an instant, the
// longest overdue first.
func DueMessages(ctx context.Context, q store.SQL, before store.Time, limit int) (due []core.MessageID, err error) {
	err = q.Query(ctx, `SELECT id FROM message WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT $2`, func(r store.Scanner) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		due = append(due, core.MessageID(id))
		return nil
	}, int64(before), int64(limit))
	return due, err
}

// DeleteOrphans forgets receipts that came before an instant and found no
// message.
func DeleteOrphans(ctx context.Context, q store.SQL, before store.Time) (int64, error) {
	return q.Exec(ctx, `DELETE FROM orphan WHERE at < $1`, int64(before))
}
