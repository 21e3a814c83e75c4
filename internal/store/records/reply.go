package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Reply is a row of the table reply: a text that a subscriber sent. Phone and
// Text are sealed.
type Reply struct {
	ID        core.ReplyID
	App       core.AppID     // 0: of no app
	Message   core.MessageID // what it answers; 0: not found
	Provider  string
	CarrierID []byte // the carrier's id of it; nil: it gave none
	Recipient string // the number or short code it was sent to
	Index     core.PhoneIndex
	Phone     []byte
	Text      []byte
	OptOut    bool // its text asks for no more
	At        store.Time
}

const replyColumns = `id, app, message, provider, carrier_id, recipient, phone, text, opt_out, at`

// InsertReply adds a reply, unless one of the same provider and carrier's id is
// there: false then.
func InsertReply(ctx context.Context, q store.SQL, r *Reply) (bool, error) {
	if len(r.CarrierID) > 0 {
		known := false
		err := q.Query(ctx, `SELECT 1 FROM reply WHERE provider = $1 AND carrier_id = $2`, func(store.Scanner) error { known = true; return nil }, r.Provider, r.CarrierID)
		if err != nil || known {
			return false, err
		}
	}
	_, err := q.Exec(ctx, `INSERT INTO reply (id, app, message, provider, carrier_id, recipient, idx_a, idx_b, phone, text, opt_out, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, int64(r.ID), int64(r.App), int64(r.Message), r.Provider, none(r.CarrierID), r.Recipient,
		side(r.Index.A), side(r.Index.B), r.Phone, r.Text, r.OptOut, int64(r.At))
	return err == nil, err
}

// side is a column of a blind index; one that is not computed is NULL.
func side(v core.IndexValue) any {
	if v.IsZero() {
		return nil
	}
	return v[:]
}

func none(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func scanReplies(rows *[]Reply) func(store.Scanner) error {
	return func(s store.Scanner) error {
		var r Reply
		var id, app, message, at int64
		err := s.Scan(&id, &app, &message, &r.Provider, &r.CarrierID, &r.Recipient, &r.Phone, &r.Text, &r.OptOut, &at)
		r.ID, r.App, r.Message, r.At = core.ReplyID(id), core.AppID(app), core.MessageID(message), store.Time(at)
		*rows = append(*rows, r)
		return err
	}
}

// ReplyByID reads one.
func ReplyByID(ctx context.Context, q store.SQL, id core.ReplyID) (Reply, bool, error) {
	var rows []Reply
	err := q.Query(ctx, `SELECT `+replyColumns+` FROM reply WHERE id = $1`, scanReplies(&rows), int64(id))
	if err != nil || len(rows) == 0 {
		return Reply{}, false, err
	}
	return rows[0], true, nil
}

// Replies lists at most limit replies with ids below before (0: from the newest
// on), newest first; of one app, unless app is 0.
func Replies(ctx context.Context, q store.SQL, app core.AppID, before core.ReplyID, limit int) (rows []Reply, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	where, args := ` ORDER BY id DESC LIMIT $2`, []any{int64(before), int64(limit)}
	if app != 0 {
		where, args = ` AND app = $2 ORDER BY id DESC LIMIT $3`, []any{int64(before), int64(app), int64(limit)}
	}
	err = q.Query(ctx, `SELECT `+replyColumns+` FROM reply WHERE id < $1`+where, scanReplies(&rows), args...)
	return rows, err
}

// RepliesOf lists the replies of a number, newest first.
func RepliesOf(ctx context.Context, q store.SQL, number core.IndexValue, limit int) (rows []Reply, err error) {
	err = q.Query(ctx, `SELECT `+replyColumns+` FROM reply WHERE idx_a = $1 OR idx_b = $1 ORDER BY id DESC LIMIT $2`, scanReplies(&rows), number[:], int64(limit))
	return rows, err
}

// ResealReply replaces the sealed values of a reply that has the old ones still.
func ResealReply(ctx context.Context, q store.SQL, old SealedRow, phone, text []byte) error {
	_, err := q.Exec(ctx, `UPDATE reply SET phone = $1, text = $2 WHERE id = $3 AND phone = $4 AND text = $5`, phone, text, old.ID, old.First, old.Second)
	return err
}

// PruneReplies removes up to limit replies with ids below before, oldest first,
// and tells how many.
func PruneReplies(ctx context.Context, q store.SQL, before int64, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM reply WHERE id IN (SELECT id FROM reply WHERE id < $1 ORDER BY id LIMIT $2)`, before, int64(limit))
}
