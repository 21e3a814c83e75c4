package memory

import (
	"context"
	"sync"
	"time"
)

// The sweep's pace: all of three million subjects in about a minute, at some
// ten microseconds of one shard's lock every 100 ms.
const (
	sweepSlots = 8192
	sweepEvery = 100 * time.Millisecond
)

// sweeper is the state of the sweep: where it stands, and its loop.
type sweeper struct {
	mu    sync.Mutex
	shard int
	slot  int
	stop  context.CancelFunc
	done  chan struct{}
}

// Sweep frees what expired among the next few thousand slots. Each call does a
// bounded amount of work; calls go round all shards.
func (l *Limiter) Sweep(now time.Time) {
	n := instantOf(now)
	l.sweep.mu.Lock()
	defer l.sweep.mu.Unlock()
	budget := sweepSlots
	for range shards {
		s := &l.shards[l.sweep.shard]
		s.mu.Lock()
		next, left := s.sweep(n, l.sweep.slot, budget)
		s.mu.Unlock()
		if next >= 0 {
			l.sweep.slot = next
			return
		}
		l.sweep.shard, l.sweep.slot = (l.sweep.shard+1)%shards, 0
		if budget = left; budget == 0 {
			return
		}
	}
}

// Start sweeps in the background until Stop. It never fails.
func (l *Limiter) Start(context.Context) error {
	l.sweep.mu.Lock()
	defer l.sweep.mu.Unlock()
	if l.sweep.stop != nil {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.sweep.stop, l.sweep.done = stop, done
	go func() {
		defer close(done)
		l.sweepUntil(ctx)
	}()
	return nil
}

func (l *Limiter) sweepUntil(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.Sweep(l.now())
		}
	}
}

// Stop ends the sweep. Stopping twice, or before Start, is fine.
func (l *Limiter) Stop(ctx context.Context) error {
	l.sweep.mu.Lock()
	stop, done := l.sweep.stop, l.sweep.done
	l.sweep.stop = nil
	l.sweep.mu.Unlock()
	if stop == nil {
		return nil
	}
	stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
