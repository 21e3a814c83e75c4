package dispatch

import (
	"fmt"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// BenchmarkBatch is one call with 1,000 recipients, on disk: it shall be answered
// within 150 ms.
func BenchmarkBatch(b *testing.B) {
	w := newWorld(b, openSQLite(b))
	w.topUp(core.PoolGeneral, 1<<40)
	to := make([]Recipient, MostRecipients)
	for n := 0; b.Loop(); n++ {
		for i := range to {
			to[i] = named(i, fmt.Sprint(n))
		}
		if _, err := w.Batch(ctx, w.request(w.notice), to); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSchedulesDue sends single schedules that are all due, 5,000 at a time.
func BenchmarkSchedulesDue(b *testing.B) {
	const due = 5000
	w := newWorld(b, openSQLite(b))
	w.topUp(core.PoolGeneral, 1<<40)
	loop := w.scheduler()
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		for i := range due {
			if _, err := w.Schedule(ctx, w.at(time.Minute, named(i, fmt.Sprint(n)))); err != nil {
				b.Fatal(err)
			}
		}
		w.clock.move(time.Minute)
		before := w.carrier.count()
		b.StartTimer()
		if err := loop.pass(ctx); err != nil {
			b.Fatal(err)
		}
		if sent := w.carrier.count() - before; sent != due {
			b.Fatalf("%d sent", sent)
		}
	}
	b.ReportMetric(float64(due*b.N)/b.Elapsed().Seconds(), "schedules/s")
}
