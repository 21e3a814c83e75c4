package dispatch

import (
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/store"
)

// TestReq32_ScheduleRepeated: a call with an Idempotency-Key that was stored and
// not answered, as before a crash, makes no second schedule, also when its time
// is over by then.
func TestReq32_ScheduleRepeated(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		calls := idempotency.New(idempotency.Options{Store: w.batcher, Keys: w.ring, IDs: core.NewIDs(w.clock.now, 1), Node: 1})
		begin := func() *idempotency.Call {
			call, err := calls.Begin(ctx, idempotency.Request{Scope: "app 1", Key: []string{"key"}, Call: "/v1/schedule/batch", Body: []byte("{}")})
			ok(t, err)
			return call
		}
		r := w.at(time.Hour, named(1, "张三"), named(2, "博彩"), named(3, "李四"))
		r.Several = true
		var first Scheduled
		for i := range 3 {
			call := begin()
			r.Call = call
			made, err := w.Schedule(ctx, r)
			ok(t, err)
			call.End() // without an answer
			if i == 0 {
				first = made
				w.clock.move(time.Hour)
				continue
			}
			if made.ID != first.ID || made.Results[0].Err != nil || core.KindOf(made.Results[1].Err) != core.KindForbiddenWord || made.Results[2].Err != nil {
				t.Errorf("repeated: %+v, at first %+v", made, first)
			}
		}
		var rows int
		ok(t, w.engine.View(ctx, func(q store.SQL) error {
			return q.Query(ctx, "SELECT id FROM schedule", func(store.Scanner) error { rows++; return nil })
		}))
		ok(t, w.scheduler().pass(ctx))
		if rows != 1 || w.carrier.count() != 2 {
			t.Errorf("%d schedules, %d messages; want 1 and 2", rows, w.carrier.count())
		}
	})
}
