// Package postgres is the store engine for several nodes on one database.
//
// It owns the connections, the schema and its migrations, and the SQL of every
// row kind. It never decides anything about a row; see package store.
//
//	Open ─ is it reachable, writable, UTF8, ours, not newer? one sentence each
//	Load   BEGIN · lock keys · every kind by key, FOR UPDATE but accounts  ─ one round trip
//	Write  only remembers the batch
//	Commit every kind: delete · update · insert; accounts by the difference · COMMIT  ─ one round trip
//	Update row lock "update" · f's statements · COMMIT
//	View   REPEATABLE READ, READ ONLY
//
// Nodes keep out of each other's way by row locks alone, taken in one order
// (order.go). A row that does not exist yet cannot be locked. Where a unique key
// guards it, the later insertion fails with store.ErrUnique and the batch, run
// again, sees the row. Where none does (a number may have several live codes)
// the key's slot in the table key_lock stands in for the row: see keylock.go. A
// receipt that comes before its message's part meets it in meeting.go. Accounts,
// the busiest rows, are locked for a commit only: account.go.
//
// A batch waits for a lock for Options.LockTimeout at most and is then run
// again; a node that stops in the middle of one loses its rows after
// Options.Timeout.
package postgres
