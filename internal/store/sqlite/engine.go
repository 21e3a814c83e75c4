package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

// Engine is the database of one data folder. It is safe for concurrent use.
type Engine struct {
	options     Options
	migrations  []Migration
	lock        *os.File
	writer      *pool // of one
	readers     *pool
	durable     durable
	checkpoints checkpoints
	closing     sync.Once
	closeErr    error
}

var _ store.Engine = (*Engine)(nil)

// Memory of the connections that are not the writer.
const (
	readerCache     = 4 << 20
	checkpointCache = 256 << 10
)

// Open opens the database of a folder, which it makes if need be. Migrate
// brings the schema up to date; Start runs the checkpoints. The errors of a
// folder that is refused are one sentence around ErrInUse, ErrNewer,
// ErrForeign, ErrReadOnly or ErrFull.
func Open(ctx context.Context, o Options) (*Engine, error) {
	return open(ctx, o, embedded)
}

func open(ctx context.Context, o Options, source migrationSource) (*Engine, error) {
	o.setDefaults()
	migrations, err := source()
	if err != nil {
		return nil, err
	}
	lock, err := claimFolder(o.Folder)
	if err != nil {
		return nil, err
	}
	e := &Engine{options: o, migrations: migrations, lock: lock}
	if err := e.openFile(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

func (e *Engine) openFile(ctx context.Context) error {
	path := filepath.Join(e.options.Folder, databaseFile)
	isNew, err := inspect(path)
	if err != nil {
		return err
	}
	if isNew {
		if err := reserve(path); err != nil {
			return folderError(e.options.Folder, err)
		}
		if err := createFile(path); err != nil {
			return openError(path, err)
		}
	}
	return e.openConns(ctx, path)
}

// reserve makes the file so that only its owner reads it; the WAL takes the
// same permissions.
func reserve(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (e *Engine) openConns(ctx context.Context, path string) (err error) {
	var open []*conn
	defer func() {
		if err != nil {
			for _, c := range open {
				err = errors.Join(err, c.Close())
			}
		}
	}()
	add := func(cache int64, readOnly bool) *conn {
		if err != nil {
			return nil
		}
		var c *conn
		if c, err = openConn(path, cache, e.options.WALLimit, readOnly); err != nil {
			err = openError(path, err)
			return nil
		}
		open = append(open, c)
		return c
	}
	writer := add(e.options.Cache, false)
	if err != nil {
		return err
	}
	if _, err = e.pending(ctx, writer); err != nil {
		return err // of a newer version, or tampered with
	}
	checkpointer := add(checkpointCache, false)
	var readers []*conn
	for range e.options.Readers {
		readers = append(readers, add(readerCache, true))
	}
	if err != nil {
		return err
	}
	if err = e.durable.open(path); err != nil {
		return openError(path, err)
	}
	e.writer, e.readers = newPool(writer), newPool(readers...)
	return e.checkpoints.open(e, checkpointer)
}

// Start runs a checkpoint every Options.Checkpoint until Stop. Without it the
// WAL grows until Close.
func (e *Engine) Start() { e.checkpoints.start() }

// Stop ends the checkpoints; Close does so too. Stopping twice, or what was
// never started, is fine.
func (e *Engine) Stop() { e.checkpoints.end() }

// openError says in one sentence why the file could not be opened.
func openError(path string, err error) error {
	switch zsqlite.ErrCode(err).ToPrimary() {
	case zsqlite.ResultFull:
		return fmt.Errorf("the disk of the database %s is %w", path, ErrFull)
	case zsqlite.ResultReadOnly, zsqlite.ResultPerm:
		return fmt.Errorf("the database %s is %w", path, ErrReadOnly)
	case zsqlite.ResultNotADB:
		return fmt.Errorf("the file %s is %w", path, ErrForeign)
	case zsqlite.ResultBusy:
		return fmt.Errorf("the database %s is %w", path, ErrInUse)
	case zsqlite.ResultCorrupt:
		return fmt.Errorf("the database %s is %w: %w", path, ErrDamaged, err)
	default:
		return fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
}

// Close waits for what is under way, stops the checkpoints, moves the WAL into
// the database and gives the folder free. Closing twice is fine.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.Stop()
		e.closeErr = errors.Join(e.writer.close(), e.durable.flush(), e.readers.close(), e.durable.close(), e.checkpoints.close(), e.lock.Close())
	})
	return e.closeErr
}

// Flush implements store.Engine.
func (e *Engine) Flush() error { return e.durable.flush() }

// View runs f in a read-only transaction that sees one state, and returns when
// that state is on disk. It must be short: while it runs the WAL cannot be
// started anew. It must not be nested.
func (e *Engine) View(ctx context.Context, f func(store.SQL) error) error {
	if err := e.view(ctx, f); err != nil {
		return err
	}
	return e.durable.flushSeen()
}

func (e *Engine) view(ctx context.Context, f func(store.SQL) error) error {
	c, err := e.readers.take(ctx)
	if err != nil {
		return err
	}
	defer e.readers.put(c)
	if err := run(c.beginRead); err != nil {
		return fmt.Errorf("begin: %w", mapped(err))
	}
	defer func() {
		c.SetInterrupt(nil)
		if err := c.rollBack(); err != nil {
			e.options.Log.Error("sqlite: a view could not be ended", "error", err.Error())
		}
	}()
	c.SetInterrupt(ctx.Done())
	return f(&statements{conn: c})
}

// Update runs f in a transaction of its own, between two batches. It must not
// be nested in a View's or a batch's work on the same goroutine.
func (e *Engine) Update(ctx context.Context, f func(store.SQL) error) error {
	if err := e.between(ctx, f); err != nil {
		return err
	}
	return e.durable.flush()
}

// between waits for the writer and runs f between two batches.
func (e *Engine) between(ctx context.Context, f func(store.SQL) error) error {
	c, err := e.writer.take(ctx)
	if err != nil {
		return errors.Join(store.ErrNotCommitted, err)
	}
	defer e.writer.put(c)
	return e.update(ctx, c, f)
}

func (e *Engine) update(ctx context.Context, c *conn, f func(store.SQL) error) error {
	if err := e.durable.failure(); err != nil {
		return errors.Join(store.ErrNotCommitted, err)
	}
	if err := run(c.begin); err != nil {
		return fmt.Errorf("begin: %w", errors.Join(store.ErrNotCommitted, mapped(err)))
	}
	committed := false
	defer func() {
		if committed {
			return
		}
		c.SetInterrupt(nil)
		if err := c.rollBack(); err != nil {
			e.options.Log.Error("sqlite: an update could not be rolled back", "error", err.Error())
		}
	}()
	c.SetInterrupt(ctx.Done())
	if err := f(&statements{conn: c}); err != nil {
		return err
	}
	c.SetInterrupt(nil)
	if err := c.commitVisible(&e.durable); err != nil {
		return fmt.Errorf("commit: %w", mappedCommit(err))
	}
	committed = true
	return nil
}

// idTables are the tables whose ids come from core.IDs.
var idTables = []string{"verification", "failure", "users", "ledger", "message", "device", "number_check", "event", "reply", "schedule", "schedule_recipient", "opt_out", "login_event", "guard_decision", "fraud_delta"}

// Highest is the greatest id that core.IDs made; 0 in an empty database.
func (e *Engine) Highest(ctx context.Context) (int64, error) {
	var highest int64
	err := e.View(ctx, func(sql store.SQL) error {
		for _, table := range idTables {
			err := sql.Query(ctx, "SELECT max(id) FROM "+table, func(row store.Scanner) error {
				var id int64
				err := row.Scan(&id)
				highest = max(highest, id)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return highest, err
}
