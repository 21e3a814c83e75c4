package retention

import (
	"context"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// looks counts the questions that are asked.
type looks struct {
	Database
	views int
}

func (l *looks) View(ctx context.Context, f func(store.SQL) error) error {
	l.views++
	return l.Database.View(ctx, f)
}

// TestEventsAreReadOnce: what was given up lies in front of what goes, and is not
// read again in every pass; what changed its state late goes within a day.
func TestEventsAreReadOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, e store.Engine) {
		now := time.Now()
		add := func(age time.Duration, state records.EventState) records.EventRow {
			at := now.Add(-age)
			row := records.EventRow{Event: store.Event{ID: core.EventID(core.IDAt(at)), App: 1, Kind: store.EventReceipt, At: store.At(at)}, State: state}
			update(t, e, func(q store.SQL) error {
				if err := records.InsertEvent(ctx, q, row.Event); err != nil || state == records.EventWaits {
					return err
				}
				return records.EndTry(ctx, q, &row)
			})
			return row
		}
		for n := range 100 {
			add(8*day+time.Duration(n)*time.Minute, records.EventDead)
		}
		late := add(5*day, records.EventWaits)
		add(toldEvents-time.Minute, records.EventTold)
		db := &looks{Database: e}
		s := New(Options{Database: db, Keep: keep, Journal: func() time.Duration { return day }, Now: func() time.Time { return now }, Log: quiet, Rows: 2})
		events := func() (gone int64, views int) {
			db.views = 0
			gone, err := s.events(ctx, now)
			if err != nil {
				t.Fatal(err)
			}
			return gone, db.views
		}
		if gone, views := events(); gone != 0 || views < 100/2 {
			t.Errorf("at first: %d gone, %d looks", gone, views)
		}
		late.State = records.EventTold
		update(t, e, func(q store.SQL) error { return records.EndTry(ctx, q, &late) })
		now = now.Add(2 * time.Minute)
		if gone, views := events(); gone != 1 || views > 6 {
			t.Errorf("two minutes later: %d gone, want the told one; %d looks", gone, views)
		}
		now = now.Add(day)
		if gone, _ := events(); gone != 1 {
			t.Errorf("a day later: %d gone, want what was told late", gone)
		}
	})
}
