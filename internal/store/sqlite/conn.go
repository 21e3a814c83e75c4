package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	zsqlite "zombiezen.com/go/sqlite"
)

// pageSize is fixed before the first page is written.
const pageSize = 4096

// busyTimeout is only met by a foreign program on our file: inside the process
// there is one writer.
const busyTimeout = 5 * time.Second

// conn is one connection with its prepared statements. One goroutine at a time
// uses it.
type conn struct {
	*zsqlite.Conn
	begin, beginRead, commit, rollback *zsqlite.Stmt

	texts map[string]*text // statements of records, by their SQL
	rows  *rowStatements   // of batches; the writer's, once the schema is there
}

// createFile writes the first page, with our mark and page size, before the
// file becomes a WAL database.
func createFile(path string) error {
	c, err := zsqlite.OpenConn(path, zsqlite.OpenReadWrite, zsqlite.OpenCreate)
	if err != nil {
		return err
	}
	err = execAll(c,
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		"PRAGMA journal_mode = WAL")
	if closed := c.Close(); err == nil {
		err = closed
	}
	return err
}

// openConn opens a connection. cache is in bytes.
func openConn(path string, cache, walLimit int64, readOnly bool) (*conn, error) {
	zc, err := zsqlite.OpenConn(path, zsqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: zc, texts: make(map[string]*text)}
	if err := c.setUp(cache, walLimit, readOnly); err != nil {
		_ = zc.Close()
		return nil, err
	}
	return c, nil
}

func (c *conn) setUp(cache, walLimit int64, readOnly bool) error {
	c.SetBusyTimeout(busyTimeout)
	pragmas := []string{
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = NORMAL", // see durable.go
		"PRAGMA wal_autocheckpoint = 0",
		"PRAGMA foreign_keys = OFF",
		"PRAGMA mmap_size = 0",
		"PRAGMA temp_store = MEMORY",
		fmt.Sprintf("PRAGMA cache_size = -%d", cache>>10),
		fmt.Sprintf("PRAGMA journal_size_limit = %d", walLimit),
	}
	if readOnly {
		pragmas = append(pragmas, "PRAGMA query_only = ON")
	}
	if err := execAll(c.Conn, pragmas...); err != nil {
		return err
	}
	for _, s := range []struct {
		to  **zsqlite.Stmt
		sql string
	}{{&c.begin, "BEGIN IMMEDIATE"}, {&c.beginRead, "BEGIN"}, {&c.commit, "COMMIT"}, {&c.rollback, "ROLLBACK"}} {
		var err error
		if *s.to, err = c.Prepare(s.sql); err != nil {
			return err
		}
	}
	return nil
}

// execAll runs statements that answer nothing of interest.
func execAll(c *zsqlite.Conn, statements ...string) error {
	for _, sql := range statements {
		stmt, _, err := c.PrepareTransient(sql)
		if err != nil {
			return err
		}
		err = drain(stmt)
		if finalized := stmt.Finalize(); err == nil {
			err = finalized
		}
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func drain(stmt *zsqlite.Stmt) error {
	for {
		if more, err := stmt.Step(); err != nil || !more {
			return err
		}
	}
}

// run executes a statement that answers no rows and readies it for the next
// time.
func run(stmt *zsqlite.Stmt) error {
	if _, err := stmt.Step(); err != nil {
		return err
	}
	return stmt.Reset()
}

// commitVisible ends the writer's transaction; durable.flush puts it on disk.
func (c *conn) commitVisible(d *durable) error {
	return d.show(func() error { return run(c.commit) })
}

// rollBack ends a transaction if one is open: some errors end it by themselves.
func (c *conn) rollBack() error {
	if c.AutocommitEnabled() {
		return nil
	}
	return run(c.rollback)
}

// pool hands connections out, one user each.
type pool struct {
	free   chan *conn
	closed chan struct{}
	once   sync.Once
}

func newPool(conns ...*conn) *pool {
	p := &pool{free: make(chan *conn, len(conns)), closed: make(chan struct{})}
	for _, c := range conns {
		p.free <- c
	}
	return p
}

// take waits for a connection.
func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case <-p.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-p.free:
		return c, nil
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) put(c *conn) { p.free <- c }

// close waits for every connection to come back and closes it. Closing twice
// is fine.
func (p *pool) close() error {
	var first error
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.free) {
			if err := (<-p.free).Close(); err != nil && first == nil {
				first = err
			}
		}
	})
	return first
}
