package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	zsqlite "zombiezen.com/go/sqlite"
)

// checkpoints moves committed pages from the WAL into the database, on a
// connection of its own.
type checkpoints struct {
	engine *Engine
	conn   *conn
	stmt   *zsqlite.Stmt

	mu       sync.Mutex // one checkpoint at a time
	seen     int64      // commits when everything was moved last
	failing  bool
	stop     chan struct{}
	starting sync.Once
	stopping sync.Once
	running  sync.WaitGroup
}

// frameSize is what one page costs in the WAL.
const frameSize = pageSize + 24

func (p *checkpoints) open(e *Engine, c *conn) (err error) {
	p.engine, p.conn, p.stop = e, c, make(chan struct{})
	p.stmt, err = c.Prepare("PRAGMA wal_checkpoint(PASSIVE)")
	return err
}

func (p *checkpoints) start() {
	p.starting.Do(func() { p.running.Go(p.run) })
}

func (p *checkpoints) end() {
	p.stopping.Do(func() { close(p.stop) })
	p.running.Wait()
}

func (p *checkpoints) run() {
	tick := time.NewTicker(p.engine.options.Checkpoint)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.report(p.checkpoint())
		}
	}
}

// report logs the first of several failures, and the end of them.
func (p *checkpoints) report(err error) {
	if failing := err != nil; failing != p.failing {
		p.failing = failing
		if failing {
			p.engine.options.Log.Error("sqlite: checkpoints fail, the WAL grows", "error", err.Error())
		} else {
			p.engine.options.Log.Info("sqlite: checkpoints work again")
		}
	}
}

// checkpoint moves what was committed since the last one. When the WAL has
// grown beyond its limit it does the rest between two batches, so that the next
// commit starts the WAL anew.
func (p *checkpoints) checkpoint() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	commits := p.engine.durable.visible.Load()
	if commits == p.seen {
		return nil
	}
	frames, moved, err := p.passive()
	if err != nil {
		return err
	}
	if frames*frameSize > p.engine.options.WALLimit {
		return p.finish()
	}
	if frames == moved {
		p.seen = commits
	}
	return nil
}

// finish moves everything while no batch can add to it. A second pass before
// keeps that short. It never waits for a reader: if one still needs the WAL,
// the next round tries again.
func (p *checkpoints) finish() error {
	if _, _, err := p.passive(); err != nil {
		return err
	}
	writer, err := p.engine.writer.take(context.Background())
	if err != nil {
		return nil // closing
	}
	defer p.engine.writer.put(writer)
	frames, moved, err := p.passive()
	if err == nil && frames == moved {
		p.seen = p.engine.durable.visible.Load()
	}
	return err
}

// passive runs one checkpoint; it tells how many pages the WAL holds and how
// many of them the database has by now.
func (p *checkpoints) passive() (frames, moved int64, err error) {
	if _, err := p.stmt.Step(); err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", mapped(err))
	}
	frames, moved = p.stmt.ColumnInt64(1), p.stmt.ColumnInt64(2)
	if err := p.stmt.Reset(); err != nil {
		return 0, 0, fmt.Errorf("checkpoint: %w", mapped(err))
	}
	return frames, moved, nil
}

func (p *checkpoints) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn.Close()
}
