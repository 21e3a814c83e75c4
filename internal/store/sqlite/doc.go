// Package sqlite is the embedded store engine: one file, one writer.
//
// It owns the data folder and its lock, the file's format (page size, WAL,
// checkpoints), the migrations and the SQL of every row kind. It never decides
// anything about a row; see package store.
//
//	batcher ─ Begin · Load · Write · Commit ─▶ writer connection ─┐
//	records ─ Update ────────────────────────▶ (one at a time)    ├─▶ yanma.db-wal ◀─ Flush: fdatasync
//	records ─ View ──▶ pool of read connections ◀─────────────────┘        │
//	checkpoints, every 200 ms ─ PASSIVE ──▶ yanma.db ◀─────────────────────┘
//
// Checkpoints are the trap of this engine: with the automatic ones the commit
// that crosses the threshold pays for all the others. They run on their own
// connection and never make a commit wait, except that the WAL is started anew
// between two batches once it has grown beyond its limit.
//
// foreign_keys is off: nothing in the schema declares one, because a batch
// writes its rows kind by kind. mmap is off: a failing disk must be an error
// that a batch can report, not a signal. One message or verification is written
// twice or three times in its life, always near the end of its table; only the
// index of users by number has random keys.
package sqlite
