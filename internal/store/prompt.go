package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Prompt is the store for callers who wait for an answer: whatever becomes of
// the database, they get one within a limit. Work that nobody waits for goes to
// the Batcher and the Engine themselves.
//
//	Do ─▶ Batcher ─ answered in time ─▶ its result
//	        │ └─ late, not begun: withdrawn, certainly nothing done (ErrNotCommitted)
//	        └─── late, begun: nobody knows
//
// It remembers whether the last command failed on the database's account, and
// logs when that begins and ends.
type Prompt struct {
	batcher *Batcher
	engine  Engine
	limit   time.Duration
	now     func() time.Time
	log     *slog.Logger
	timers  sync.Pool
	failing atomic.Pointer[time.Time] // since when; nil: it works
	failed  atomic.Pointer[time.Time] // when a command failed last; nil: never
}

// NewPrompt returns a store that answers within a limit, which is at least a
// round trip to the database and a commit.
func NewPrompt(b *Batcher, e Engine, limit time.Duration, now func() time.Time, log *slog.Logger) *Prompt {
	p := &Prompt{batcher: b, engine: e, limit: limit, now: now, log: log}
	p.timers.New = func() any {
		t := time.NewTimer(limit)
		t.Stop()
		return t
	}
	return p
}

// Do is Batcher.Do within the limit. KindInternal with ErrNotCommitted when the
// command had not begun by then: it never will. KindInternal alone when it had.
func (p *Prompt) Do(ctx context.Context, c Command) error {
	late := p.timers.Get().(*time.Timer)
	late.Reset(p.limit)
	defer func() {
		late.Stop()
		p.timers.Put(late)
	}()
	w := &withdrawable{command: c}
	err := p.batcher.do(ctx, w, late.C)
	if errors.Is(err, errLate) {
		err = p.late(err)
		if w.withdraw() {
			err = core.Wrap(core.KindInternal, errors.Join(ErrNotCommitted, err), "the store did not begin in time")
		}
	}
	if ctx.Err() == nil {
		p.note(err)
	}
	return err
}

// View is Engine.View within the limit.
func (p *Prompt) View(ctx context.Context, f func(SQL) error) error {
	return p.within(ctx, func(ctx context.Context) error { return p.engine.View(ctx, f) })
}

// Update is Engine.Update within the limit, except for the commit itself: that
// ends when the engine ends it.
func (p *Prompt) Update(ctx context.Context, f func(SQL) error) error {
	return p.within(ctx, func(ctx context.Context) error { return p.engine.Update(ctx, f) })
}

type patience struct{}

// Patient marks work that may take as long as it takes: an import, a job in the
// background. View and Update have no limit for it.
func Patient(ctx context.Context) context.Context { return context.WithValue(ctx, patience{}, true) }

func (p *Prompt) within(ctx context.Context, f func(context.Context) error) error {
	if ctx.Value(patience{}) != nil {
		return f(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	err := f(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = p.late(err)
		p.note(err)
	}
	return err
}

// late says in words what happened.
func (p *Prompt) late(err error) error {
	return core.Wrap(core.KindInternal, err, fmt.Sprintf("the database gave no answer within %s", p.limit))
}

// Failing tells whether the database failed the last command that it was given.
func (p *Prompt) Failing() bool { return p.failing.Load() != nil }

// recently is how long a failed command speaks against the database. Then
// others may come and try.
const recently = 10 * time.Second

// FailedRecently tells whether that was in the last ten seconds.
func (p *Prompt) FailedRecently() bool {
	failed := p.failed.Load()
	return p.Failing() && failed != nil && p.now().Sub(*failed) < recently
}

// Works notes that the database was seen to work.
func (p *Prompt) Works() { p.note(nil) }

// note logs the first failure, and the end of failing. A command's own refusal
// shows that the database works; a shed one shows nothing.
func (p *Prompt) note(err error) {
	switch {
	case err != nil && core.KindOf(err) == core.KindOverloaded:
	case err != nil && core.KindOf(err) == core.KindInternal:
		now := p.now()
		p.failed.Store(&now)
		if p.failing.CompareAndSwap(nil, &now) {
			p.log.Error("store: the database fails, callers are refused", "error", err.Error())
		}
	default:
		if since := p.failing.Load(); since != nil && p.failing.CompareAndSwap(since, nil) {
			p.log.Info("store: the database works again", "failed_for", p.now().Sub(*since).String())
		}
	}
}

// withdrawable is a command whose caller may give up before it begins.
type withdrawable struct {
	command Command
	state   atomic.Int32 // waits, begun or withdrawn
}

const (
	waits int32 = iota
	begun
	withdrawn
)

var errWithdrawn = errors.New("store: nobody waits for it any more")

// withdraw tells whether the command has not begun, and never will.
func (w *withdrawable) withdraw() bool { return w.state.CompareAndSwap(waits, withdrawn) }

// Want names what the command names, as long as somebody waits.
func (w *withdrawable) Want(b *Batch) {
	if w.state.Load() != withdrawn {
		w.command.Want(b)
	}
}

// Decide begins the command, unless it was withdrawn.
func (w *withdrawable) Decide(b *Batch) error {
	if !w.state.CompareAndSwap(waits, begun) && w.state.Load() == withdrawn {
		return errWithdrawn
	}
	return w.command.Decide(b)
}
