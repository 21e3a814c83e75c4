package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// conn is one place of a pool, with a connection or without one yet. One
// goroutine at a time uses it.
type conn struct {
	pg         *pgconn.PgConn                          // nil when not connected
	stale      bool                                    // not to be used again
	statements *statements                             // of batches
	prepared   []*pgconn.StatementDescription          // the same, by number
	planned    time.Time                               // when their plans were made
	replan     time.Duration                           // after which they are made again
	texts      map[string]*pgconn.StatementDescription // of View and Update, by their SQL
	arrays     arrays
	reused     request
}

// drop ends the connection; the next user of this place makes a new one.
func (c *conn) drop(limit time.Duration) {
	if c.pg != nil && !c.pg.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_ = c.pg.Close(ctx) // says goodbye; the server notices without it too
	}
	c.pg, c.prepared, c.texts, c.stale, c.replan = nil, nil, nil, false, 0 // what was remembered stays
}

// idle tells whether the connection is whole and in no transaction.
func (c *conn) idle() bool {
	return c.pg != nil && !c.stale && !c.pg.IsClosed() && !c.pg.IsBusy() && c.pg.TxStatus() == 'I'
}

// dialer makes connections. After a failure it fails at once for a while: the
// commands of a batch that failed are tried one by one, and must not wait for a
// dead server one by one.
type dialer struct {
	config  *pgconn.Config
	options *Options
	broke   atomic.Pointer[time.Time] // when the server last did not answer; nil: never
}

// rest is how long nobody asks a server that did not answer.
const rest = 500 * time.Millisecond

func (d *dialer) failed() {
	now := d.options.Now()
	d.broke.Store(&now)
}

// resting tells whether the last failure is too fresh to try again. Both
// instants have a monotonic reading: it does not matter when the clock is set.
func (d *dialer) resting() bool {
	broke := d.broke.Load()
	if broke == nil {
		return false
	}
	since := d.options.Now().Sub(*broke)
	return 0 < since && since < rest // a test's clock may stand still
}

// dial makes a connection and sets it up.
func (d *dialer) dial(ctx context.Context, lockTimeout time.Duration, required, planner []string) (*pgconn.PgConn, error) {
	if d.resting() {
		return nil, fmt.Errorf("the database %s %w: it was tried a moment ago", d.name(), ErrUnreachable)
	}
	limited, cancel := context.WithTimeout(ctx, d.options.ConnectTimeout)
	defer cancel()
	pg, err := pgconn.ConnectConfig(limited, d.config)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.failed()
		return nil, d.connectError(err)
	}
	required = append(sessionSettings(), required...)
	required = append(required, milliseconds("lock_timeout", spread(lockTimeout, pg.PID())))
	if err := setUp(limited, pg, required, planner); err != nil {
		d.failed()
		closing, stop := context.WithTimeout(context.WithoutCancel(ctx), d.options.ConnectTimeout)
		defer stop()
		_ = pg.Close(closing)
		return nil, fmt.Errorf("the database %s: set up a connection: %w", d.name(), err)
	}
	return pg, nil
}

// name says which database, without user and password.
func (d *dialer) name() string {
	return fmt.Sprintf("%s at %s:%d", d.config.Database, d.config.Host, d.config.Port)
}

// connectError says in one sentence why there is no connection.
func (d *dialer) connectError(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return fmt.Errorf("the database %s %w: %s (%s)", d.name(), ErrRefused, refused.Message, refused.Code)
	}
	if pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the database %s %w: no answer within %s", d.name(), ErrUnreachable, d.options.ConnectTimeout)
	}
	var cause *pgconn.ConnectError
	if errors.As(err, &cause) {
		err = cause.Unwrap() // without the user's name
	}
	return fmt.Errorf("the database %s %w: %w", d.name(), ErrUnreachable, err)
}

// sessionSettings are for every connection. A server whose commits are not on
// disk when they are answered is told to put them there. statement_timeout is
// off: it would cut the wait for a synchronous standby short without an error.
func sessionSettings() []string {
	return []string{
		"SET client_encoding = 'UTF8'",
		"SET statement_timeout = 0",
		"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
	}
}

// plannerSettings keep plans on the indexes: statements are prepared when the
// tables are small, where reading all of a table looks cheap, and are used when
// they are large.
func plannerSettings() []string { return []string{"SET enable_seqscan = off", "SET jit = off"} }

// batchPlannerSettings are for batches: look keys up, and plan once for all
// executions. A row that is looked at costs as much as a page, so that looking
// ten keys up is cheaper than reading what seems to be a small table.
func batchPlannerSettings() []string {
	return append(plannerSettings(), "SET enable_hashjoin = off", "SET enable_mergejoin = off", "SET enable_bitmapscan = off",
		"SET plan_cache_mode = force_generic_plan", "SET cpu_tuple_cost = 4", "SET cpu_index_tuple_cost = 4")
}

// setUp runs the settings of a session. A planner's setting that a relative of
// PostgreSQL does not know is passed over.
func setUp(ctx context.Context, pg *pgconn.PgConn, required, planner []string) error {
	for i, sql := range slices.Concat(required, planner) {
		_, err := pg.Exec(ctx, sql).ReadAll()
		var refused *pgconn.PgError
		if i >= len(required) && errors.As(err, &refused) && refused.Code == unknownSetting {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// spread makes a limit up to twice as long, by the number of the session: two
// nodes that block each other must not give up at the same time, again and
// again.
func spread(limit time.Duration, session uint32) time.Duration {
	const steps = 31
	return limit + limit*time.Duration(session%steps)/steps
}

// milliseconds sets a time limit of the session.
func milliseconds(name string, d time.Duration) string {
	return fmt.Sprintf("SET %s = %d", name, max(1, d.Milliseconds()))
}

// pool hands places out, one user each: the one that came back last goes first,
// so that a batch that is run again finds what its place remembers of it.
type pool struct {
	dialer      *dialer
	lockTimeout time.Duration
	required    []string // settings of a session
	planner     []string
	free        chan struct{} // one for each place on the stack
	mu          sync.Mutex
	stack       []*conn
	closed      chan struct{}
	once        sync.Once
}

func newPool(d *dialer, size int, lockTimeout time.Duration, required, planner []string) *pool {
	p := &pool{dialer: d, lockTimeout: lockTimeout, required: required, planner: planner, free: make(chan struct{}, size), closed: make(chan struct{})}
	for range size {
		p.push(&conn{})
	}
	return p
}

func (p *pool) push(c *conn) {
	p.mu.Lock()
	p.stack = append(p.stack, c)
	p.mu.Unlock()
	p.free <- struct{}{}
}

// pop is for whoever took one out of free.
func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.stack) - 1
	c := p.stack[last]
	p.stack = p.stack[:last]
	return c
}

// take waits for a place and connects it if need be.
func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case <-p.closed:
		return nil, errClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-p.free:
		c := p.pop()
		if c.pg == nil {
			pg, err := p.dialer.dial(ctx, p.lockTimeout, p.required, p.planner)
			if err != nil {
				p.push(c)
				return nil, err
			}
			c.pg = pg
		}
		return c, nil
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put gives a place back; a connection that is not as it was is ended.
func (p *pool) put(c *conn) {
	if !c.idle() {
		c.drop(p.dialer.options.Timeout)
	}
	p.push(c)
}

// close waits for every place to come back and ends its connection. Closing
// twice is fine.
func (p *pool) close() {
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.free) {
			<-p.free
			p.pop().drop(p.dialer.options.Timeout)
		}
	})
}
