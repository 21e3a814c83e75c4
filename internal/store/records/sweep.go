package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Journals calls f for every limiter journal row since an instant, oldest
// first.
func Journals(ctx context.Context, q store.SQL, since store.Time, f func([]byte) error) error {
	return q.Query(ctx, `SELECT data FROM journal WHERE at >= $1 ORDER BY id`, func(r store.Scanner) error {
		var data []byte
		if err := r.Scan(&data); err != nil {
			return err
		}
		return f(data)
	}, int64(since))
}

// PruneJournal removes at most limit journal rows from before an instant.
func PruneJournal(ctx context.Context, q store.SQL, before store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < $1 ORDER BY id LIMIT $2)`,
		int64(before), int64(limit))
}

// LapsedClaims are codes whose claim ran out before now: a crash left them.
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

// ExpireVerifications marks pending codes of the id range [from, to) whose
// life is over. The index of live codes stays small by it.
func ExpireVerifications(ctx context.Context, q store.SQL, from, to int64, now store.Time) (int64, error) {
	return q.Exec(ctx, `UPDATE verification SET state = 3 WHERE id >= $1 AND id < $2 AND state = 0 AND expires <= $3`, from, to, int64(now))
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

// DeleteOldVerifications removes at most limit ended codes older than an id.
func DeleteOldVerifications(ctx context.Context, q store.SQL, before int64, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM verification WHERE id IN
		(SELECT id FROM verification WHERE id < $1 AND state > 1 ORDER BY id LIMIT $2)`, before, int64(limit))
}

// DeleteOldMessages removes at most limit messages older than an id that
// nobody waits for any more, and the references to them.
func DeleteOldMessages(ctx context.Context, q store.SQL, before int64, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM message WHERE id IN
		(SELECT id FROM message WHERE id < $1 AND due IS NULL ORDER BY id LIMIT $2)`, before, int64(limit))
}
