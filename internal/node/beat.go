package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Start gives signs of life until Stop. It is called once.
func (l *Lease) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		cancel()
		return
	}
	l.cancel, l.done = cancel, make(chan struct{})
	go l.run(ctx, l.done)
}

func (l *Lease) run(ctx context.Context, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(l.o.Every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := l.beat(ctx)
		if errors.Is(err, ErrLost) {
			l.o.Lost(err)
			return
		}
		if ctx.Err() == nil && (err != nil) != failing {
			failing = err != nil
			l.o.Log.Warn("node: signs of life", "node", int(l.o.Number), "arrive", !failing)
		}
	}
}

// beat writes the row anew, or finds that it is another's.
func (l *Lease) beat(ctx context.Context) error {
	next := l.mine
	next.Beat++
	err := l.ifOurs(ctx, func(q store.SQL) error { return write(ctx, q, l.o.Number, next) })
	if err == nil {
		l.mine = next
	}
	return err
}

// ifOurs runs f in a transaction if the row is this process's.
func (l *Lease) ifOurs(ctx context.Context, f func(q store.SQL) error) error {
	return records.Update(ctx, l.o.Database, func(q store.SQL) error {
		found, err := read(ctx, q, l.o.Number)
		if err != nil {
			return err
		}
		if found.Run != l.mine.Run {
			return fmt.Errorf("node number %d %w", l.o.Number, ErrLost)
		}
		return f(q)
	})
}

// Stop gives the number free. Stopping twice, or what was never started, is
// fine.
func (l *Lease) Stop(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return l.stopErr
	}
	l.stopped = true
	if l.cancel != nil {
		l.cancel()
		<-l.done
	}
	err := l.ifOurs(ctx, func(q store.SQL) error { return records.PutSetting(ctx, q, setting(l.o.Number), "") })
	if errors.Is(err, ErrLost) {
		err = nil // it is another's: there is nothing to give
	}
	l.stopErr = errors.Join(err, l.lock.Close())
	return l.stopErr
}
