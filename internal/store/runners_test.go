package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
)

// While one batch is under way a second one begins where plenty waits, and not
// before.
func TestBatcherHelpsWherePlentyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		b := newTestBatcher(m, Options{Batchers: 2})
		b.Start()
		release := make(chan struct{})
		var answered atomic.Int64
		ask := func(c Command) {
			go func() {
				if err := b.Do(context.Background(), c); err != nil {
					t.Error(err)
				}
				answered.Add(1)
			}()
			synctest.Wait()
		}
		ask(&funcCommand{decide: func(*Batch) error { <-release; return nil }})
		for i := range plenty - 1 {
			ask(&insert{id: core.MessageID(i + 1)})
		}
		if got := answered.Load(); got != 0 || b.Stats().Waiting != plenty-1 {
			t.Errorf("%d answered and %d wait behind one batch, want 0 and %d", got, b.Stats().Waiting, plenty-1)
		}
		ask(&insert{id: plenty})
		if got := answered.Load(); got != plenty || b.Stats().Waiting != 0 {
			t.Errorf("%d answered and %d wait behind two batches, want %d and 0", got, b.Stats().Waiting, plenty)
		}
		ask(&insert{id: plenty + 1}) // waits for the first again
		if got := answered.Load(); got != plenty {
			t.Errorf("%d answered, want %d", got, plenty)
		}
		close(release)
		b.Stop()
		synctest.Wait()
		if got := answered.Load(); got != plenty+2 || len(m.ids()) != plenty+1 {
			t.Errorf("%d answered and %d rows in the end, want %d and %d", got, len(m.ids()), plenty+2, plenty+1)
		}
	})
}

// A batch may be overtaken by another one more than once.
func TestBatcherOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := fmt.Errorf("%w: %w", ErrNotCommitted, ErrUnique)
		m := newMemory(taken, taken, taken)
		b := newTestBatcher(m, Options{})
		defer b.Stop()
		for i, err := range do(t, b, &insert{id: 1}, &insert{id: 2}) {
			if err != nil {
				t.Errorf("command %d: %v", i, err)
			}
		}
		if m.commits != 1 || m.loads != 4 {
			t.Errorf("%d commits after %d loads, want 1 after 4", m.commits, m.loads)
		}
	})
}

func TestSeveralBatchersStopTwice(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, start := range []bool{true, false} {
		b := newTestBatcher(newMemory(), Options{Batchers: 3})
		if start {
			b.Start()
		}
		b.Stop()
		b.Stop()
	}
}
