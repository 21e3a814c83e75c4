package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// SettingGuard is what the operator sets of the fraud guard, as JSON.
const SettingGuard = "guard"

// GuardDecision is a row of the table guard_decision: requests of one minute of
// which the fraud guard said the same of the same subject.
type GuardDecision struct {
	ID      int64 // drawn at the end of the minute: rows are in time order
	Minute  store.Time
	Tenant  core.TenantID
	App     core.AppID
	Outcome string
	Rule    string
	Subject string
	Why     string
	Count   int64
	Passed  int64
}

// InsertGuardDecision adds a row.
func InsertGuardDecision(ctx context.Context, q store.SQL, d GuardDecision) error {
	_, err := q.Exec(ctx, `INSERT INTO guard_decision (id, minute, tenant, app, outcome, rule, subject, why, count, passed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		d.ID, int64(d.Minute), int64(d.Tenant), int64(d.App), d.Outcome, d.Rule, d.Subject, d.Why, d.Count, d.Passed)
	return err
}

// GuardDecisions are the newest rows with ids below before, of one app or (0)
// of all, at most limit of them.
func GuardDecisions(ctx context.Context, q store.SQL, app core.AppID, before int64, limit int) (all []GuardDecision, err error) {
	where, args := ` ORDER BY id DESC LIMIT $2`, []any{before, int64(limit)}
	if app != 0 {
		where, args = ` AND app = $2 ORDER BY id DESC LIMIT $3`, []any{before, int64(app), int64(limit)}
	}
	err = q.Query(ctx, `SELECT id, minute, tenant, app, outcome, rule, subject, why, count, passed FROM guard_decision WHERE id < $1`+where, func(r store.Scanner) error {
		var d GuardDecision
		var minute, tenant, of int64
		err := r.Scan(&d.ID, &minute, &tenant, &of, &d.Outcome, &d.Rule, &d.Subject, &d.Why, &d.Count, &d.Passed)
		d.Minute, d.Tenant, d.App = store.Time(minute), core.TenantID(tenant), core.AppID(of)
		all = append(all, d)
		return err
	}, args...)
	return all, err
}

// PruneGuardDecisions deletes up to limit rows with ids below before.
func PruneGuardDecisions(ctx context.Context, q store.SQL, before int64, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM guard_decision WHERE id IN (SELECT id FROM guard_decision WHERE id < $1 ORDER BY id LIMIT $2)`, before, int64(limit))
}

// PruneSpends deletes up to limit rows of what was spent in days before one.
func PruneSpends(ctx context.Context, q store.SQL, before store.SpendKey, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM spend WHERE id IN (SELECT id FROM spend WHERE id < $1 ORDER BY id LIMIT $2)`, int64(before), int64(limit))
}

// Spends is what capped apps spent in a day, in the order of apps; app 0 is all.
func Spends(ctx context.Context, q store.SQL, day int, app core.AppID) (all []store.Spend, err error) {
	from, to := store.NewSpendKey(day, app, ""), store.NewSpendKey(day, app+1, "")
	if app == 0 {
		from, to = store.NewSpendKey(day, 0, ""), store.NewSpendKey(day+1, 0, "")
	}
	err = q.Query(ctx, `SELECT id, amount FROM spend WHERE id >= $1 AND id < $2 ORDER BY id`, func(r store.Scanner) error {
		var id, amount int64
		err := r.Scan(&id, &amount)
		all = append(all, store.Spend{Key: store.SpendKey(id), Amount: core.Credits(amount)})
		return err
	}, int64(from), int64(to))
	return all, err
}
