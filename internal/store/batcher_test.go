package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
)

// memory is an engine of messages. Its script says what becomes of each
// transaction, in order; nil and behind the end: all is well.
type memory struct {
	mu      sync.Mutex
	rows    map[core.MessageID]Message
	script  []error // what Commit returns, or Begin, Load, Write when wrapped in at
	loads   int
	commits int
	ended   int // transactions committed or rolled back
	flush   func() error
}

// at is an error of a step before the commit; kept is one of a commit that took
// place.
type at struct {
	step string
	error
}

type kept struct{ error }

func newMemory(script ...error) *memory {
	return &memory{rows: map[core.MessageID]Message{}, script: script}
}

type memoryTx struct {
	*memory
	fault   error
	pending *Batch
}

func (m *memory) Begin(context.Context) (Tx, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var fault error
	if len(m.script) > 0 {
		fault, m.script = m.script[0], m.script[1:]
	}
	if err := failsAt(fault, "begin"); err != nil {
		return nil, err
	}
	return &memoryTx{memory: m, fault: fault}, nil
}

func failsAt(fault error, step string) error {
	if f := (at{}); errors.As(fault, &f) && f.step == step {
		return f.error
	}
	return nil
}

func (t *memoryTx) Load(_ context.Context, b *Batch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loads++
	for _, id := range b.Messages.Wanted() {
		if m, ok := t.rows[id]; ok {
			b.Messages.Loaded(id, m)
		}
	}
	b.LoadDone()
	return failsAt(t.fault, "load")
}

func (t *memoryTx) Write(_ context.Context, b *Batch) error {
	t.pending = b
	for i := range b.Messages.cells { // the row that spoils a write
		if c := &b.Messages.cells[i]; c.dirty && c.row.Code == "spoils" {
			return ErrUnique
		}
	}
	return failsAt(t.fault, "write")
}

func (t *memoryTx) Commit(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var k kept
	isKept := errors.As(t.fault, &k)
	if t.fault != nil && !isKept {
		return t.fault
	}
	put := func(m *Message) error { t.rows[m.ID] = *m; return nil }
	_ = t.pending.Messages.Updated(func(_, is *Message) error { return put(is) })
	_ = t.pending.Messages.Inserted(put)
	t.commits++
	if isKept {
		return k.error
	}
	t.ended++
	return nil
}

func (t *memoryTx) Rollback() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended++
}

func (m *memory) View(context.Context, func(SQL) error) error   { return nil }
func (m *memory) Update(context.Context, func(SQL) error) error { return nil }
func (m *memory) Highest(context.Context) (int64, error)        { return 0, nil }
func (m *memory) Close() error                                  { return nil }

// Flush fails, or waits, as the test says.
func (m *memory) Flush() error {
	if m.flush == nil {
		return nil
	}
	return m.flush()
}

func (m *memory) ids() (all []core.MessageID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.rows {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// insert is a command that stores a message.
type insert struct {
	id   core.MessageID
	code string
	err  error
	now  Time // result
}

func (c *insert) Want(b *Batch) { b.Messages.Want(c.id) }

func (c *insert) Decide(b *Batch) error {
	c.now = b.Now
	b.Messages.Put(c.id, Message{ID: c.id, Code: c.code})
	return c.err
}

// do runs commands that wait together: the batcher starts when all are in the
// queue.
func do(t *testing.T, b *Batcher, commands ...Command) []error {
	t.Helper()
	errs := make([]error, len(commands))
	var wg sync.WaitGroup
	for i, c := range commands {
		wg.Go(func() { errs[i] = b.Do(context.Background(), c) })
		for b.Stats().Waiting != int64(i+1) {
			time.Sleep(time.Microsecond) // the bubble's clock
		}
	}
	b.Start()
	wg.Wait()
	return errs
}

func newTestBatcher(e Engine, o Options) *Batcher {
	return NewBatcher(e, time.Now, slog.New(slog.DiscardHandler), o)
}

func TestBatcherGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		b := newTestBatcher(m, Options{MaxBatch: 3})
		defer b.Stop()
		commands := make([]Command, 7)
		for i := range commands {
			commands[i] = &insert{id: core.MessageID(i + 1)}
		}
		for i, err := range do(t, b, commands...) {
			if err != nil {
				t.Errorf("command %d: %v", i, err)
			}
		}
		if m.commits != 3 || m.loads != 3 || len(m.ids()) != 7 {
			t.Errorf("%d commits, %d loads, %d rows; want 3, 3 and 7", m.commits, m.loads, len(m.ids()))
		}
		if got := b.Stats(); got != (Stats{Batches: 3, Commands: 7}) {
			t.Errorf("stats %+v", got)
		}
		now := commands[0].(*insert).now
		if now != At(time.Now()) || now != commands[2].(*insert).now {
			t.Error("the commands of a batch do not share one clock reading")
		}
	})
}

func TestBatcherFaults(t *testing.T) {
	broken := errors.New("broken")
	lost := fmt.Errorf("%w: %w", ErrNotCommitted, broken)
	again := fmt.Errorf("%w: %w", ErrAgain, broken)
	for _, c := range []struct {
		name    string
		script  []error
		fails   []bool // the answers of three commands
		rows    int
		commits int
	}{
		{"all is well", nil, []bool{false, false, false}, 3, 1},
		{"begin fails, then each by itself", []error{at{"begin", broken}}, []bool{false, false, false}, 3, 3},
		{"load fails, then each by itself", []error{at{"load", broken}}, []bool{false, false, false}, 3, 3},
		{"write fails, then each by itself", []error{at{"write", broken}}, []bool{false, false, false}, 3, 3},
		{"commit fails for certain, then each by itself", []error{lost}, []bool{false, false, false}, 3, 3},
		{"and one of them again", []error{lost, nil, at{"write", broken}}, []bool{false, true, false}, 2, 2},
		{"commit fails, lost: nobody may run them again", []error{broken}, []bool{true, true, true}, 0, 0},
		{"commit fails, kept: nobody may run them again", []error{kept{broken}}, []bool{true, true, true}, 3, 1},
		{"run again", []error{again, again}, []bool{false, false, false}, 3, 1},
		{"run again for ever", slices.Repeat([]error{again}, 8), []bool{true, true, true}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(c.script...)
				b := newTestBatcher(m, Options{})
				defer b.Stop()
				for i, err := range do(t, b, &insert{id: 1}, &insert{id: 2}, &insert{id: 3}) {
					if failed := err != nil; failed != c.fails[i] {
						t.Errorf("command %d: %v", i+1, err)
					}
					if err != nil && (core.KindOf(err) != core.KindInternal || !errors.Is(err, broken)) {
						t.Errorf("command %d: %v is not the database's error", i+1, err)
					}
				}
				if len(m.ids()) != c.rows || m.commits != c.commits {
					t.Errorf("rows %v after %d commits, want %d and %d", m.ids(), m.commits, c.rows, c.commits)
				}
				if err := b.Do(context.Background(), &insert{id: 9}); err != nil {
					t.Errorf("the next command: %v", err)
				}
			})
		})
	}
}

// While one batch is flushed the next one runs; both are answered in their
// order, and a batch without changes waits for those that it was decided on.
func TestBatcherAnswersAfterFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		begun, disk := make(chan int, 1), make(chan error)
		m.flush = func() error {
			m.mu.Lock()
			commits := m.commits
			m.mu.Unlock()
			begun <- commits
			return <-disk
		}
		b := newTestBatcher(m, Options{})
		b.Start()
		defer b.Stop()
		answers := make(chan string, 3)
		ask := func(name string, c Command) {
			go func() { answers <- fmt.Sprint(name, b.Do(context.Background(), c) != nil) }()
			synctest.Wait()
		}
		ask("first ", &insert{id: 1})
		if commits := <-begun; commits != 1 {
			t.Errorf("%d commits before the first flush", commits)
		}
		ask("second ", &insert{id: 2})
		ask("refused ", &insert{id: 3, err: errors.New("no")})
		if len(m.ids()) != 2 || len(answers) != 0 {
			t.Errorf("rows %v and %d answers while the disk works, want 2 rows and no answer", m.ids(), len(answers))
		}
		for _, want := range []string{"first false", "second true", "refused true"} {
			var err error
			if want == "second true" {
				err = errors.New("the disk is gone")
			}
			disk <- err
			if got := <-answers; got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
			synctest.Wait()
			if len(answers) != 0 {
				t.Error("an answer came before its flush")
			}
			select {
			case <-begun:
			default:
			}
		}
	})
}

func TestBatcherSpoiledWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		b := newTestBatcher(m, Options{})
		defer b.Stop()
		errs := do(t, b, &insert{id: 1}, &insert{id: 2, code: "spoils"}, &insert{id: 3})
		if errs[0] != nil || !errors.Is(errs[1], ErrUnique) || errs[2] != nil {
			t.Errorf("errors %v", errs)
		}
		if got := m.ids(); !slices.Equal(got, []core.MessageID{1, 3}) {
			t.Errorf("rows %v", got)
		}
	})
}

func TestBatcherRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var log bytes.Buffer
		b := NewBatcher(m, time.Now, slog.New(slog.NewTextHandler(&log, nil)), Options{})
		refusal := core.E(core.KindWrongCode, "refused")
		panics := &funcCommand{decide: func(*Batch) error { panic("decides badly") }}
		errs := do(t, b, &insert{id: 1}, &insert{id: 2, err: refusal}, panics, &insert{id: 3})
		b.Stop()
		if errs[0] != nil || !errors.Is(errs[1], refusal) || core.KindOf(errs[2]) != core.KindInternal || errs[3] != nil {
			t.Errorf("errors %v", errs)
		}
		if got := m.ids(); !slices.Equal(got, []core.MessageID{1, 3}) || m.commits != 1 {
			t.Errorf("rows %v after %d commits", got, m.commits)
		}
		if got := b.Stats(); got != (Stats{Batches: 1, Commands: 4, Refused: 2}) {
			t.Errorf("stats %+v", got)
		}
		if !strings.Contains(log.String(), "decides badly") || !strings.Contains(log.String(), "batcher_test.go") {
			t.Errorf("the panic is not in the log with its place: %s", log.String())
		}
		if strings.Contains(errs[2].Error(), "decides badly") {
			t.Errorf("the panic reached the caller: %v", errs[2])
		}
	})
}

// TestBatcherWritesNothingForRefusals: a batch of refusals is no commit.
func TestBatcherWritesNothingForRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		b := newTestBatcher(m, Options{})
		do(t, b, &insert{id: 1, err: core.E(core.KindConflict, "")}, &insert{id: 2, err: core.E(core.KindConflict, "")})
		b.Stop()
		if m.commits != 0 || m.ended != 1 {
			t.Errorf("%d commits, %d transactions ended", m.commits, m.ended)
		}
	})
}

type funcCommand struct {
	want   func(*Batch)
	decide func(*Batch) error
}

func (c *funcCommand) Want(b *Batch) {
	if c.want != nil {
		c.want(b)
	}
}

func (c *funcCommand) Decide(b *Batch) error { return c.decide(b) }

func TestBatcherRunsDecideAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(ErrAgain, ErrAgain)
		b := newTestBatcher(m, Options{})
		defer b.Stop()
		runs := 0
		errs := do(t, b, &funcCommand{want: func(b *Batch) { b.Messages.Want(1) }, decide: func(b *Batch) error {
			runs++
			if _, exists := b.Messages.Get(1); exists {
				t.Error("something is left of the run before")
			}
			b.Messages.Put(1, Message{ID: 1})
			return nil
		}})
		if errs[0] != nil || runs != 3 {
			t.Errorf("%v after %d runs", errs[0], runs)
		}
	})
}

func TestBatcherStopsTwice(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := newTestBatcher(newMemory(), Options{})
	b.Start()
	if err := b.Do(context.Background(), &insert{id: 1}); err != nil {
		t.Error(err)
	}
	b.Stop()
	b.Stop()
	if err := b.Do(context.Background(), &insert{id: 2}); core.KindOf(err) != core.KindOverloaded {
		t.Errorf("after the stop: %v", err)
	}
}

func TestBatcherStopsWithoutStart(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := newTestBatcher(newMemory(), Options{})
	b.Stop()
	b.Start() // too late
	b.Stop()
}

func TestBatcherShedsWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		b := newTestBatcher(m, Options{Queue: 2})
		var wg sync.WaitGroup
		for id := range core.MessageID(2) {
			wg.Go(func() {
				if err := b.Do(context.Background(), &insert{id: id + 1}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		err := b.Do(context.Background(), &insert{id: 3})
		if core.KindOf(err) != core.KindOverloaded || b.Stats().Shed != 1 {
			t.Errorf("a full queue: %v, shed %d", err, b.Stats().Shed)
		}
		b.Start()
		wg.Wait()
		b.Stop()
		if got := m.ids(); !slices.Equal(got, []core.MessageID{1, 2}) {
			t.Errorf("rows %v", got)
		}
	})
}

func TestBatcherCallerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		b := newTestBatcher(m, Options{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := b.Do(ctx, &insert{id: 1}); core.KindOf(err) != core.KindInternal || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that did not wait: %v", err)
		}
		b.Start()
		b.Stop() // its command runs all the same
		if got := m.ids(); !slices.Equal(got, []core.MessageID{1}) {
			t.Errorf("rows %v", got)
		}
	})
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	if got := At(at); !got.Time().Equal(at) || got.Add(time.Hour).Sub(got) != time.Hour {
		t.Errorf("%v became %v", at, got.Time())
	}
}

func TestMessageStateNames(t *testing.T) {
	// The names of contracts/delivery.md §8.
	for state, want := range map[MessageState]string{MessageQueued: "queued", MessageLeased: "leased", MessageUnknown: "unknown",
		MessageSubmitted: "submitted", MessageDelivered: "delivered", MessageUndelivered: "undelivered", MessageRejected: "rejected",
		MessageExpired: "expired", MessageDead: "dead", MessageDead + 1: "invalid"} {
		if got := state.String(); got != want {
			t.Errorf("state %d is %q, want %q", state, got, want)
		}
	}
}
