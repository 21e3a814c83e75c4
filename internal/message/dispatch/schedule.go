package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// furthest is how far ahead a schedule may be (contracts/jsms.md §7).
const furthest = 365 * 24 * time.Hour

// ScheduleLayout is how the dialects write the time of a schedule, in China's
// zone (contracts/jsms.md §7).
const ScheduleLayout = "2006-01-02 15:04:05"

// ParseSendTime reads the time of a schedule. KindBadField send_time for one that
// is malformed, not in the future, or more than 365 days ahead.
func ParseSendTime(text string, now time.Time) (time.Time, error) {
	at, err := time.ParseInLocation(ScheduleLayout, text, message.China())
	if err != nil || len(text) != len(ScheduleLayout) {
		return time.Time{}, core.Field(core.KindBadField, "send_time")
	}
	return at, checkSendTime(at, now)
}

func checkSendTime(at, now time.Time) error {
	if !at.After(now) || at.After(now.Add(furthest)) {
		return core.Field(core.KindBadField, "send_time")
	}
	return nil
}

// ScheduleRequest asks for messages at a time.
type ScheduleRequest struct {
	Request
	SendAt     time.Time
	Recipients []Recipient
	Several    bool   // made by a batch call: only a batch call changes it
	Tag        string // an alias of the caller's
}

// Scheduled is a schedule on disk.
type Scheduled struct {
	ID      string // UUID; "" when no recipient was acceptable, and nothing was stored
	Results []Result
}

// Schedule stores messages that are sent at a time, also after restarts, once.
// Texts are made now; limits are taken and charges made at the time; whether
// somebody can pay is asked now (contracts/jsms.md §7). Errors of the call:
// KindBadField send_time or recipients, those of Batch. Results as Batch, with
// KindInsufficientBalance from the first one that could not be paid now. A
// schedule of one (not Several) whose recipient is refused gives its error.
func (s *Service) Schedule(ctx context.Context, r ScheduleRequest) (Scheduled, error) {
	return s.writeSchedule(ctx, r, "")
}

// Reschedule replaces a schedule that waits still; its messages get new ids.
// KindNotFound with Field schedule for one that is unknown, another app's, deleted
// or of the other call (Several); KindWrongState with Field schedule for one that
// was sent or is being sent. Otherwise as Schedule; when no recipient is
// acceptable the old one stays.
func (s *Service) Reschedule(ctx context.Context, id string, r ScheduleRequest) (Scheduled, error) {
	if _, err := uuid.Parse(id); err != nil {
		return Scheduled{}, errNoSchedule
	}
	return s.writeSchedule(ctx, r, id)
}

var (
	errNoSchedule    = core.Field(core.KindNotFound, "schedule")
	errScheduleState = core.Field(core.KindWrongState, "schedule")
)

func (s *Service) writeSchedule(ctx context.Context, r ScheduleRequest, replaces string) (Scheduled, error) {
	now := s.o.Now()
	if r.Call != nil && r.Call.Retried() && replaces == "" {
		if stored, found, err := s.storedBefore(ctx, r); err != nil || found {
			return stored, err
		}
	}
	if err := checkSendTime(r.SendAt, now); err != nil {
		return Scheduled{}, err
	}
	if len(r.Recipients) == 0 || len(r.Recipients) > MostRecipients {
		return Scheduled{}, core.Field(core.KindBadField, "recipients")
	}
	if err := s.usable(r.Request); err != nil {
		return Scheduled{}, err
	}
	if replaces != "" {
		if _, err := s.changeable(ctx, r.App.ID, replaces, r.Several); err != nil {
			return Scheduled{}, err
		}
	}
	l, err := s.compose(r.Request, r.Recipients)
	if err != nil {
		return Scheduled{}, err
	}
	if err := s.optedOut(ctx, l.drafts); err != nil {
		return Scheduled{}, err
	}
	if err := s.o.Store.Do(ctx, &canPay{drafts: l.drafts}); err != nil {
		return Scheduled{}, err
	}
	if !r.Several && l.results[0].Err != nil {
		return Scheduled{}, l.results[0].Err
	}
	row, recipients, err := s.scheduleRows(r, l, now)
	if err != nil || len(recipients) == 0 {
		return Scheduled{Results: l.results}, err
	}
	err = records.Update(ctx, s.o.Database, func(q store.SQL) error {
		if replaces != "" {
			return replaceSchedule(ctx, q, replaces, &row, recipients)
		}
		if err := records.InsertSchedule(ctx, q, row); err != nil {
			return err
		}
		return insertRecipients(ctx, q, row.ID, recipients)
	})
	if err != nil {
		return Scheduled{}, classified(err)
	}
	return Scheduled{ID: row.Ref, Results: l.results}, nil
}

// storedBefore is the schedule of a call that was stored before a crash, and not
// answered: the call's Ref is its id. Recipients that it lacks were refused; for
// those that nothing in the request speaks against, money was short.
func (s *Service) storedBefore(ctx context.Context, r ScheduleRequest) (stored Scheduled, found bool, err error) {
	var row records.Schedule
	var recipients []records.Recipient
	err = s.o.Database.View(ctx, func(q store.SQL) (err error) {
		if row, found, err = records.ScheduleByID(ctx, q, r.Call.Ref()); err == nil && found {
			recipients, err = records.RecipientsOf(ctx, q, row.ID)
		}
		return err
	})
	if err != nil || !found || row.App != r.App.ID {
		return Scheduled{}, false, classified(err)
	}
	l, err := s.compose(r.Request, r.Recipients)
	if err != nil {
		return Scheduled{}, false, err
	}
	accepted := make(map[int64]bool, len(recipients))
	for i := range recipients {
		accepted[recipients[i].Place] = true
	}
	for i := range l.results {
		if l.results[i].Err == nil && !accepted[int64(i)] {
			l.results[i].Err = core.E(core.KindInsufficientBalance, "")
		}
	}
	return Scheduled{ID: row.Ref, Results: l.results}, true, nil
}

// scheduleRows are what is stored of the acceptable recipients.
func (s *Service) scheduleRows(r ScheduleRequest, l *list, now time.Time) (records.Schedule, []records.Recipient, error) {
	ref, err := uuid.NewRandomFromReader(s.o.Random)
	if err != nil {
		return records.Schedule{}, nil, err
	}
	at := store.At(r.SendAt)
	id := s.o.IDs.Next()
	if r.Call != nil {
		id = r.Call.Ref() // by which a repetition finds it
	}
	row := records.Schedule{ID: id, Tenant: r.App.Tenant, App: r.App.ID, Ref: ref.String(), Several: r.Several, Template: r.Template.ID,
		Name: r.Template.Name, Kind: uint8(r.Template.Kind), Signature: r.Signature.Text, Tag: r.Tag, SendAt: at, Due: at, Version: 1,
		Created: store.At(now), Updated: store.At(now)}
	var recipients []records.Recipient
	byMessage := make(map[core.MessageID]*draft, len(l.drafts))
	for _, d := range l.drafts {
		byMessage[d.row.ID] = d
	}
	for i := range l.results {
		d, ok := byMessage[l.results[i].Message]
		if !ok || l.results[i].Err != nil {
			continue
		}
		recipients = append(recipients, records.Recipient{ID: d.row.ID, Schedule: row.ID, Place: int64(i), Form: uint8(r.Recipients[i].Form),
			Segments: d.row.Segments, Phone: d.row.Phone, Body: d.row.Body})
	}
	row.Recipients = int64(len(recipients))
	return row, recipients, nil
}

func insertRecipients(ctx context.Context, q store.SQL, schedule int64, all []records.Recipient) error {
	for _, r := range all {
		r.Schedule = schedule
		if err := records.InsertRecipient(ctx, q, r); err != nil {
			return err
		}
	}
	return nil
}

// replaceSchedule writes a schedule in place of one that waits still.
func replaceSchedule(ctx context.Context, q store.SQL, ref string, row *records.Schedule, recipients []records.Recipient) error {
	old, found, err := records.ScheduleByRef(ctx, q, ref)
	if err != nil {
		return err
	}
	if err := mayChange(old, found, row.App, row.Several); err != nil {
		return err
	}
	row.ID, row.Ref, row.Version, row.Created = old.ID, old.Ref, old.Version, old.Created
	if err := changedOr(records.UpdateSchedule(ctx, q, *row)); err != nil {
		return err
	}
	if err := records.DeleteRecipients(ctx, q, row.ID); err != nil {
		return err
	}
	return insertRecipients(ctx, q, row.ID, recipients)
}

func mayChange(s records.Schedule, found bool, app core.AppID, several bool) error {
	switch {
	case !found || s.App != app || s.State == records.ScheduleDeleted || s.Several != several:
		return errNoSchedule
	case s.State != records.ScheduleWaiting:
		return errScheduleState
	}
	return nil
}

// changeable asks before the work of a change is done.
func (s *Service) changeable(ctx context.Context, app core.AppID, ref string, several bool) (row records.Schedule, err error) {
	err = s.o.Database.View(ctx, func(q store.SQL) error {
		var found bool
		if row, found, err = records.ScheduleByRef(ctx, q, ref); err != nil {
			return err
		}
		return mayChange(row, found, app, several)
	})
	return row, classified(err)
}

// DeleteSchedule ends a schedule that waits still. KindNotFound with Field
// schedule for one that is unknown or another app's; KindWrongState with Field
// schedule for one that was sent, is being sent, or was deleted.
func (s *Service) DeleteSchedule(ctx context.Context, app core.AppID, id string) error {
	return classified(records.Update(ctx, s.o.Database, func(q store.SQL) error {
		row, found, err := records.ScheduleByRef(ctx, q, id)
		switch {
		case err != nil:
			return err
		case !found || row.App != app:
			return errNoSchedule
		case row.State != records.ScheduleWaiting:
			return errScheduleState
		}
		row.State, row.Due, row.Updated = records.ScheduleDeleted, 0, store.At(s.o.Now())
		if err := changedOr(records.UpdateSchedule(ctx, q, row)); err != nil {
			return err
		}
		return records.DeleteRecipients(ctx, q, row.ID)
	}))
}

// ScheduleView is a schedule as its app asked for it.
type ScheduleView struct {
	ID         string
	SendAt     time.Time // in China's zone
	Template   string    // as its app says it
	Tag        string
	Several    bool
	Sent       bool // or being sent
	Recipients []RecipientView
}

// RecipientView is one recipient of it.
type RecipientView struct {
	Message core.MessageID
	Number  int64
	Literal string // the number as the caller wrote it
	Phone   core.Phone
	Params  map[string]string
}

// FindSchedule reads a schedule, a sent one too. KindNotFound with Field schedule
// for one that is unknown, another app's or deleted.
func (s *Service) FindSchedule(ctx context.Context, app core.AppID, id string) (ScheduleView, error) {
	var row records.Schedule
	var recipients []records.Recipient
	err := s.o.Database.View(ctx, func(q store.SQL) (err error) {
		var found bool
		if row, found, err = records.ScheduleByRef(ctx, q, id); err != nil {
			return err
		}
		if !found || row.App != app || row.State == records.ScheduleDeleted {
			return errNoSchedule
		}
		recipients, err = records.RecipientsOf(ctx, q, row.ID)
		return err
	})
	if err != nil {
		return ScheduleView{}, classified(err)
	}
	v := ScheduleView{ID: row.Ref, SendAt: row.SendAt.Time().In(message.China()), Template: fmt.Sprint(row.Template), Tag: row.Tag, Several: row.Several,
		Sent: row.State != records.ScheduleWaiting}
	if t, ok := s.o.Catalogue.TemplateByID(row.Template); ok {
		v.Template = t.Ref
	}
	for i := range recipients {
		to, _, params, err := s.open(&recipients[i])
		if err != nil {
			return ScheduleView{}, err
		}
		if message.Kind(row.Kind) == message.KindCode {
			delete(params, message.ParamMinutes) // ours, not the caller's
		}
		number, _ := core.NumberOfID(int64(recipients[i].ID))
		v.Recipients = append(v.Recipients, RecipientView{Message: recipients[i].ID, Number: number, Literal: Form(recipients[i].Form).Literal(to), Phone: to, Params: params})
	}
	return v, nil
}

// open opens what a recipient's row has sealed.
func (s *Service) open(r *records.Recipient) (to core.Phone, text string, params map[string]string, err error) {
	if to, err = s.o.Ring.OpenPhone(r.Phone); err != nil {
		return to, "", nil, err
	}
	content, err := s.o.Ring.Open(outbox.BodyField, r.Body)
	if err != nil {
		return to, "", nil, err
	}
	text, params, err = outbox.ParseContent(content)
	return to, text, params, err
}

// canPay asks whether the drafts could be paid for now, one after the other; it
// changes nothing.
type canPay struct{ drafts []*draft }

// Want names the payers' accounts.
func (c *canPay) Want(b *store.Batch) {
	for _, d := range c.drafts {
		for _, p := range d.payers {
			billing.Want(b, p)
		}
	}
}

// Decide sets the results.
func (c *canPay) Decide(b *store.Batch) error {
	left := map[store.AccountID]core.Credits{}
	for _, d := range c.drafts {
		d.unpaid = nil
		if d.refused == nil && !pays(b, left, d) {
			d.unpaid = core.E(core.KindInsufficientBalance, "")
		}
		if d.result.Err = d.refused; d.refused == nil {
			d.result.Err = d.unpaid
		}
	}
	return nil
}

// pays takes a draft's price from what is left of the first account that has it.
func pays(b *store.Batch, left map[store.AccountID]core.Credits, d *draft) bool {
	for _, p := range d.payers {
		id := billing.Account(p.Owner, p.Pool, billing.Available)
		have, known := left[id]
		if !known {
			account, _ := b.Accounts.Get(id)
			have = account.Balance
		}
		if have >= d.row.Price {
			left[id] = have - d.row.Price
			return true
		}
	}
	return false
}

// errChanged says that somebody else changed the row between our reading and
// writing it.
var errChanged = fmt.Errorf("the row was changed meanwhile: %w", store.ErrAgain)

func changedOr(written bool, err error) error {
	if err == nil && !written {
		return errChanged
	}
	return err
}

// classified keeps an error that is one of ours, and makes the rest internal.
func classified(err error) error {
	var known *core.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return core.Wrap(core.KindInternal, err, "")
}
