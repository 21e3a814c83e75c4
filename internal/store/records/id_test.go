package records_test

import (
	"testing"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TestHighestID: what a restart and a restore take for the newest id is the same,
// also where only replies and the guard made any: an id must not be drawn again.
func TestHighestID(t *testing.T) {
	e := openEngine(t)
	for i, insert := range []func(q store.SQL, id int64) error{
		func(q store.SQL, id int64) error {
			return records.InsertFraudDelta(t.Context(), q, records.FraudDelta{ID: id, Node: 1, At: 1, Data: []byte{1}})
		},
		func(q store.SQL, id int64) error {
			return records.InsertGuardDecision(t.Context(), q, records.GuardDecision{ID: id})
		},
		func(q store.SQL, id int64) error {
			_, err := q.Exec(t.Context(), `INSERT INTO reply (id, app, message, provider, carrier_id, recipient, phone, text, opt_out, at) VALUES ($1, 1, 0, 'p', 'c', '', $2, $3, 0, 1)`, id, []byte{1}, []byte{1})
			return err
		},
	} {
		id := int64(1000 + i)
		update(t, e, func(q store.SQL) error { return insert(q, id) })
		view(t, e, func(q store.SQL) error {
			if got, err := records.HighestID(t.Context(), q); err != nil || got != id {
				t.Errorf("row %d: a restore finds %d (%v)", id, got, err)
			}
			return nil
		})
		if got, err := e.Highest(t.Context()); err != nil || got != id {
			t.Errorf("row %d: a restart finds %d (%v)", id, got, err)
		}
	}
}
