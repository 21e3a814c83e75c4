package operator

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/outbox"
	inbound "yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Replies are subscribers' texts: reply.Service.
type Replies interface {
	List(ctx context.Context, app core.AppID, before core.ReplyID, limit int) ([]inbound.View, error)
}

// requeueMessage has a message tried again.
func (o *operator) requeueMessage(ctx context.Context, x *facade.Exchange) error {
	id, err := messageID(x)
	if err != nil {
		return err
	}
	c := &outbox.Requeue{IDs: o.IDs, ID: id}
	return o.changeMessage(ctx, x, id, "message.requeue", c, func() (store.Message, bool) { return c.Message, c.Changed })
}

// refundMessage gives back what a message cost that did not get there.
func (o *operator) refundMessage(ctx context.Context, x *facade.Exchange) error {
	id, err := messageID(x)
	if err != nil {
		return err
	}
	c := &outbox.GiveBack{IDs: o.IDs, ID: id}
	return o.changeMessage(ctx, x, id, "message.refund", c, func() (store.Message, bool) { return c.Message, c.Changed })
}

// changeMessage runs a command on a message. The audit row is on disk before,
// and another one when it was refused; the answer to an Idempotency-Key is
// noted in the command's commit.
func (o *operator) changeMessage(ctx context.Context, x *facade.Exchange, id core.MessageID, action string, c store.Command, result func() (store.Message, bool)) error {
	body, err := x.ReadBody()
	if err != nil {
		return err
	}
	t, err := o.begin(ctx, x, body)
	if err != nil {
		return err
	}
	defer t.end()
	if t.replay(x) {
		return nil
	}
	object := "message " + strconv.FormatInt(int64(id), 10)
	if err := t.note(ctx, func(q store.SQL) error { return o.Admin.Record(ctx, q, by(x), action, object, nil, nil) }); err != nil {
		return err
	}
	answer := func() []byte {
		m, changed := result()
		out, _ := encode(api.MessageChanged{ID: strconv.FormatInt(int64(id), 10), Changed: changed, State: m.State.String(), Money: moneyName(m.Money)})
		return out // text: it can not fail
	}
	err = o.Commands.Do(ctx, t.around(c, answer))
	switch {
	case err == nil:
		x.Out = append(x.Out, answer()...)
		return nil
	case errors.Is(err, idempotency.ErrAnswered) && t.replay(x):
		return nil
	case core.KindOf(err) == core.KindInternal:
		return err
	}
	refused := t.refused(ctx, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), action+".refused", object, nil, map[string]string{"reason": core.KindOf(err).String()})
	})
	if refused != nil {
		return errors.Join(err, refused)
	}
	return err
}

// page reads before and limit of a list.
func page(x *facade.Exchange) (before int64, limit int, err error) {
	values, err := query(x, "before", "limit")
	if err != nil {
		return 0, 0, err
	}
	b, err := number(values, "before", math.MaxInt64)
	if err != nil {
		return 0, 0, err
	}
	n, err := number(values, "limit", searchMost)
	if n == 0 {
		n = pageSize
	}
	return int64(b), int(n), err
}

// listCallbacks is an app's event log.
func (o *operator) listCallbacks(ctx context.Context, x *facade.Exchange) error {
	app, err := pathID(x, "app")
	if err != nil {
		return err
	}
	before, limit, err := page(x)
	if err != nil {
		return err
	}
	if _, known := o.Directory.App(core.AppID(app)); !known {
		return core.E(core.KindNotFound, "no such app")
	}
	var rows []records.EventRow
	var last core.EventID
	err = o.Database.View(ctx, func(q store.SQL) error {
		rows, last, err = records.EventPage(ctx, q, core.AppID(app), core.EventID(before), searchLooked)
		return err
	})
	if err != nil {
		return err
	}
	found := api.CallbackEvents{Events: []api.CallbackEvent{}}
	for i := range rows[:min(len(rows), limit)] {
		found.Events = append(found.Events, viewEvent(&rows[i]))
	}
	if len(rows) > limit {
		found.Before = found.Events[limit-1].ID
	} else if last != 0 {
		found.Before = strconv.FormatInt(int64(last), 10)
	}
	return reply(x, http.StatusOK, found)
}

func viewEvent(e *records.EventRow) api.CallbackEvent {
	return api.CallbackEvent{ID: strconv.FormatInt(int64(e.ID), 10), Kind: e.Kind.String(), Ref: strconv.FormatInt(e.Ref, 10), Status: int(e.Status),
		State: e.State.String(), Attempts: int(e.Attempts), Result: e.Result, At: e.At.Time().UTC(), Updated: unless0(e.Updated), Due: unless0(e.Due)}
}

func unless0(t store.Time) *time.Time {
	if t == 0 {
		return nil
	}
	at := t.Time().UTC()
	return &at
}

// listReplies are the texts that subscribers sent to an app; app 0 has those of
// all, and those that belong to none.
func (o *operator) listReplies(ctx context.Context, x *facade.Exchange) error {
	app, err := strconv.ParseUint(x.Param("app"), 10, 32)
	if err != nil {
		return &core.Error{Kind: core.KindInvalidID, Field: "app", Detail: "want a number from 0"}
	}
	before, limit, err := page(x)
	if err != nil {
		return err
	}
	if _, known := o.Directory.App(core.AppID(app)); !known && app != 0 {
		return core.E(core.KindNotFound, "no such app")
	}
	views, err := o.Replies.List(ctx, core.AppID(app), core.ReplyID(before), limit)
	if err != nil {
		return err
	}
	found := api.Replies{Replies: []api.Reply{}}
	for _, v := range views {
		r := api.Reply{ID: strconv.FormatInt(int64(v.ID), 10), App: v.App, Phone: v.Number.Masked(), To: v.Recipient, Text: v.Plain, OptOut: v.OptOut,
			Provider: v.Provider, At: v.At.Time().UTC()}
		if v.Message != 0 {
			r.Message = strconv.FormatInt(int64(v.Message), 10)
		}
		found.Replies = append(found.Replies, r)
	}
	if len(views) == limit {
		found.Before = found.Replies[limit-1].ID
	}
	return reply(x, http.StatusOK, found)
}
