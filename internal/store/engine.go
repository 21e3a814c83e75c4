package store

import (
	"context"
	"errors"
)

// Engine is a database. Implementations pass storetest.Run.
type Engine interface {
	// Begin opens the transaction of a batch. There is one at a time
	// for each of the batcher's Options.Batchers.
	Begin(ctx context.Context) (Tx, error)

	// Flush puts on disk what was committed before. A batcher answers nobody
	// before it, and runs the next batch meanwhile. After an error nobody knows
	// what is on disk, and the engine refuses every further transaction. Where
	// Commit itself waits for the disk there is nothing to do.
	Flush() error

	// View runs f in a read-only transaction that sees one state, all of it on
	// disk when View returns nil.
	View(ctx context.Context, f func(SQL) error) error

	// Update runs f in a read-write transaction of its own, committed and on
	// disk when Update returns nil, and rolled back when f returns an error.
	Update(ctx context.Context, f func(SQL) error) error

	// Highest is the greatest id in any table, for core.IDs.Seed; 0 when empty.
	Highest(ctx context.Context) (int64, error)

	// Close waits for what is under way and closes the database. Closing twice
	// is fine.
	Close() error
}

// Tx is the transaction of one batch.
type Tx interface {
	// Load reads everything that b names and hands it over with b's Loaded
	// methods, then calls b.LoadDone. It may be called several times.
	Load(ctx context.Context, b *Batch) error
	// Write writes what b changed: updates and deletions before insertions,
	// because a unique key may be freed and taken in one batch.
	Write(ctx context.Context, b *Batch) error
	// Commit makes it visible to the next batch, and durable with the engine's
	// next Flush. After an error nobody knows whether it did, unless the error is
	// ErrNotCommitted.
	Commit(ctx context.Context) error
	// Rollback ends the transaction without a trace. It is called after every
	// error, and instead of Commit when there is nothing to write.
	Rollback()
}

// SQL runs statements of the portable subset (records): placeholders $1, $2 …
// in the order of their first use; arguments are int64, string, []byte, bool
// or nil.
type SQL interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	// Query runs a statement and calls row for each row of the answer.
	Query(ctx context.Context, sql string, row func(Scanner) error, args ...any) error
}

// Scanner reads the current row: dest are *int64, *string, *[]byte or *bool,
// one for each column. NULL reads as the zero value.
type Scanner interface {
	Scan(dest ...any) error
}

// Errors of engines. They are wrapped: test with errors.Is.
var (
	// ErrNotCommitted says that the transaction certainly left no trace.
	ErrNotCommitted = errors.New("store: not committed")
	// ErrAgain says that it left no trace and that the same batch may be run
	// again (serialization failure, deadlock).
	ErrAgain = errors.New("store: run the batch again")
	// ErrUnique says that a row of the same key exists.
	ErrUnique = errors.New("store: a row of this key exists")
	// ErrLocked says that another process has a file's lock (LockFile).
	ErrLocked = errors.New("store: locked by another process")
)
