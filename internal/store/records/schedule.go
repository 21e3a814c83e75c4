package records

import (
	"context"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// States of a schedule.
const (
	ScheduleWaiting = 0
	ScheduleSending = 1
	ScheduleSent    = 2
	ScheduleDeleted = 3
)

// Schedule is a row of the table schedule.
type Schedule struct {
	ID         int64
	Tenant     core.TenantID
	App        core.AppID
	Ref        string // the UUID that its app knows
	Several    bool   // made by a batch call
	Template   int64
	Name       string // the template's
	Kind       uint8  // the template's
	Signature  string
	Tag        string
	SendAt     store.Time
	Recipients int64
	State      uint8
	Due        store.Time // 0: nobody must look at it
	Version    int64
	Created    store.Time
	Updated    store.Time
}

// Recipient is a row of the table schedule_recipient.
type Recipient struct {
	ID       core.MessageID // of the message that it becomes
	Schedule int64
	Place    int64
	Form     uint8
	Segments uint8
	Phone    []byte // sealed
	Body     []byte // sealed
}

// InsertSchedule inserts a schedule without its recipients.
func InsertSchedule(ctx context.Context, q store.SQL, s Schedule) error {
	_, err := q.Exec(ctx, `INSERT INTO schedule (id, tenant, app, ref, several, template, name, kind, signature, tag, send_at, recipients, state, due,
		version, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		s.ID, int64(s.Tenant), int64(s.App), s.Ref, s.Several, s.Template, s.Name, int64(s.Kind), s.Signature, s.Tag, int64(s.SendAt), s.Recipients,
		int64(s.State), dueOf(s.Due), s.Version, int64(s.Created), int64(s.Updated))
	return err
}

// UpdateSchedule writes a schedule that was read with the same version; false
// when it was changed meanwhile, or does not exist. Its id, app, ref and Several
// stay.
func UpdateSchedule(ctx context.Context, q store.SQL, s Schedule) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE schedule SET template = $1, name = $2, kind = $3, signature = $4, tag = $5, send_at = $6, recipients = $7, state = $8,
		due = $9, version = version + 1, updated = $10 WHERE id = $11 AND version = $12`,
		s.Template, s.Name, int64(s.Kind), s.Signature, s.Tag, int64(s.SendAt), s.Recipients, int64(s.State), dueOf(s.Due), int64(s.Updated), s.ID, s.Version)
	return n == 1, err
}

// dueOf keeps what nobody must look at out of the index.
func dueOf(t store.Time) any {
	if t == 0 {
		return nil
	}
	return int64(t)
}

// ScheduleByRef reads a schedule by its UUID; false when there is none.
func ScheduleByRef(ctx context.Context, q store.SQL, ref string) (Schedule, bool, error) {
	return first(readSchedules(ctx, q, ` WHERE ref = $1`, ref))
}

// ScheduleByID reads a schedule by its row's id; false when there is none.
func ScheduleByID(ctx context.Context, q store.SQL, id int64) (Schedule, bool, error) {
	return first(readSchedules(ctx, q, ` WHERE id = $1`, id))
}

// DueSchedules are those that somebody must look at by now, the longest overdue
// first.
func DueSchedules(ctx context.Context, q store.SQL, now store.Time, limit int) ([]Schedule, error) {
	return readSchedules(ctx, q, ` WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT $2`, int64(now), int64(limit))
}

func readSchedules(ctx context.Context, q store.SQL, where string, args ...any) ([]Schedule, error) {
	var all []Schedule
	err := q.Query(ctx, `SELECT id, tenant, app, ref, several, template, name, kind, signature, tag, send_at, recipients, state, COALESCE(due, 0),
		version, created, updated FROM schedule`+where, func(r store.Scanner) error {
		var tenant, app, kind, at, state, due, created, updated int64
		var s Schedule
		if err := r.Scan(&s.ID, &tenant, &app, &s.Ref, &s.Several, &s.Template, &s.Name, &kind, &s.Signature, &s.Tag, &at, &s.Recipients,
			&state, &due, &s.Version, &created, &updated); err != nil {
			return err
		}
		s.Tenant, s.App, s.Kind, s.State = core.TenantID(tenant), core.AppID(app), uint8(kind), uint8(state)
		s.SendAt, s.Due, s.Created, s.Updated = store.Time(at), store.Time(due), store.Time(created), store.Time(updated)
		all = append(all, s)
		return nil
	}, args...)
	return all, err
}

// InsertRecipient adds a recipient of a schedule.
func InsertRecipient(ctx context.Context, q store.SQL, r Recipient) error {
	_, err := q.Exec(ctx, `INSERT INTO schedule_recipient (id, schedule, place, form, segments, phone, body) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		int64(r.ID), r.Schedule, r.Place, int64(r.Form), int64(r.Segments), r.Phone, r.Body)
	return err
}

// RecipientsOf lists the recipients of a schedule in the caller's order.
func RecipientsOf(ctx context.Context, q store.SQL, schedule int64) ([]Recipient, error) {
	return readRecipients(ctx, q, ` WHERE schedule = $1 ORDER BY place`, schedule)
}

func readRecipients(ctx context.Context, q store.SQL, where string, args ...any) ([]Recipient, error) {
	var all []Recipient
	err := q.Query(ctx, `SELECT id, schedule, place, form, segments, phone, body FROM schedule_recipient`+where, func(r store.Scanner) error {
		var id, form, segments int64
		var row Recipient
		if err := r.Scan(&id, &row.Schedule, &row.Place, &form, &segments, &row.Phone, &row.Body); err != nil {
			return err
		}
		row.ID, row.Form, row.Segments = core.MessageID(id), uint8(form), uint8(segments)
		all = append(all, row)
		return nil
	}, args...)
	return all, err
}

// DeleteRecipients removes the recipients of a schedule.
func DeleteRecipients(ctx context.Context, q store.SQL, schedule int64) error {
	_, err := q.Exec(ctx, `DELETE FROM schedule_recipient WHERE schedule = $1`, schedule)
	return err
}

// overSchedule is what an old schedule must meet: it ended, and was not changed
// since an instant. Its id, which is in time order, says so first: only old rows
// are read.
const overSchedule = `s.id < $1 AND s.due IS NULL AND s.state > 1 AND s.updated < $2`

// PruneRecipients removes recipients of schedules that ended before an instant
// and tells how many: fewer than limit when it is done.
func PruneRecipients(ctx context.Context, q store.SQL, before store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM schedule_recipient WHERE id IN (SELECT r.id FROM schedule s JOIN schedule_recipient r ON r.schedule = s.id
		WHERE `+overSchedule+` LIMIT $3)`, core.IDAt(before.Time()), int64(before), int64(limit))
}

// PruneSchedules removes schedules that ended before an instant and have no
// recipients left, and tells how many: fewer than limit when it is done.
func PruneSchedules(ctx context.Context, q store.SQL, before store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM schedule WHERE id IN (SELECT s.id FROM schedule s WHERE `+overSchedule+`
		AND NOT EXISTS (SELECT 1 FROM schedule_recipient r WHERE r.schedule = s.id) LIMIT $3)`, core.IDAt(before.Time()), int64(before), int64(limit))
}

// ResealRecipient replaces the sealed columns of a recipient that has the old
// values still.
func ResealRecipient(ctx context.Context, q store.SQL, old, anew SealedRow) error {
	_, err := q.Exec(ctx, `UPDATE schedule_recipient SET phone = $1, body = $2 WHERE id = $3 AND phone = $4 AND body = $5`,
		anew.First, anew.Second, old.ID, old.First, old.Second)
	return err
}

// ResealOptOut replaces the sealed number of an opt-out that has the old value
// still.
func ResealOptOut(ctx context.Context, q store.SQL, old, anew SealedRow) error {
	_, err := q.Exec(ctx, `UPDATE opt_out SET phone = $1 WHERE id = $2 AND phone = $3`, anew.First, old.ID, old.First)
	return err
}

// schedulePage is how many schedules one statement names.
const schedulePage = 250

// inPages calls f with the places of a page of ids, which follow those of the
// arguments before, and with all arguments.
func inPages(ids []int64, before []any, f func(places string, args []any) error) error {
	for len(ids) > 0 {
		page := ids[:min(len(ids), schedulePage)]
		ids = ids[len(page):]
		args := append(make([]any, 0, len(before)+len(page)), before...)
		var places strings.Builder
		for i, id := range page {
			if i > 0 {
				places.WriteByte(',')
			}
			args = append(args, id)
			places.WriteString("$" + strconv.Itoa(len(args)))
		}
		if err := f(places.String(), args); err != nil {
			return err
		}
	}
	return nil
}

// ClaimSchedules says that schedules that are due are being sent, to be looked at
// again at until; it tells how many were due still.
func ClaimSchedules(ctx context.Context, q store.SQL, ids []int64, now, until store.Time) (claimed int64, err error) {
	err = inPages(ids, []any{int64(until), int64(now)}, func(places string, args []any) error {
		n, err := q.Exec(ctx, `UPDATE schedule SET state = 1, due = $1, updated = $2, version = version + 1
			WHERE due IS NOT NULL AND due <= $2 AND id IN (`+places+`)`, args...)
		claimed += n
		return err
	})
	return claimed, err
}

// EndSchedules says that schedules were sent.
func EndSchedules(ctx context.Context, q store.SQL, ids []int64, now store.Time) error {
	return inPages(ids, []any{int64(now)}, func(places string, args []any) error {
		_, err := q.Exec(ctx, `UPDATE schedule SET state = 2, due = NULL, updated = $1, version = version + 1 WHERE state = 1 AND id IN (`+places+`)`, args...)
		return err
	})
}

// RecipientsOfAll lists the recipients of schedules.
func RecipientsOfAll(ctx context.Context, q store.SQL, ids []int64) ([]Recipient, error) {
	var all []Recipient
	err := inPages(ids, nil, func(places string, args []any) error {
		some, err := readRecipients(ctx, q, ` WHERE schedule IN (`+places+`) ORDER BY schedule, place`, args...)
		all = append(all, some...)
		return err
	})
	return all, err
}
