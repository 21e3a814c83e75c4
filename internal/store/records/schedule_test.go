package records_test

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TestPruneSchedules: what ended long ago goes, recipients first; what waits, or
// ended lately, stays.
func TestPruneSchedules(t *testing.T) {
	e, c := openEngine(t), newClock()
	ids := core.NewIDs(c.now, 1)
	add := func(name string, state uint8, updated time.Duration) {
		row := records.Schedule{ID: ids.Next(), App: 1, Ref: name, State: state, Recipients: 1, Version: 1, Updated: store.At(c.now().Add(updated))}
		if state < records.ScheduleSent {
			row.Due = store.At(c.now())
		}
		update(t, e, func(q store.SQL) error {
			if err := records.InsertSchedule(ctx, q, row); err != nil {
				return err
			}
			return records.InsertRecipient(ctx, q, records.Recipient{ID: core.MessageID(ids.Next()), Schedule: row.ID, Phone: []byte("p"), Body: []byte("b")})
		})
	}
	add("sent", records.ScheduleSent, time.Minute)
	add("deleted", records.ScheduleDeleted, time.Minute)
	add("waits", records.ScheduleWaiting, 0)
	add("made long ago, sent lately", records.ScheduleSent, 3*time.Hour)
	c.pass(2 * time.Hour)
	add("young", records.ScheduleSent, -90*time.Minute) // its clock was wrong: its id decides
	prune := func() (recipients, schedules int64) {
		update(t, e, func(q store.SQL) (err error) {
			before := store.At(c.now().Add(-time.Hour))
			if recipients, err = records.PruneRecipients(ctx, q, before, 100); err != nil {
				return err
			}
			schedules, err = records.PruneSchedules(ctx, q, before, 100)
			return err
		})
		return recipients, schedules
	}
	for _, want := range [][2]int64{{2, 2}, {0, 0}} {
		if r, s := prune(); r != want[0] || s != want[1] {
			t.Errorf("%d recipients and %d schedules, want %v", r, s, want)
		}
	}
	view(t, e, func(q store.SQL) error {
		for name, want := range map[string]bool{"sent": false, "deleted": false, "waits": true, "made long ago, sent lately": true, "young": true} {
			if _, found, err := records.ScheduleByRef(ctx, q, name); err != nil || found != want {
				t.Errorf("%q: %v %v", name, found, err)
			}
		}
		return nil
	})
}

// TestOptedOutReadsOneRow: whose number it is decides what is read, not how many
// numbers its tenant lost.
func TestOptedOutReadsOneRow(t *testing.T) {
	e := openEngine(t)
	view(t, e, func(q store.SQL) error {
		x := &explained{SQL: q}
		_, err := records.OptedOut(ctx, x, 1, "s", []core.PhoneIndex{{A: core.IndexValue{1}}})
		if got := strings.Join(x.plan, "; "); !strings.Contains(got, "INDEX opt_out_a (tenant=? AND signature=? AND idx_a=?)") {
			t.Errorf("%s", got)
		}
		return err
	})
}
