package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// WaitingCodes are the messages of the id range [from, to) that carry a code
// which is still to be entered, in the order of their ids: ID, App, Phone and
// History of each.
func WaitingCodes(ctx context.Context, q store.SQL, from, to int64, limit int) (found []store.Message, err error) {
	err = q.Query(ctx, `SELECT m.id, m.app, m.phone, m.history FROM message m JOIN verification v ON v.id = m.verification
		WHERE m.id >= $1 AND m.id < $2 AND m.verification <> 0 AND v.state = 0 AND v.message = m.id ORDER BY m.id LIMIT $3`,
		func(r store.Scanner) error {
			var m store.Message
			var id, app int64
			if err := r.Scan(&id, &app, &m.Phone, &m.History); err != nil {
				return err
			}
			m.ID, m.App = core.MessageID(id), core.AppID(app)
			found = append(found, m)
			return nil
		}, from, to, int64(limit))
	return found, err
}
