package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"yanma.dev/yanma/internal/store"
)

// Engine is one database, shared with other nodes. It is safe for concurrent
// use.
type Engine struct {
	options    Options
	migrations []Migration
	dialer     *dialer
	batches    *pool
	readers    *pool
	updates    *pool
}

var _ store.Engine = (*Engine)(nil)

// updaters is how many connections Update has. They work one after the other:
// while one commits, the next waits at the lock.
const updaters = 2

// Open connects to a database and looks at it; it changes nothing. Migrate
// brings the schema up to date. The errors of a database that is refused are
// one sentence around ErrURL, ErrUnreachable, ErrRefused, ErrReadOnly,
// ErrEncoding, ErrForeign, ErrRights or ErrNewer.
func Open(ctx context.Context, o Options) (*Engine, error) { return open(ctx, o, embedded) }

func open(ctx context.Context, o Options, source migrationSource) (*Engine, error) {
	o.setDefaults()
	migrations, err := source()
	if err != nil {
		return nil, err
	}
	config, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	e := &Engine{options: o, migrations: migrations}
	e.dialer = &dialer{config: config, options: &e.options}
	idle := []string{milliseconds("idle_in_transaction_session_timeout", o.Timeout)} // a node that stopped holds nobody up
	e.batches = newPool(e.dialer, o.Batchers, o.LockTimeout, idle, batchPlannerSettings())
	e.updates = newPool(e.dialer, updaters, o.StatementLimit, idle, plannerSettings())
	e.readers = newPool(e.dialer, o.Readers, o.StatementLimit, nil, plannerSettings())
	if err := e.inspect(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// IsURL tells whether a text is meant to be a database URL of this engine.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// parse reads the URL. Its own error would quote a part of it, where a password
// may be.
func parse(url string) (*pgconn.Config, error) {
	if !IsURL(url) {
		return nil, fmt.Errorf("the database URL is %w: it must begin with postgres://", ErrURL)
	}
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database URL is %w: it must read postgres://user:password@host:port/name", ErrURL)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "yanma"
	}
	return config, nil
}

// Close waits for what is under way and closes the connections. Closing twice
// is fine.
func (e *Engine) Close() error {
	e.batches.close()
	e.updates.close()
	e.readers.close()
	return nil
}

// Flush implements store.Engine: the database answers a COMMIT when it is on
// disk.
func (e *Engine) Flush() error { return nil }

// View runs f in a read-only transaction that sees one state.
func (e *Engine) View(ctx context.Context, f func(store.SQL) error) error {
	c, err := e.begin(ctx, e.readers, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if err != nil {
		return err
	}
	defer e.readers.put(c)
	defer e.rollBack(c)
	return f(&queries{engine: e, conn: c})
}

// lockUpdates is how transactions of Update keep out of each other's way, on
// all nodes: what one has read stays so until it commits, as it does on an
// engine with one writer.
const lockUpdates = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT name FROM yanma_lock WHERE name = 'update' FOR UPDATE"

// Update runs f in a transaction of its own; of all nodes one at a time. Rows
// that batches change as well may change between two of f's statements, unless
// f has locked them by a write. It must not be nested in another Update.
func (e *Engine) Update(ctx context.Context, f func(store.SQL) error) error {
	c, err := e.begin(ctx, e.updates, lockUpdates)
	if err != nil {
		return errors.Join(store.ErrNotCommitted, err)
	}
	defer e.updates.put(c)
	defer e.rollBack(c) // nothing is left to roll back after a commit
	if err := f(&queries{engine: e, conn: c}); err != nil {
		return err
	}
	if err := e.commit(ctx, c); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin takes a connection and starts a transaction on it. A connection that
// turns out to be dead, because the server was started anew meanwhile, is
// replaced once.
func (e *Engine) begin(ctx context.Context, p *pool, sql string) (*conn, error) {
	for again := true; ; again = false {
		c, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		if err = e.exec(ctx, c, sql); err == nil {
			return c, nil
		}
		dead := c.pg.IsClosed() && !timedOut(err)
		if !dead {
			e.rollBack(c)
		}
		p.put(c)
		if !dead || !again || ctx.Err() != nil {
			return nil, fmt.Errorf("begin: %w", mapped(err))
		}
	}
}

// exec runs statements without parameters.
func (e *Engine) exec(ctx context.Context, c *conn, sql string) error {
	limited, cancel := context.WithTimeout(ctx, e.options.StatementLimit)
	defer cancel()
	_, err := execute(limited, c.pg, sql)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return e.noticed(err)
}

// commit ends a transaction. Its caller may have gone meanwhile: what was begun
// is finished.
func (e *Engine) commit(ctx context.Context, c *conn) error {
	if c.pg.IsClosed() {
		return errors.Join(store.ErrNotCommitted, errGone)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.options.Timeout)
	defer cancel()
	return e.noticed(mappedCommit(execute(limited, c.pg, "COMMIT")))
}

// idTables are the tables whose ids come from core.IDs.
func idTables() []string {
	return []string{"verification", "failure", "users", "ledger", "message", "device", "number_check", "event", "reply", "schedule", "schedule_recipient", "opt_out", "login_event", "guard_decision", "fraud_delta"}
}

// Highest is the greatest id that core.IDs made; 0 in an empty database.
func (e *Engine) Highest(ctx context.Context) (int64, error) {
	var highest int64
	err := e.View(ctx, func(sql store.SQL) error {
		for _, table := range idTables() {
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
