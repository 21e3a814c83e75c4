package records

import (
	"context"

	"yanma.dev/yanma/internal/store"
)

// IDTables are the tables whose ids core.IDs makes.
func IDTables() []string {
	return []string{"verification", "failure", "users", "ledger", "message", "device", "number_check", "event", "reply", "schedule", "schedule_recipient", "opt_out", "login_event", "guard_decision", "fraud_delta"}
}

// HighestID is the greatest id that core.IDs made; 0 in an empty database.
func HighestID(ctx context.Context, q store.SQL) (highest int64, err error) {
	for _, table := range IDTables() {
		err := q.Query(ctx, "SELECT COALESCE(MAX(id), 0) FROM "+table, func(r store.Scanner) error {
			var id int64
			err := r.Scan(&id)
			highest = max(highest, id)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return highest, nil
}
