// Package retention keeps the database from growing for ever: rows that are
// older than the configuration wants go, a little at a time, while the server
// serves.
//
// It owns when a row goes and how much of the writer's time that may take. It
// never touches a code that lives, a message that somebody waits for, a
// reservation that is open, the users or the ledger: those are the books.
//
//	every minute ─▶ partitions: make those of the time to come, drop those that are all old   (PostgreSQL)
//	             ─▶ codes, messages: page by page from the oldest id on                       (SQLite)
//	             ─▶ limits' journal, once, Idempotency-Key, audit: the oldest few of each
//	now and then ─▶ receipt references: page by page through the whole table
//
//	a page: View counts what may go ─▶ Update deletes it ─▶ a pause four times as long as that took
//
// Nothing is remembered on disk: a pass that was interrupted is begun anew.
package retention
