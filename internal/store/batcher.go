package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Command is one change that is decided on rows. Its methods are called on the
// batcher's goroutine, possibly more than once when a batch is run again:
// Decide must set its results anew each time.
type Command interface {
	// Want names the rows that Decide will read. It is called again after each
	// load until no command names anything new, so a command may follow a row
	// that it loaded to the next one.
	Want(b *Batch)
	// Decide reads and changes rows. An error refuses the command and takes its
	// changes back; it is what Do returns. A result that changes rows, such as a
	// counted wrong try, is not an error: it goes into a field of the command.
	Decide(b *Batch) error
}

// Options of a Batcher. Zero values mean the defaults.
type Options struct {
	Queue    int // commands that may wait; default 4096; one more is shed
	MaxBatch int // commands in one commit; default 512
	Batchers int // batches at the same time; default 1; more where the engine takes them
}

// Batcher commits commands in groups. One goroutine runs the batches (or a few
// do, each its own), another one waits for the disk and answers: while one batch is flushed the next one
// runs, and while that runs another one gathers; there is no timer.
type Batcher struct {
	engine  Engine
	now     func() time.Time
	log     *slog.Logger
	options Options
	queue   chan *waiting
	more    chan struct{} // wakes a further runner
	answers sync.Pool     // of *waiting, to be used again

	mu      sync.RWMutex // guards stopped against sends into queue
	started bool
	stopped bool
	done    chan struct{}
	stats   stats
}

// runner runs one batch at a time, of what waits in the batcher's queue.
type runner struct {
	*Batcher
	batch  Batch
	groups chan []*waiting // to be used again: as many as may be under way
	ran    chan ran
}

// ran is a group whose batch was committed, or refused as a whole, or failed.
type ran struct {
	group []*waiting
	err   error
}

// underWay is how many groups there are: one that runs, one that is flushed,
// and one between them.
const underWay = 3

type waiting struct {
	command Command
	answer  chan error
	err     error
}

type stats struct{ batches, commands, refused, failed, shed atomic.Int64 }

// Stats counts what a batcher did since its start.
type Stats struct{ Batches, Commands, Refused, Failed, Shed, Waiting int64 }

// NewBatcher returns a batcher on an engine. Start runs it.
func NewBatcher(engine Engine, now func() time.Time, log *slog.Logger, o Options) *Batcher {
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.MaxBatch <= 0 {
		o.MaxBatch = 512
	}
	return &Batcher{engine: engine, now: now, log: log, options: o, queue: make(chan *waiting, o.Queue), more: make(chan struct{}, 1), done: make(chan struct{}),
		answers: sync.Pool{New: func() any { return &waiting{answer: make(chan error, 1)} }}}
}

func (s *Batcher) newRunner() *runner {
	r := &runner{Batcher: s, groups: make(chan []*waiting, underWay), ran: make(chan ran, 1)}
	for range underWay {
		r.groups <- make([]*waiting, 0, s.options.MaxBatch)
	}
	return r
}

// Start runs the batches until Stop. Starting twice, or after Stop, does
// nothing.
func (s *Batcher) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped {
		return
	}
	s.started = true
	go s.run()
}

// Stop refuses new commands, runs those that wait and returns when they are
// answered. Stopping twice, or what was never started, is fine.
func (s *Batcher) Stop() {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.queue)
		close(s.more)
		if !s.started {
			go s.run()
		}
	}
	s.mu.Unlock()
	<-s.done
}

// Stats tells what the batcher did so far.
func (s *Batcher) Stats() Stats {
	return Stats{Batches: s.stats.batches.Load(), Commands: s.stats.commands.Load(), Refused: s.stats.refused.Load(),
		Failed: s.stats.failed.Load(), Shed: s.stats.shed.Load(), Waiting: int64(len(s.queue))}
}

// Do runs one command and returns when its commit is on disk. The error is
// what Decide refused with; KindOverloaded when the queue is full or the
// batcher stops (nothing was done); KindInternal when the database failed (the
// outcome may be unknown) or ctx ended first (the command may still run, and
// must not be read any more).
func (s *Batcher) Do(ctx context.Context, c Command) error { return s.do(ctx, c, nil) }

// errLate says that the time was up before the answer came.
var errLate = errors.New("store: no answer in time")

// do is Do until late.
func (s *Batcher) do(ctx context.Context, c Command, late <-chan time.Time) error {
	w := s.answers.Get().(*waiting)
	w.command, w.err = c, nil
	if err := s.enqueue(w); err != nil {
		s.answers.Put(w)
		return err
	}
	select {
	case err := <-w.answer:
		w.command = nil
		s.answers.Put(w)
		return err
	case <-ctx.Done():
		return core.Wrap(core.KindInternal, ctx.Err(), "the store did not answer in time")
	case <-late:
		return errLate
	}
}

func (s *Batcher) enqueue(w *waiting) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.stopped {
		return core.E(core.KindOverloaded, "shutting down")
	}
	select {
	case s.queue <- w:
		if s.options.Batchers > 1 && len(s.queue) >= plenty {
			select {
			case s.more <- struct{}{}:
			default:
			}
		}
		return nil
	default:
		s.stats.shed.Add(1)
		return core.E(core.KindOverloaded, "the store's queue is full")
	}
}

// run runs batches until the queue is closed and empty. One runner takes
// whatever waits; further ones help where plenty waits: with less, two small
// batches would cost more than one.
func (s *Batcher) run() {
	defer close(s.done)
	var all sync.WaitGroup
	all.Go(func() {
		s.newRunner().run(func(r *runner) {
			for first := range s.queue {
				r.commit(s.gather(append(<-r.groups, first)))
			}
		})
	})
	for range s.options.Batchers - 1 {
		all.Go(func() {
			s.newRunner().run(func(r *runner) {
				for range s.more {
					if group := s.gather(<-r.groups); len(group) > 0 {
						r.commit(group)
					} else {
						r.groups <- group
					}
				}
			})
		})
	}
	all.Wait()
}

// run answers what batches leaves behind, until that returns.
func (s *runner) run(batches func(*runner)) {
	var flushing sync.WaitGroup
	flushing.Go(s.flush)
	batches(s)
	close(s.ran)
	flushing.Wait()
}

// flush answers groups in their order, each when what it was decided on is on
// disk: its own changes, and those of the batches before it. One flush serves
// every batch that was committed meanwhile.
func (s *runner) flush() {
	for r := range s.ran {
		s.answer(r.group, errors.Join(r.err, s.engine.Flush()))
		clear(r.group)
		s.groups <- r.group[:0]
	}
}

// yields is how often a group lets other goroutines run before it commits;
// plenty is a group that shares the cost of a commit well enough without.
const (
	yields = 3
	plenty = 32
)

// gather takes everything that waits. Goroutines that are ready to run may
// bring more in a moment: it lets them run first, as long as that makes a small
// group grow. Where nobody is ready, yielding returns at once.
func (s *Batcher) gather(group []*waiting) []*waiting {
	if group = s.drain(group); len(group) >= plenty {
		return group
	}
	for range yields {
		had := len(group)
		runtime.Gosched()
		if group = s.drain(group); len(group) == had {
			break
		}
	}
	return group
}

// drain takes what is in the queue now.
func (s *Batcher) drain(group []*waiting) []*waiting {
	for len(group) < s.options.MaxBatch {
		select {
		case w, open := <-s.queue:
			if !open {
				return group
			}
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

// commit runs a group; every command of it is answered exactly once.
func (s *runner) commit(group []*waiting) {
	s.stats.batches.Add(1)
	s.stats.commands.Add(int64(len(group)))
	err := s.attempt(group)
	if err != nil && len(group) > 1 && errors.Is(err, ErrNotCommitted) {
		// One command may have spoiled the statement for its neighbours.
		for i := range group {
			if err := s.attempt(group[i : i+1]); err != nil {
				s.failed(group[i:i+1], err)
			}
		}
		err = nil
	}
	s.ran <- ran{group: group, err: err}
}

// failed gives commands the error of their batch instead of their own result.
func (s *Batcher) failed(group []*waiting, err error) {
	s.stats.failed.Add(int64(len(group)))
	s.log.Error("store: a batch failed", "commands", len(group), "error", err.Error())
	err = core.Wrap(core.KindInternal, err, "the store failed")
	for _, w := range group {
		w.err = err
	}
}

// answer gives every command its own result, or the batch's error.
func (s *Batcher) answer(group []*waiting, err error) {
	if err != nil {
		s.failed(group, err)
	}
	for _, w := range group {
		w.answer <- w.err
	}
}

// How often a batch is tried that the engine asks to run again; and one that
// meets a row that is there already. That may be one that another batch inserted
// since this one looked for it: the next try sees it, but may be overtaken at
// another row, where many are new at once.
const (
	retries  = 8
	overtake = 4
)

func (s *runner) attempt(group []*waiting) error {
	var err error
	for try := range retries {
		err = s.once(group)
		overtaken := try+1 < overtake && errors.Is(err, ErrUnique)
		if !overtaken && !errors.Is(err, ErrAgain) {
			return err
		}
	}
	return err
}

func (s *runner) once(group []*waiting) error {
	ctx := context.Background()
	tx, err := s.engine.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", errors.Join(ErrNotCommitted, err))
	}
	b := &s.batch
	b.Begin(At(s.now()))
	for _, w := range group {
		w.err = nil
	}
	if err := s.load(ctx, tx, b, group); err != nil {
		tx.Rollback()
		return fmt.Errorf("load: %w", errors.Join(ErrNotCommitted, err))
	}
	for _, w := range group {
		if w.err != nil {
			continue // it panicked while it named its rows
		}
		if w.err = guarded(func() error { return w.command.Decide(b) }); w.err != nil {
			s.refused(w.err)
			b.refuse()
			continue
		}
		b.accept()
	}
	if !b.Changed() {
		tx.Rollback()
		return nil
	}
	if err := tx.Write(ctx, b); err != nil {
		tx.Rollback()
		return fmt.Errorf("write: %w", errors.Join(ErrNotCommitted, err))
	}
	if err := tx.Commit(ctx); err != nil {
		tx.Rollback()
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (s *Batcher) load(ctx context.Context, tx Tx, b *Batch, group []*waiting) error {
	for {
		for _, w := range group {
			if w.err == nil {
				w.err = guarded(func() error { w.command.Want(b); return nil })
			}
		}
		if !b.Waits() {
			return nil
		}
		if err := tx.Load(ctx, b); err != nil {
			return err
		}
	}
}

func (s *Batcher) refused(err error) {
	s.stats.refused.Add(1)
	var p *panicked
	if errors.As(err, &p) {
		s.log.Error("store: a command panicked", "panic", fmt.Sprint(p.value), "stack", string(p.stack))
	}
}

type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return "a command panicked" }

// guarded turns a panic of one command into its own refusal.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = core.Wrap(core.KindInternal, &panicked{value: v, stack: debug.Stack()}, "")
		}
	}()
	return f()
}
