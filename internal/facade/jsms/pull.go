package jsms

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
)

// reports hands out what became of messages, once each (contracts/jsms.md §9).
func (d *dialect) reports(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	return d.pull(ctx, x, app, 0, d.Events.Reports, d.appendReport)
}

// replies hands out what subscribers wrote, once each.
func (d *dialect) replies(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	return d.pull(ctx, x, app, 1, d.Events.Replies, func(out []byte, _ *tenant.App, e *callback.Event) []byte { return appendReply(out, e) })
}

func (d *dialect) pull(ctx context.Context, x *facade.Exchange, app *tenant.App, which uint64,
	take func(context.Context, core.AppID) ([]callback.Event, error), appendEvent func([]byte, *tenant.App, *callback.Event) []byte) error {
	if app.CallbackURL != "" {
		return core.E(core.KindForbidden, "it has a callback URL")
	}
	if err := d.poll(ctx, app, app.Unchallenged.JSMSPull, which); err != nil {
		return err
	}
	events, err := take(ctx, app.ID)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, '[')
	for i := range events {
		if i > 0 {
			x.Out = append(x.Out, ',')
		}
		x.Out = appendEvent(x.Out, app, &events[i])
	}
	x.Out = append(x.Out, ']')
	return nil
}

func (d *dialect) appendReport(out []byte, app *tenant.App, e *callback.Event) []byte {
	return appendReport(out, d.Verify, app, e)
}

// appendReport is one receipt: msgId is the UUID of a code, and the number of a
// message as a text.
func appendReport(out []byte, v Verifier, app *tenant.App, e *callback.Event) []byte {
	out = append(out, `{"msgId":`...)
	if e.Verification != 0 {
		out = facade.AppendString(out, v.PublicID(app, e.Verification))
	} else {
		number, _ := core.NumberOfID(int64(e.Message))
		out = append(strconv.AppendInt(append(out, '"'), number, 10), '"')
	}
	out = append(out, `,"phone":`...)
	out = facade.AppendString(out, e.Phone.National())
	out = append(out, `,"receiveTime":`...)
	out = strconv.AppendInt(out, e.At.UnixMilli(), 10)
	out = append(out, `,"status":`...)
	return append(strconv.AppendInt(out, int64(e.Status), 10), '}')
}

// appendReply is one text, in the order of members of contracts/jsms.md §9.
func appendReply(out []byte, e *callback.Event) []byte {
	out = append(out, `{"phone":`...)
	out = facade.AppendString(out, e.Phone.National())
	out = append(out, `,"replyTime":`...)
	out = strconv.AppendInt(out, e.At.UnixMilli(), 10)
	out = append(out, `,"content":`...)
	return append(facade.AppendString(out, e.Text), '}')
}
