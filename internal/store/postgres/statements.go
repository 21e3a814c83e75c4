package postgres

import (
	"yanma.dev/yanma/internal/store"
)

// statements are what batches send on one connection, a kind of row each.
type statements struct {
	catalogue
	begin, commit, discard *statement
	hurry, patience        *statement
	locks, journal         *statement
	meetings               meetings
	kinds                  []rowKind // in the order in which rows are locked and written

	slots, again, next []int64 // of key_lock; see order.go
	careful            bool    // accounts are locked when they are read; see account.go
}

func newStatements(o *Options) *statements {
	s := &statements{}
	c := &s.catalogue
	s.begin = c.add("BEGIN ISOLATION LEVEL READ COMMITTED")
	s.commit = c.add("COMMIT")
	s.discard = c.add("DISCARD PLANS")
	s.hurry, s.patience = c.add(lockLimit(hurry)), c.add(lockLimit(o.LockTimeout))
	s.locks = newKeyLocks(c)
	s.kinds = []rowKind{newVerifications(c), newFailures(c), newUsers(c), newAliases(c), newKnown(c),
		newReceipts(c), newOrphans(c), newCalls(c), newProofs(c), newPasses(c), newChecks(c), newSessions(c), newLogins(c), newProfiles(c), newEvents(c), newSpends(c), newMessages(c), newLedger(c), newAccounts(c)}
	s.meetings = newMeetings(c)
	events := columnsOf("at bigint, data bytea")
	s.journal = c.add("INSERT INTO journal (at, data) SELECT * FROM "+unnest(events), events...)
	return s
}

// write sends everything that a batch changed. Accounts are the last kind:
// whoever waits for one waits for the commit alone.
func (s *statements) write(q *request, b *store.Batch) {
	accounts := len(s.kinds) - 1
	for _, k := range s.kinds[:accounts] {
		k.write(q, b)
	}
	s.meetings.write(q, b)
	s.writeJournal(q, b)
	s.kinds[accounts].write(q, b)
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
