package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// FraudDelta is a row of the table fraud_delta: what a node's fraud guard
// counted in a second or two.
type FraudDelta struct {
	ID   int64 // a core id: in the order of time, and of each node's telling
	Node uint8
	At   store.Time
	Data []byte
}

// InsertFraudDelta adds a row. store.ErrUnique: it is there already.
func InsertFraudDelta(ctx context.Context, q store.SQL, d FraudDelta) error {
	_, err := q.Exec(ctx, `INSERT INTO fraud_delta (id, node, at, data) VALUES ($1, $2, $3, $4)`, d.ID, int64(d.Node), int64(d.At), d.Data)
	return err
}

// FraudDeltas calls f for every row with an id over after, in the order of ids.
// f may keep the row.
func FraudDeltas(ctx context.Context, q store.SQL, after int64, f func(FraudDelta) error) error {
	return q.Query(ctx, `SELECT id, node, at, data FROM fraud_delta WHERE id > $1 ORDER BY id`, func(r store.Scanner) error {
		var d FraudDelta
		var node, at int64
		if err := r.Scan(&d.ID, &node, &at, &d.Data); err != nil {
			return err
		}
		d.Node, d.At = uint8(node), store.Time(at)
		return f(d)
	}, after)
}

// FraudTellings are the rows with ids over after without their data, in the order
// of ids.
func FraudTellings(ctx context.Context, q store.SQL, after int64) (rows []FraudDelta, err error) {
	err = q.Query(ctx, `SELECT id, node FROM fraud_delta WHERE id > $1 ORDER BY id`, func(r store.Scanner) error {
		var d FraudDelta
		var node int64
		if err := r.Scan(&d.ID, &node); err != nil {
			return err
		}
		d.Node = uint8(node)
		rows = append(rows, d)
		return nil
	}, after)
	return rows, err
}

// FraudTelling is the data of a row; nil when it is gone.
func FraudTelling(ctx context.Context, q store.SQL, id int64) (data []byte, err error) {
	err = q.Query(ctx, `SELECT data FROM fraud_delta WHERE id = $1`, func(r store.Scanner) error { return r.Scan(&data) }, id)
	return data, err
}

// PruneFraudDeltas removes up to limit of the rows with ids under before, the
// oldest first.
func PruneFraudDeltas(ctx context.Context, q store.SQL, before int64, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM fraud_delta WHERE id IN (SELECT id FROM fraud_delta WHERE id < $1 ORDER BY id LIMIT $2)`, before, int64(limit))
}

// FraudPart is a row of the table fraud_state.
type FraudPart struct {
	Part int
	At   store.Time
	Data []byte
}

// PutFraudPart writes a part in place of an earlier one. store.ErrUnique: another
// node wrote it first at the same moment.
func PutFraudPart(ctx context.Context, q store.SQL, p FraudPart) error {
	changed, err := q.Exec(ctx, `UPDATE fraud_state SET at = $1, data = $2 WHERE part = $3`, int64(p.At), p.Data, int64(p.Part))
	if err != nil || changed > 0 {
		return err
	}
	_, err = q.Exec(ctx, `INSERT INTO fraud_state (part, at, data) VALUES ($1, $2, $3)`, int64(p.Part), int64(p.At), p.Data)
	return err
}

// FraudParts calls f for every part.
func FraudParts(ctx context.Context, q store.SQL, f func(FraudPart) error) error {
	return q.Query(ctx, `SELECT part, at, data FROM fraud_state ORDER BY part`, func(r store.Scanner) error {
		var part, at int64
		var data []byte
		if err := r.Scan(&part, &at, &data); err != nil {
			return err
		}
		return f(FraudPart{Part: int(part), At: store.Time(at), Data: data})
	})
}
