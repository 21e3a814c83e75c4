package records

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Rows that are past their retention go page by page: a View looks at a page
// and counts what may go, and only if there is anything an Update deletes it.
// So a transaction of the one writer is never longer than a page, and what was
// interrupted is simply done again.

// Aged is a table whose ids are in time order, so that old rows stand at the
// beginning of its primary key.
type Aged struct {
	table string
	over  string   // which rows may go
	reads string   // the columns that over needs
	waits []string // which rows may not: each is found by an index
}

// AgedVerifications are codes: they may go once they have ended and hold no
// money. Only a claim holds money.
func AgedVerifications() Aged {
	return Aged{"verification", "state > 1 AND held = 0", "state, held",
		[]string{"state IN (0, 1) AND idx_a IS NOT NULL", "state IN (0, 1) AND idx_b IS NOT NULL", "state = 1"}}
}

// AgedMessages may go once nobody waits for them and their reservation (money
// 1) is settled or given back; it is with everything that nobody waits for.
func AgedMessages() Aged {
	return Aged{"message", "due IS NULL AND money <> 1", "due, money", []string{"due IS NOT NULL"}}
}

// AgedEvents are events of a state.
func AgedEvents(state EventState) Aged {
	return Aged{table: "event", over: fmt.Sprintf("state = %d", state), reads: "state"}
}

// Kept says to an engine how long the table's rows are kept.
func (t Aged) Kept(d time.Duration) store.Kept {
	return store.Kept{Table: t.table, For: d, Over: t.over, Waits: t.waits}
}

// AgedPage is a page of an Aged table.
type AgedPage struct {
	Last int64 // the last id that was looked at
	Over int64 // rows of it that may go
	End  bool  // there is no more
}

// Page looks at the next limit rows with ids over after and below before.
func (t Aged) Page(ctx context.Context, q store.SQL, after, before int64, limit int) (AgedPage, error) {
	page := AgedPage{Last: after}
	var rows int64
	err := q.Query(ctx, `SELECT COUNT(*), COUNT(CASE WHEN `+t.over+` THEN 1 END), COALESCE(MAX(id), $1) FROM
		(SELECT id, `+t.reads+` FROM `+t.table+` WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3) AS page`,
		func(r store.Scanner) error { return r.Scan(&rows, &page.Over, &page.Last) }, after, before, int64(limit))
	page.End = rows < int64(limit)
	return page, err
}

// Delete removes what may go of the rows with ids over after up to last.
func (t Aged) Delete(ctx context.Context, q store.SQL, after, last int64) (int64, error) {
	return q.Exec(ctx, `DELETE FROM `+t.table+` WHERE id > $1 AND id <= $2 AND `+t.over, after, last)
}

// waitsForNobody is what an old receipt reference must meet: its message is
// gone, or nothing more is expected of it.
const waitsForNobody = `NOT EXISTS (SELECT 1 FROM message WHERE message.id = receipt_ref.message AND message.due IS NOT NULL)`

// ReceiptPage is a page of receipt references.
type ReceiptPage struct {
	Last store.ReceiptKey // the last one that was looked at
	Over int64            // rows of it that may go
	End  bool             // there is no more
}

// OldReceipts looks at the next limit receipt references after a key, in the
// order of keys, and counts those whose message has an id below before and
// waits for nothing. Carriers choose the keys, so that the whole table must be
// read.
func OldReceipts(ctx context.Context, q store.SQL, before core.MessageID, after store.ReceiptKey, limit int) (ReceiptPage, error) {
	page := ReceiptPage{Last: after}
	rows := 0
	err := q.Query(ctx, `SELECT provider, part_id, message < $1 AND `+waitsForNobody+` FROM receipt_ref
		WHERE (provider, part_id) > ($2, $3) ORDER BY provider, part_id LIMIT $4`, func(r store.Scanner) error {
		var over bool
		if err := r.Scan(&page.Last.Provider, &page.Last.PartID, &over); err != nil {
			return err
		}
		rows++
		if over {
			page.Over++
		}
		return nil
	}, int64(before), after.Provider, after.PartID, int64(limit))
	page.End = rows < limit
	return page, err
}

// DeleteReceipts removes what OldReceipts counted between two keys, the first
// of which is left out.
func DeleteReceipts(ctx context.Context, q store.SQL, before core.MessageID, after, last store.ReceiptKey) (int64, error) {
	return q.Exec(ctx, `DELETE FROM receipt_ref WHERE (provider, part_id) > ($1, $2) AND (provider, part_id) <= ($3, $4)
		AND message < $5 AND `+waitsForNobody, after.Provider, after.PartID, last.Provider, last.PartID, int64(before))
}
