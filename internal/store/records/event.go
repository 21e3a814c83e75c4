package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// EventState is what became of an event.
type EventState int64

// The states of an event.
const (
	EventWaits EventState = 0
	EventTold  EventState = 1 // the app's URL took it, or the app asked for it
	EventDead  EventState = 2 // given up
)

// String names the state.
func (s EventState) String() string {
	switch s {
	case EventWaits:
		return "waiting"
	case EventTold:
		return "told"
	case EventDead:
		return "dead"
	}
	return "invalid"
}

// EventRow is a row of the table event.
type EventRow struct {
	store.Event
	State    EventState
	Attempts int64      // calls that failed
	Result   string     // how the last call ended: "200", "timeout" …
	Updated  store.Time // when that was
	Due      store.Time // when it may be tried; 0: never
}

const eventColumns = `id, app, kind, ref, status, at, note, state, attempts, result, updated, due`

func scanEvents(rows *[]EventRow) func(store.Scanner) error {
	return func(r store.Scanner) error {
		var e EventRow
		var id, app, kind, status, at, state, updated, due int64
		err := r.Scan(&id, &app, &kind, &e.Ref, &status, &at, &e.Note, &state, &e.Attempts, &e.Result, &updated, &due)
		e.ID, e.App, e.Kind, e.Status, e.At = core.EventID(id), core.AppID(app), store.EventKind(kind), uint16(status), store.Time(at)
		e.State, e.Updated, e.Due = EventState(state), store.Time(updated), store.Time(due)
		*rows = append(*rows, e)
		return err
	}
}

// InsertEvent adds an event outside of a batch, due at once. Batches insert
// theirs themselves.
func InsertEvent(ctx context.Context, q store.SQL, e store.Event) error {
	_, err := q.Exec(ctx, `INSERT INTO event (id, app, kind, ref, status, at, note, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $6)`,
		int64(e.ID), int64(e.App), int64(e.Kind), e.Ref, int64(e.Status), int64(e.At), e.Note)
	return err
}

// DueEvents are an app's events that may be tried at now, the longest due first.
func DueEvents(ctx context.Context, q store.SQL, app core.AppID, now store.Time, limit int) (rows []EventRow, err error) {
	err = q.Query(ctx, `SELECT `+eventColumns+` FROM event WHERE app = $1 AND due IS NOT NULL AND due <= $2 ORDER BY due, id LIMIT $3`,
		scanEvents(&rows), int64(app), int64(now), int64(limit))
	return rows, err
}

// ClaimEvent keeps an event from others until an instant; false when somebody
// else claimed or ended it since it was read as due at was.
func ClaimEvent(ctx context.Context, q store.SQL, id core.EventID, was, until store.Time) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE event SET due = $1 WHERE id = $2 AND due = $3`, int64(until), int64(id), int64(was))
	return n == 1, err
}

// EndTry writes how a call ended: e's State, Attempts, Result, Updated and Due.
// An event that was told stays so.
func EndTry(ctx context.Context, q store.SQL, e *EventRow) error {
	var due any
	if e.Due != 0 {
		due = int64(e.Due)
	}
	_, err := q.Exec(ctx, `UPDATE event SET state = $1, attempts = $2, result = $3, updated = $4, due = $5 WHERE id = $6 AND state <> 1`,
		int64(e.State), e.Attempts, e.Result, int64(e.Updated), due, int64(e.ID))
	return err
}

// TakeEvents hands out waiting events of an app and kind since an instant, the
// longest due first, and marks them told at now. What nobody was called with is
// due since it happened. An app may have millions: they are read in the order of
// their index, as far as the limit.
func TakeEvents(ctx context.Context, q store.SQL, app core.AppID, kind store.EventKind, since, now store.Time, limit int) (rows []EventRow, err error) {
	err = q.Query(ctx, `SELECT `+eventColumns+` FROM event WHERE app = $1 AND kind = $2 AND due >= $3 AND at >= $3 ORDER BY due, id LIMIT $4`,
		scanEvents(&rows), int64(app), int64(kind), int64(since), int64(limit))
	taken := rows[:0]
	for i := range rows {
		if err != nil {
			return nil, err
		}
		var n int64
		n, err = q.Exec(ctx, `UPDATE event SET state = 1, result = 'asked for', updated = $1, due = NULL WHERE id = $2 AND state = 0 AND due IS NOT NULL`,
			int64(now), int64(rows[i].ID))
		if n == 1 { // of two that read it, one hands it out
			taken = append(taken, rows[i])
		}
	}
	return taken, err
}

// EventPage are the events of an app among the most looked rows with ids below
// before, newest first; last is the lowest id that was looked at, 0 at the end.
func EventPage(ctx context.Context, q store.SQL, app core.AppID, before core.EventID, looked int) (rows []EventRow, last core.EventID, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	low, n, err := lowest(ctx, q, "event", int64(before), 0, looked)
	if err != nil || n == 0 {
		return nil, 0, err
	}
	err = q.Query(ctx, `SELECT `+eventColumns+` FROM event WHERE id >= $1 AND id < $2 AND app = $3 ORDER BY id DESC`,
		scanEvents(&rows), low, int64(before), int64(app))
	if n < int64(looked) {
		low = 0
	}
	return rows, core.EventID(low), err
}

// lowest is the smallest of the looked greatest ids below before and not below
// from, and how many there are.
func lowest(ctx context.Context, q store.SQL, table string, before, from int64, looked int) (low, n int64, err error) {
	err = q.Query(ctx, `SELECT COALESCE(MIN(id), 0), COUNT(*) FROM (SELECT id FROM `+table+` WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT $3) AS page`,
		func(r store.Scanner) error { return r.Scan(&low, &n) }, before, from, int64(looked))
	return low, n, err
}

// DueEventCount is how many events of an app wait for a call that is due, as far
// as most: no more rows are read.
func DueEventCount(ctx context.Context, q store.SQL, app core.AppID, now store.Time, most int) (n int64, err error) {
	err = q.Query(ctx, `SELECT COUNT(*) FROM (SELECT id FROM event WHERE app = $1 AND due <= $2 LIMIT $3) AS page`,
		func(r store.Scanner) error { return r.Scan(&n) }, int64(app), int64(now), int64(most))
	return n, err
}
