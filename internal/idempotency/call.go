package idempotency

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// ErrAnswered is how Around refuses an effect that another node was faster
// with; Replayed has its answer then.
var ErrAnswered = core.E(core.KindConflict, "another node has answered the call")

// Call is one call under way. A nil Call is one without an Idempotency-Key.
type Call struct {
	calls   *Calls
	row     store.Call
	answer  []byte // of an earlier or faster call, opened
	retried bool
	done    func()
}

// Ref is an id that stays the same however often the call is repeated: what the
// call makes can have it.
func (t *Call) Ref() int64 { return t.row.Ref }

// Retried tells that an earlier call began and left no answer: what it did
// outside of the database, if anything, is not known.
func (t *Call) Retried() bool { return t.retried }

// Replayed gives the answer that is noted, if there is one.
func (t *Call) Replayed() (status int, answer []byte, ok bool) {
	return int(t.row.Status), t.answer, t.row.Status >= answered
}

// End lets the next call of the key in. It may be called twice.
func (t *Call) End() { t.done() }

// Around makes c and the answer of a success one commit. answer is called after
// c's Decide; a nil body notes nothing yet. ErrAnswered refuses c.
func (t *Call) Around(c store.Command, status int, answer func() []byte) store.Command {
	return &around{Command: c, call: t, status: status, answer: answer}
}

// Answer notes an answer in a commit of its own, unless there is one.
func (t *Call) Answer(ctx context.Context, status int, body []byte) error {
	if t.row.Status >= answered {
		return nil
	}
	err := t.calls.Store.Do(context.WithoutCancel(ctx), t.Around(nothing{}, status, func() []byte { return body }))
	if core.KindOf(err) == ErrAnswered.Kind && t.row.Status >= answered {
		return nil
	}
	return err
}

// Release forgets a call that took no effect: its key is free again.
func (t *Call) Release(ctx context.Context) error {
	return t.calls.Store.Do(context.WithoutCancel(ctx), &release{row: t.row})
}

// Want names the call's row for Forget, in another command.
func (t *Call) Want(b *store.Batch) { b.Calls.Want(t.row.Key) }

// Forget takes the answer back, in the commit that takes its effect back: else
// a repetition would be told what the call itself was refused.
func (t *Call) Forget(b *store.Batch) {
	if row, ok := b.Calls.Get(t.row.Key); ok && row.Ref == t.row.Ref {
		b.Calls.Delete(row.Key)
	}
}

// Note runs f, which writes what must be on disk before the call runs, in a
// transaction; not again for a call that is repeated.
func (t *Call) Note(ctx context.Context, db records.Updater, f func(q store.SQL) error) error {
	if t.row.Status >= noted {
		return nil
	}
	err := records.Update(ctx, db, func(q store.SQL) error {
		if err := f(q); err != nil {
			return err
		}
		return records.MarkIdempotency(ctx, q, t.row.Key, noted)
	})
	if err == nil {
		t.row.Status = noted
	}
	return err
}

// nothing is a command that changes nothing.
type nothing struct{}

func (nothing) Want(*store.Batch)         {}
func (nothing) Decide(*store.Batch) error { return nil }
