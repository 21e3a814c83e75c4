package postgres

import (
	"yanma.dev/yanma/internal/store"
)

// statements are what batches send, a kind of row each.
type statements struct {
	catalogue
	begin, commit, discard, locks, journal *statement
	kinds                                  []rowKind // in the order in which rows are locked and written
}

func newStatements() *statements {
	s := &statements{}
	c := &s.catalogue
	s.begin = c.add("BEGIN ISOLATION LEVEL READ COMMITTED")
	s.commit = c.add("COMMIT")
	s.discard = c.add("DISCARD PLANS")
	s.locks = newKeyLocks(c)
	s.kinds = []rowKind{newVerifications(c), newFailures(c), newUsers(c), newAliases(c), newKnown(c),
		newAccounts(c), newLedger(c), newMessages(c), newReceipts(c), newOrphans(c)}
	s.journal = c.add("INSERT INTO journal (at, data) SELECT * FROM "+unnest(columnsOf("at bigint, data bytea")), columnsOf("at bigint, data bytea")...)
	return s
}

// writeJournal writes the limiter events of a batch: one row, or none.
func (s *statements) writeJournal(q *request, b *store.Batch) {
	events := b.Journal()
	if len(events) == 0 {
		return
	}
	p := q.bind(s.journal)
	p.time(b.Now)
	p.bytes(events)
	q.send(nil)
}
