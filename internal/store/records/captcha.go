package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// PrunePasses deletes up to limit captcha tokens and passes that are not
// remembered any more at now, and returns how many.
func PrunePasses(ctx context.Context, q store.SQL, now store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM captcha_pass WHERE key_hash IN
		(SELECT key_hash FROM captcha_pass WHERE until <= $1 ORDER BY until LIMIT $2)`, int64(now), int64(limit))
}
