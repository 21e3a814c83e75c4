package store_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// stuckEngine hangs in Begin until it is let go on, and then works or fails.
type stuckEngine struct {
	store.Engine
	begun chan struct{} // one for each Begin
	goOn  chan error
}

func (e *stuckEngine) Begin(context.Context) (store.Tx, error) {
	e.begun <- struct{}{}
	return stuckTx{}, <-e.goOn
}

func (e *stuckEngine) View(ctx context.Context, _ func(store.SQL) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func (e *stuckEngine) Update(ctx context.Context, f func(store.SQL) error) error {
	return e.View(ctx, f)
}

func (e *stuckEngine) Flush() error { return nil }

type stuckTx struct{}

func (stuckTx) Load(_ context.Context, b *store.Batch) error { b.LoadDone(); return nil }
func (stuckTx) Write(context.Context, *store.Batch) error    { return nil }
func (stuckTx) Commit(context.Context) error                 { return nil }
func (stuckTx) Rollback()                                    {}

// counted counts how often it was decided; it hangs there when it is told to.
type counted struct {
	decided *int
	hang    chan struct{}
	err     error
}

func (c counted) Want(*store.Batch) {}

func (c counted) Decide(*store.Batch) error {
	*c.decided++
	if c.hang != nil {
		<-c.hang
	}
	return c.err
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

const limit = 900 * time.Millisecond

func newPrompt(t *testing.T) (*store.Prompt, *stuckEngine, *logged) {
	t.Helper()
	e, log := &stuckEngine{begun: make(chan struct{}, 100), goOn: make(chan error, 100)}, &logged{}
	b := store.NewBatcher(e, time.Now, slog.New(slog.DiscardHandler), store.Options{})
	b.Start()
	t.Cleanup(b.Stop)
	return store.NewPrompt(b, e, limit, time.Now, slog.New(slog.NewTextHandler(log, nil))), e, log
}

// A database that hangs: every caller is answered at the limit, and what had
// not begun by then never happens.
func TestReq20_PromptAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e, log := newPrompt(t)
		start, decided := time.Now(), 0
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				err := p.Do(t.Context(), counted{decided: &decided})
				if core.KindOf(err) != core.KindInternal || !errors.Is(err, store.ErrNotCommitted) {
					t.Errorf("answer %v", err)
				}
			})
		}
		callers.Wait()
		if took := time.Since(start); took != limit {
			t.Errorf("answered after %s, want %s", took, limit)
		}
		if !p.Failing() || !p.FailedRecently() {
			t.Error("nobody is told that the database hangs")
		}
		time.Sleep(10 * time.Second)
		if !p.Failing() || p.FailedRecently() {
			t.Error("nobody may try again")
		}
		for range 50 {
			e.goOn <- nil
		}
		synctest.Wait()
		if decided != 0 {
			t.Errorf("%d commands were run that nobody waits for", decided)
		}
		if err := p.Do(t.Context(), counted{decided: &decided}); err != nil || decided != 1 || p.Failing() {
			t.Errorf("afterwards: %v, decided %d, failing %v", err, decided, p.Failing())
		}
		if text := log.text.String(); strings.Count(text, "the database fails, callers are refused") != 1 ||
			!strings.Contains(text, "the database gave no answer within 900ms") || strings.Count(text, "the database works again") != 1 {
			t.Errorf("the log says:\n%s", text)
		}
	})
}

// A command that has begun may still be committed: that is said.
func TestPromptBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e, _ := newPrompt(t)
		decided, hang := 0, make(chan struct{})
		e.goOn <- nil
		start := time.Now()
		err := p.Do(t.Context(), counted{decided: &decided, hang: hang})
		if took := time.Since(start); took != limit || core.KindOf(err) != core.KindInternal || errors.Is(err, store.ErrNotCommitted) {
			t.Errorf("after %s: %v", took, err)
		}
		close(hang)
	})
}

func TestPromptViewAndUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := newPrompt(t)
		for name, call := range map[string]func(context.Context, func(store.SQL) error) error{"view": p.View, "update": p.Update} {
			start := time.Now()
			err := call(t.Context(), nil)
			if took := time.Since(start); took != limit || core.KindOf(err) != core.KindInternal || !strings.Contains(err.Error(), "no answer within 900ms") {
				t.Errorf("%s after %s: %v", name, took, err)
			}
			if !p.Failing() {
				t.Errorf("%s: nobody is told", name)
			}
			p.Works()
			patient, stop := context.WithTimeout(store.Patient(t.Context()), time.Hour)
			defer stop()
			start = time.Now()
			if err := call(patient, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour || p.Failing() {
				t.Errorf("patient %s: %v after %s", name, err, time.Since(start))
			}
			gone, leave := context.WithCancel(t.Context())
			leave()
			if err := call(gone, nil); !errors.Is(err, context.Canceled) || p.Failing() {
				t.Errorf("%s of a caller who has gone: %v, failing %v", name, err, p.Failing())
			}
		}
	})
}

// What a command refuses with says nothing against the database; what the
// database refuses does.
func TestPromptFailing(t *testing.T) {
	synctest.Test(t, testPromptFailing)
}

func testPromptFailing(t *testing.T) {
	p, e, _ := newPrompt(t)
	decided := 0
	for _, c := range []struct {
		engine, command error
		failing         bool
	}{
		{nil, core.E(core.KindLocked, ""), false},
		{errors.New("disk full"), nil, true},
		{errors.New("disk full"), nil, true},
		{nil, core.E(core.KindLocked, ""), false},
	} {
		e.goOn <- c.engine
		err := p.Do(t.Context(), counted{decided: &decided, err: c.command})
		if err == nil || p.Failing() != c.failing {
			t.Errorf("engine %v, command %v: %v, failing %v", c.engine, c.command, err, p.Failing())
		}
	}
}
