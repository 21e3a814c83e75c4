package retention

import (
	"slices"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TestEventsAndRepliesGo: what was told after three days, what nobody asks for
// after seven, what was given up after thirty; replies as messages do.
func TestEventsAndRepliesGo(t *testing.T) {
	onBoth(t, func(t *testing.T, e store.Engine) {
		now := time.Now()
		type event struct {
			name  string
			age   time.Duration
			state records.EventState
			stays bool
		}
		events := []event{
			{"told just now", time.Hour, records.EventTold, true}, {"told three days ago", 3*day + time.Hour, records.EventTold, false},
			{"waits", 3*day + 2*time.Hour, records.EventWaits, true}, {"waits for ever", 7*day + time.Hour, records.EventWaits, false},
			{"given up", 8 * day, records.EventDead, true}, {"given up long ago", 30*day + time.Hour, records.EventDead, false},
		}
		var want, have []int64
		update(t, e, func(q store.SQL) error {
			for _, v := range events {
				id := core.IDAt(now.Add(-v.age))
				if v.stays {
					want = append(want, id)
				}
				row := records.EventRow{Event: store.Event{ID: core.EventID(id), App: 1, Kind: store.EventReceipt, At: store.At(now.Add(-v.age))}, State: v.state}
				if err := records.InsertEvent(ctx, q, row.Event); err != nil {
					return err
				}
				if v.state != records.EventWaits {
					if err := records.EndTry(ctx, q, &row); err != nil {
						return err
					}
				}
			}
			for n, age := range []time.Duration{time.Hour, keep.Messages + day} {
				if _, err := records.InsertReply(ctx, q, &records.Reply{ID: core.ReplyID(core.IDAt(now.Add(-age))), Phone: []byte{byte(n)}, Text: []byte("t"), Provider: "p"}); err != nil {
					return err
				}
			}
			return nil
		})
		s := New(Options{Database: e, Keep: keep, Journal: func() time.Duration { return day }, Now: func() time.Time { return now }, Log: quiet, Rows: 2})
		if err := s.pass(ctx); err != nil {
			t.Fatal(err)
		}
		replies := 0
		if err := e.View(ctx, func(q store.SQL) error {
			if err := q.Query(ctx, `SELECT COUNT(*) FROM reply`, func(r store.Scanner) error { n := int64(0); err := r.Scan(&n); replies = int(n); return err }); err != nil {
				return err
			}
			return q.Query(ctx, `SELECT id FROM event ORDER BY id`, func(r store.Scanner) error {
				var id int64
				err := r.Scan(&id)
				have = append(have, id)
				return err
			})
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		if !slices.Equal(have, want) || replies != 1 {
			t.Errorf("events %v are left, want %v; %d replies", have, want, replies)
		}
	})
}

func update(t *testing.T, e store.Engine, f func(store.SQL) error) {
	t.Helper()
	if err := e.Update(ctx, f); err != nil {
		t.Fatal(err)
	}
}
