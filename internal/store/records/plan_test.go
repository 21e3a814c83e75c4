package records_test

import (
	"context"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// explained runs no statement: it asks how each query would be run.
type explained struct {
	store.SQL
	plan []string
}

func (e *explained) Query(_ context.Context, sql string, _ func(store.Scanner) error, args ...any) error {
	return e.SQL.Query(ctx, "EXPLAIN QUERY PLAN "+sql, func(r store.Scanner) error {
		var id, parent, unused int64
		var step string
		err := r.Scan(&id, &parent, &unused, &step)
		e.plan = append(e.plan, step)
		return err
	}, args...)
}

// TestSweepsReadIndexes: what runs every second must not walk a table that
// grows for ever.
func TestSweepsReadIndexes(t *testing.T) {
	e := openEngine(t)
	for name, c := range map[string]struct {
		query func(store.SQL) error
		plan  string
	}{
		"oldest live": {func(q store.SQL) error { _, err := records.OldestLive(ctx, q); return err },
			"SEARCH verification USING INDEX verification_live_a; SEARCH verification USING INDEX verification_live_b"},
		"live codes under a pepper, which hold every batch back": {func(q store.SQL) error { _, err := records.LiveCodesUnder(ctx, q, 1, 1); return err },
			"SEARCH verification USING INDEX verification_live_a (app>?); SEARCH verification USING INDEX verification_live_b (app>?)"},
		"lapsed claims": {func(q store.SQL) error { _, err := records.LapsedClaims(ctx, q, 1, 1); return err },
			"SEARCH verification USING COVERING INDEX verification_claimed (claim_until<?)"},
		"expired codes": {func(q store.SQL) error { _, err := records.ExpiredCodes(ctx, q, 1, 2, 1, 1); return err },
			"SEARCH verification USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		"due messages": {func(q store.SQL) error { _, err := records.DueMessages(ctx, q, 1, 1); return err },
			"SEARCH message USING COVERING INDEX message_due (due>? AND due<?)"},
		"old receipts": {func(q store.SQL) error {
			_, err := records.OldReceipts(ctx, q, core.MessageID(1), store.ReceiptKey{}, 1)
			return err
		}, "SEARCH receipt_ref USING PRIMARY KEY ((provider,part_id)>(?,?)); CORRELATED SCALAR SUBQUERY 1; SEARCH message USING INTEGER PRIMARY KEY (rowid=?)"},
		"events that an app asks for": {func(q store.SQL) error { _, err := records.TakeEvents(ctx, q, 1, 1, 1, 2, 500); return err },
			"SEARCH event USING INDEX event_due (app=? AND due>?)"},
		"events that an app is called with": {func(q store.SQL) error { _, err := records.DueEvents(ctx, q, 1, 1, 32); return err },
			"SEARCH event USING INDEX event_due (app=? AND due>? AND due<?)"},
		"events that are counted": {func(q store.SQL) error { _, err := records.DueEventCount(ctx, q, 1, 1, 3); return err },
			"CO-ROUTINE page; SEARCH event USING COVERING INDEX event_due (app=? AND due<?); SCAN page"},
		"a page of old codes": {func(q store.SQL) error {
			_, err := records.AgedVerifications().Page(ctx, q, 1, 2, 3)
			return err
		}, "CO-ROUTINE page; SEARCH verification USING INTEGER PRIMARY KEY (rowid>? AND rowid<?); SCAN page"},
	} {
		view(t, e, func(q store.SQL) error {
			x := &explained{SQL: q}
			if err := c.query(x); err != nil {
				return err
			}
			if got := strings.Join(x.plan, "; "); got != c.plan {
				t.Errorf("%s: %s\nwant %s", name, got, c.plan)
			}
			return nil
		})
	}
}

// TestDueEventCount counts what is due of one app, and no more than it is asked
// for.
func TestDueEventCount(t *testing.T) {
	e := openEngine(t)
	update(t, e, func(q store.SQL) error {
		for i, v := range []store.Event{{App: 1, At: 5}, {App: 1, At: 6}, {App: 1, At: 7}, {App: 1, At: 9}, {App: 2, At: 5}} {
			v.ID, v.Kind = core.EventID(i+1), store.EventReceipt
			if err := records.InsertEvent(ctx, q, v); err != nil {
				return err
			}
		}
		for most, want := range map[int]int64{2: 2, 10: 3} {
			if n, err := records.DueEventCount(ctx, q, 1, 7, most); err != nil || n != want {
				t.Errorf("of at most %d: %d, %v", most, n, err)
			}
		}
		return nil
	})
}
