package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"yanma.dev/yanma/internal/store"
)

// tx is the transaction of a batch.
type tx struct {
	engine *Engine
	conn   *conn        // nil when it has ended
	begun  bool         // BEGIN was sent
	batch  *store.Batch // to be written by Commit

	round   int  // of loading
	top     int  // the last kind of which rows are locked
	hurried bool // locks are not waited for any more
	again   bool // it must be run again
}

var _ store.Tx = (*tx)(nil)

// Begin implements store.Engine. The schema must be migrated. It sends nothing
// yet: BEGIN travels with the first statements. As many batches may be under
// way as Options.Batchers.
func (e *Engine) Begin(ctx context.Context) (store.Tx, error) {
	c, err := e.batches.take(ctx)
	if err != nil {
		return nil, err
	}
	if c.prepared == nil {
		if c.statements == nil {
			c.statements = newStatements(&e.options)
		}
		if err := c.prepare(ctx, c.statements.all, e.options.Timeout); err != nil {
			c.stale = true
			e.batches.put(c)
			return nil, e.noticed(fmt.Errorf("postgres: the schema is not the one of this program: %w", mapped(err)))
		}
	}
	return &tx{engine: e, conn: c}, nil
}

// noticed makes the next connections fail at once for a while when the server
// did not answer in time.
func (e *Engine) noticed(err error) error {
	if timedOut(err) {
		e.dialer.failed()
	}
	return err
}

var (
	errEnded = errors.New("postgres: the batch has ended")
	errGone  = errors.New("postgres: the connection was lost before the commit")
)

// How old a plan may be: first a second, then twice as long each time. Plans
// are made once for all executions, from the sizes that the tables have then: in
// a new database that is nothing, and reading a whole table looks cheap. All of
// them together take 20 ms to make.
const (
	firstReplan = time.Second
	lastReplan  = 10 * time.Second
)

// request begins a round trip, with BEGIN if it is the first one.
func (t *tx) request(ctx context.Context) *request {
	q := t.conn.request(ctx, t.engine.options.Timeout)
	if !t.begun {
		t.begun = true
		q.plain(t.conn.statements.begin)
		if t.conn.outdated(t.engine.options.Now()) {
			q.plain(t.conn.statements.discard)
		}
	}
	return q
}

// outdated tells whether plans are to be made again.
func (c *conn) outdated(now time.Time) bool {
	if age := now.Sub(c.planned); 0 <= age && age < c.replan {
		return false
	}
	c.planned, c.replan = now, min(max(2*c.replan, firstReplan), lastReplan)
	return true
}

// Load implements store.Tx.
func (t *tx) Load(ctx context.Context, b *store.Batch) error {
	if t.conn == nil {
		return errEnded
	}
	q := t.request(ctx)
	t.load(q, b)
	if _, err := q.run(); err != nil {
		return t.failed(mapped(err))
	}
	b.LoadDone()
	return nil
}

// Write implements store.Tx. The rows travel with Commit: b must stay as it is
// until then.
func (t *tx) Write(_ context.Context, b *store.Batch) error {
	if t.conn == nil {
		return errEnded
	}
	for _, k := range t.conn.statements.kinds {
		if err := k.check(b); err != nil {
			return err
		}
	}
	t.batch = b
	return nil
}

// Commit implements store.Tx. A commit that failed is ended by Rollback.
func (t *tx) Commit(ctx context.Context) error {
	if t.conn == nil {
		return errors.Join(store.ErrNotCommitted, errEnded)
	}
	if t.conn.pg.IsClosed() {
		return errors.Join(store.ErrNotCommitted, errGone)
	}
	q := t.request(ctx)
	if t.hurried {
		q.plain(t.conn.statements.patience)
	}
	if t.batch != nil {
		t.conn.statements.write(q, t.batch)
	}
	q.plain(t.conn.statements.commit)
	if err := mappedCommit(q.run()); err != nil {
		return t.failed(err)
	}
	t.end()
	return nil
}

// failed looks at an error of the transaction.
func (t *tx) failed(err error) error {
	if s := t.conn.statements; !s.careful && overdrawn(err) {
		s.careful = true
		err = errors.Join(store.ErrAgain, err)
	}
	t.again = errors.Is(err, store.ErrAgain)
	return t.engine.noticed(err)
}

// Rollback implements store.Tx. After Commit it does nothing.
func (t *tx) Rollback() {
	if t.conn == nil {
		return
	}
	t.engine.rollBack(t.conn)
	t.end()
}

func (t *tx) end() {
	c := t.conn
	c.statements.remember(t.again)
	t.conn, t.batch = nil, nil
	t.engine.batches.put(c)
}

// rollBack ends a transaction, if one is open, or its connection.
func (e *Engine) rollBack(c *conn) {
	if c.pg.IsClosed() || c.pg.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.options.Timeout)
	defer cancel()
	if _, err := c.pg.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		c.stale = true
	}
}

// overdrawn tells whether a table's CHECK refused a row: it may be an account
// that another node has changed since it was read.
func overdrawn(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == checkViolation && refused.TableName == "account"
}
