package operator

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// attempt is one call that spends or sends, with an Idempotency-Key or without.
// What must be on disk before it runs is written by note; its effect and its
// answer are one commit, or its answer follows.
type attempt struct {
	ref  int64 // id of what the call makes
	call *idempotency.Call
	db   records.Updater
}

// begin takes up a call. The caller must end it.
func (o *operator) begin(ctx context.Context, x *facade.Exchange, body []byte) (*attempt, error) {
	keys := x.Request.Header["Idempotency-Key"]
	if len(keys) == 0 {
		return &attempt{ref: o.IDs.Next(), db: o.Database}, nil
	}
	call, err := o.Calls.Begin(ctx, idempotency.Request{Scope: "operator", Key: keys, Call: x.Request.URL.Path, Body: body})
	if err != nil {
		return nil, err
	}
	return &attempt{ref: call.Ref(), call: call, db: o.Database}, nil
}

// end lets the next call with the key in.
func (t *attempt) end() {
	if t.call != nil {
		t.call.End()
	}
}

// retried tells that an earlier call began and left no answer.
func (t *attempt) retried() bool { return t.call != nil && t.call.Retried() }

// replay gives the earlier call's answer again, if there is one.
func (t *attempt) replay(x *facade.Exchange) bool {
	if t.call == nil {
		return false
	}
	status, answer, ok := t.call.Replayed()
	if !ok {
		return false
	}
	x.SetHeader("Idempotency-Replayed", "true")
	x.Status, x.Out = status, append(x.Out, answer...)
	return true
}

// note runs f in a transaction, not again for a call that is repeated.
func (t *attempt) note(ctx context.Context, f func(q store.SQL) error) error {
	if t.call == nil {
		return records.Update(ctx, t.db, f)
	}
	return t.call.Note(ctx, t.db, f)
}

// around makes a command and the answer of its success one commit.
func (t *attempt) around(c store.Command, answer func() []byte) store.Command {
	if t.call == nil {
		return c
	}
	return t.call.Around(c, http.StatusOK, answer)
}

// answer notes the answer of an effect that is no command. When it can not be
// noted the caller gets an error instead: what nobody has seen need not be
// repeated.
func (t *attempt) answer(ctx context.Context, body []byte) error {
	if t.call == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err // the caller went away: nobody has seen it
	}
	return t.call.Answer(ctx, http.StatusOK, body)
}

// refused notes that the call took no effect: f writes it down, and the key may
// be used again.
func (t *attempt) refused(ctx context.Context, f func(q store.SQL) error) error {
	if err := records.Update(ctx, t.db, f); err != nil || t.call == nil {
		return err
	}
	return t.call.Release(ctx)
}
