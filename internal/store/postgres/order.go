package postgres

import (
	"fmt"
	"time"

	"yanma.dev/yanma/internal/store"
)

// Within one round of loading, rows are locked in one order: slots, kinds, keys.
// A command that follows a row to another one has it loaded in a later round,
// and then the order may be broken: one node holds account 1 for its sends and
// asks for account 2 for the outcomes in the same batch, another the other way
// round. Kinds that are followed to come last, accounts at the very end, so that
// most later rounds are in order. In one that is not, a batch waits for hurry
// only. If that is too short the batch is run again, and locks from the start,
// in order, what the first run named later.

// hurry is how long a batch waits for rows out of order: somebody may be waiting
// for its own.
const hurry = 10 * time.Millisecond

// lockLimit sets how long the statements of this transaction wait for a lock.
func lockLimit(d time.Duration) string {
	return fmt.Sprintf("SET LOCAL lock_timeout = %d", d.Milliseconds())
}

// load asks for everything that the batch names, as the round-th time of its
// transaction.
func (t *tx) load(q *request, b *store.Batch) {
	s := t.conn.statements
	t.round++
	if t.round > 1 && !t.hurried && t.disorderly(b) {
		t.hurried = true
		q.plain(s.hurry)
	}
	s.lockKeys(q, b, t.round)
	for i, k := range s.kinds {
		if k.wants(b) && k.locks(s) {
			t.top = max(t.top, i)
		}
		k.load(q, b, t.round)
	}
}

// disorderly tells whether rows are named that stand before rows that the batch
// holds.
func (t *tx) disorderly(b *store.Batch) bool {
	if wantsKeys(b) {
		return true
	}
	for _, k := range t.conn.statements.kinds[:t.top+1] {
		if k.wants(b) && k.locks(t.conn.statements) {
			return true
		}
	}
	return false
}

// remember keeps what later rounds named for the next run of the batch, if it is
// to be run again.
func (s *statements) remember(keep bool) {
	s.again = s.again[:0]
	if keep {
		s.again = append(s.again, s.next...)
	}
	s.next = s.next[:0]
	s.careful = s.careful && keep
	for _, k := range s.kinds {
		k.remember(keep)
	}
}
