package sqlite

import (
	"context"
	"errors"
	"fmt"

	"yanma.dev/yanma/internal/store"
)

// tx is the transaction of a batch.
type tx struct {
	engine *Engine
	conn   *conn // nil when it has ended
}

var _ store.Tx = (*tx)(nil)

// Begin implements store.Engine. The schema must be migrated.
func (e *Engine) Begin(ctx context.Context) (store.Tx, error) {
	if err := e.durable.failure(); err != nil {
		return nil, err
	}
	c, err := e.writer.take(ctx)
	if err != nil {
		return nil, err
	}
	if c.rows == nil {
		rows, err := prepareRows(c.Conn)
		if err != nil {
			e.writer.put(c)
			return nil, fmt.Errorf("sqlite: the schema is not the one of this program: %w", err)
		}
		c.rows = rows
	}
	if err := run(c.begin); err != nil {
		e.writer.put(c)
		return nil, mapped(err)
	}
	return &tx{engine: e, conn: c}, nil
}

// Load implements store.Tx.
func (t *tx) Load(_ context.Context, b *store.Batch) error {
	if err := t.conn.rows.load(b); err != nil {
		return mapped(err)
	}
	b.LoadDone()
	return nil
}

// Write implements store.Tx.
func (t *tx) Write(_ context.Context, b *store.Batch) error {
	return mapped(t.conn.rows.write(b))
}

// Commit implements store.Tx. A commit that failed is ended by Rollback.
func (t *tx) Commit(context.Context) error {
	if t.conn == nil {
		return errors.Join(store.ErrNotCommitted, errors.New("sqlite: the batch has ended"))
	}
	if err := t.conn.commitVisible(&t.engine.durable); err != nil {
		return mappedCommit(err)
	}
	t.end()
	return nil
}

// Rollback implements store.Tx. After Commit it does nothing.
func (t *tx) Rollback() {
	if t.conn == nil {
		return
	}
	if err := t.conn.rollBack(); err != nil {
		t.engine.options.Log.Error("sqlite: a batch could not be rolled back", "error", err.Error())
	}
	t.end()
}

func (t *tx) end() {
	c := t.conn
	t.conn = nil
	t.engine.writer.put(c)
}
