package facade

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/idempotency"
)

// Once runs f, which sends or charges and appends the answer, under the
// request's Idempotency-Key (contracts/README.md §3.4): a repetition gets the
// same answer and has no effect. Call it when the request was authenticated and
// found valid. f's call is nil without the header; where it is not, f notes its
// answer in the commit of its effect (idempotency.Call.Around), or has an
// effect that is the same when it happens twice. A refusal frees the key, but
// for one that counted a try: that is an answer too.
func (x *Exchange) Once(ctx context.Context, app core.AppID, f func(call *idempotency.Call) error) error {
	keys := x.Request.Header["Idempotency-Key"]
	if len(keys) == 0 || x.calls == nil {
		return f(nil)
	}
	call, err := x.calls.Begin(ctx, idempotency.Request{Scope: "app " + strconv.FormatUint(uint64(app), 10), Key: keys,
		Call: x.Request.URL.Path, Body: x.body})
	if err != nil {
		return err
	}
	defer call.End()
	if x.replay(call) {
		return nil
	}
	err = f(call)
	switch {
	case err == nil:
		return call.Answer(ctx, x.Status, x.Out)
	case errors.Is(err, idempotency.ErrAnswered) && x.replay(call):
		return nil
	case core.KindOf(err) == core.KindWrongCode && !call.Retried():
		return x.noteRefusal(ctx, call, err)
	case core.KindOf(err) != core.KindInternal: // else the outcome is not known
		_ = call.Release(ctx) // what is left without an answer is run again anyway
	}
	return err
}

// replay gives the answer that is noted, if there is one.
func (x *Exchange) replay(call *idempotency.Call) bool {
	status, answer, ok := call.Replayed()
	if !ok {
		return false
	}
	x.SetHeader("Idempotency-Replayed", "true")
	x.Status, x.Out = status, append(x.Out[:0], answer...)
	return true
}

// noteRefusal keeps a refusal as the call's answer. When that fails the caller
// is told the reason all the same: a repetition counts once more.
func (x *Exchange) noteRefusal(ctx context.Context, call *idempotency.Call, reason error) error {
	status := x.Status
	x.Out = x.Out[:0]
	x.facade.Refuse(x, core.AsError(reason))
	refusal, answer := x.Status, slices.Clone(x.Out)
	x.Status, x.Out = status, x.Out[:0]
	_ = call.Answer(ctx, refusal, answer)
	return reason
}
