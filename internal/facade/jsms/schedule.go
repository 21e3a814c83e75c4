package jsms

import (
	"context"
	"slices"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/message/dispatch"
	"yanma.dev/yanma/internal/tenant"
)

// sendTime is send_time, which is checked after the types of all members, and
// before the values of the others (contracts/jsms.md §7).
func (d *dialect) sendTime(x *facade.Exchange) (time.Time, error) {
	text, err := textOf(x, "send_time")
	if err != nil {
		return time.Time{}, err
	}
	return dispatch.ParseSendTime(text, d.Now())
}

// schedule stores a message for later, or with an id changes one that waits. An
// answer that is noted comes before all checks: its time may be over by now.
func (d *dialect) schedule(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		if err := shapeOfOne(x); err != nil {
			return err
		}
		at, err := d.sendTime(x)
		if err != nil && !isRetried(call) {
			return err
		}
		to, r, err := d.single(x, app)
		if err != nil {
			return err
		}
		r.Call = call
		stored, err := d.store(ctx, x, dispatch.ScheduleRequest{Request: r, SendAt: at, Recipients: []dispatch.Recipient{to}})
		if err != nil {
			return err
		}
		x.Out = append(appendScheduleID(append(x.Out, '{'), stored.ID), '}')
		return nil
	})
}

// isRetried tells of a call that may have been stored before a crash. Its time
// is checked when it was not.
func isRetried(call *idempotency.Call) bool { return call != nil && call.Retried() }

// scheduleBatch is schedule for many numbers.
func (d *dialect) scheduleBatch(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		s, err := readSeveral(x, app)
		if err != nil {
			return err
		}
		at, err := d.sendTime(x)
		if err != nil && !isRetried(call) {
			return err
		}
		if err := d.complete(&s, x, app); err != nil {
			return err
		}
		s.Call = call
		stored, err := d.store(ctx, x, dispatch.ScheduleRequest{Request: s.Request, SendAt: at, Recipients: s.to, Several: true, Tag: s.tag})
		if err != nil {
			return err
		}
		x.Out = s.appendScheduled(x.Out, stored)
		return nil
	})
}

// store makes a schedule, or changes the one that the path names.
func (d *dialect) store(ctx context.Context, x *facade.Exchange, r dispatch.ScheduleRequest) (dispatch.Scheduled, error) {
	if id := x.Param("schedule_id"); id != "" {
		return d.Dispatch.Reschedule(ctx, id, r)
	}
	return d.Dispatch.Schedule(ctx, r)
}

func appendScheduleID(out []byte, id string) []byte {
	out = append(out, `"schedule_id":`...)
	if id == "" {
		return append(out, "null"...)
	}
	return facade.AppendString(out, id)
}

func (s *several) appendScheduled(out []byte, stored dispatch.Scheduled) []byte {
	out = appendScheduleID(append(out, '{'), stored.ID)
	out = appendCounts(append(out, ','), stored.Results)
	out = append(out, `,"failure_recipients":[`...)
	first := true
	for i := range stored.Results {
		err := stored.Results[i].Err
		if err == nil {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = appendFailure(append(out, '{'), err)
		out = append(s.appendSaid(out, i, true), '}')
	}
	return append(out, "]}"...)
}

// showSchedule reads a schedule, a sent one too.
func (d *dialect) showSchedule(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	v, err := d.Dispatch.FindSchedule(ctx, app.ID, x.Param("schedule_id"))
	if err != nil {
		return err
	}
	out := appendScheduleID(append(x.Out, '{'), v.ID)
	out = append(out, `,"send_time":"`...)
	out = v.SendAt.AppendFormat(out, dispatch.ScheduleLayout)
	out = append(out, `",`...)
	out = appendMember(out, "temp_id", v.Template)
	out = append(out, `,"recipients":[`...)
	for i := range v.Recipients {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendRecipient(out, &v.Recipients[i])
	}
	x.Out = append(out, "]}"...)
	return nil
}

func appendRecipient(out []byte, r *dispatch.RecipientView) []byte {
	out = append(out, `{"msg_id":"`...)
	out = strconv.AppendInt(out, r.Number, 10)
	out = append(out, `","mobile":`...)
	out = facade.AppendString(out, r.Literal)
	if len(r.Params) == 0 {
		return append(out, '}')
	}
	out = append(out, `,"temp_para":{`...)
	names := make([]string, 0, len(r.Params))
	for name := range r.Params {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(facade.AppendString(out, name), ':')
		out = facade.AppendString(out, r.Params[name])
	}
	return append(out, "}}"...)
}

func (d *dialect) deleteSchedule(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	if err := d.Dispatch.DeleteSchedule(ctx, app.ID, x.Param("schedule_id")); err != nil {
		return err
	}
	deleted(x)
	return nil
}
