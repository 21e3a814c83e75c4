package postgres

import (
	"yanma.dev/yanma/internal/store"
)

// A receipt that finds no part waits as an orphan; a part that is recorded
// looks for its orphan. On two nodes at once each would miss the other: each
// sees only what is committed. Orphans are rare and parts are not, so it is the
// orphan's side that does the work:
//
//	orphan   insert it ─ claim the part's key, as if it were the part ─ look for the part ─ give the key back
//	part     insert it ─ look for orphans
//
// Both claim one key of one unique index, so that the second of the two waits
// for the first to commit, and then its look, a statement of its own, finds the
// other's row. What finds one fails on purpose, and the batch is run again: then
// it loads the row.

// meetings are the statements of both sides.
type meetings struct{ claim, part, giveBack, orphan *statement }

func newMeetings(c *catalogue) meetings {
	key := columnsOf("provider text, part_id bytea")
	// Dividing by zero is the one failure that every relative of PostgreSQL has
	// for a statement without a function of its own.
	absent := func(table, where string) *statement {
		return c.add("SELECT 1 / CASE WHEN EXISTS (SELECT 1 FROM "+unnest(key)+" JOIN "+table+
			" AS t ON t.provider = n.provider AND t.part_id = n.part_id"+where+") THEN 0 ELSE 1 END", key...)
	}
	return meetings{
		claim: c.add("INSERT INTO receipt_ref (provider, part_id, message, attempt, failed) SELECT provider, part_id, 0, 0, false FROM "+
			unnest(key)+" ORDER BY provider, part_id ON CONFLICT DO NOTHING", key...),
		part: absent("receipt_ref", " AND t.message <> 0"),
		giveBack: c.add("DELETE FROM receipt_ref AS t USING "+unnest(key)+
			" WHERE t.provider = n.provider AND t.part_id = n.part_id AND t.message = 0", key...),
		orphan: absent("orphan", ""),
	}
}

// write claims and looks, behind the rows of the batch. Keys that a command did
// not look for do not matter to it.
func (m *meetings) write(q *request, b *store.Batch) {
	for _, s := range []*statement{m.claim, m.part, m.giveBack} {
		p := q.bind(s)
		_ = b.Orphans.Inserted(func(o *store.Orphan) error {
			if missing(&b.Receipts, o.Key) {
				putReceiptKey(p, o.Key)
			}
			return nil
		})
		q.send(nil)
	}
	p := q.bind(m.orphan)
	_ = b.Receipts.Inserted(func(r *store.ReceiptRef) error {
		if missing(&b.Orphans, r.Key) {
			putReceiptKey(p, r.Key)
		}
		return nil
	})
	q.send(nil)
}

// missing tells whether a row was looked for and is not there.
func missing[R any](s *store.Set[store.ReceiptKey, R], k store.ReceiptKey) bool {
	if !s.Has(k) {
		return false
	}
	_, exists := s.Get(k)
	return !exists
}
