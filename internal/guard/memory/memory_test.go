package memory

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
)

// TestTableAgainstMap plays puts and removes against a map.
func TestTableAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var table table
	model := map[uint64]entry{}
	for step := range 200_000 {
		subject := uint64(rnd.IntN(3000))
		if phase := step / 20_000 % 2; rnd.IntN(10) < 3+4*phase {
			if i := table.find(subject); !table.entry(i).empty() {
				table.remove(i)
			}
			delete(model, subject)
		} else {
			e := oneEvent(1, rnd.Uint32())
			table.put(table.find(subject), subject, e)
			model[subject] = e
		}
		if step%1000 == 0 {
			table.shrink()
		}
		if table.used != len(model) || table.entry(table.find(subject)) != model[subject] {
			t.Fatalf("step %d: used %d of %d", step, table.used, len(model))
		}
	}
	for subject := range uint64(3000) {
		if table.entry(table.find(subject)) != model[subject] {
			t.Fatalf("subject %d: %x, want %x", subject, table.entry(table.find(subject)), model[subject])
		}
	}
}

// TestSweepFreesEverything: a day later nothing is left, chunks included, and
// each call did a bounded amount of work.
func TestSweepFreesEverything(t *testing.T) {
	l, rules, rnd := newLimiter(), guard.DefaultRules(), rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		subject := rnd.Uint64N(40_000)
		_, _ = l.Take(ctx, start.Add(time.Duration(rnd.IntN(1000))*time.Second), []guard.Bucket{{Subject: subject, Rule: rules.NumberTenant}})
	}
	before := l.Len()
	l.Sweep(start.Add(25 * time.Hour))
	if freed := before - l.Len(); freed > 2*sweepSlots {
		t.Fatalf("one call freed %d subjects", freed)
	}
	for range 100 {
		l.Sweep(start.Add(25 * time.Hour))
	}
	for i := range l.shards {
		s := &l.shards[i]
		if s.table.used != 0 || len(s.table.slots) > smallestTable {
			t.Fatalf("shard %d: %d subjects in %d slots", i, s.table.used, len(s.table.slots))
		}
		for class := range s.chunks {
			if c := &s.chunks[class]; c.used != 0 || c.words != nil {
				t.Fatalf("shard %d: %d chunks of class %d left", i, c.used, class)
			}
		}
	}
}

// TestTimesWrap: counters stay exact while the 32-bit milliseconds wrap.
func TestTimesWrap(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	wrap := start.UnixMilli()>>32<<32 + 1<<32
	now := time.UnixMilli(wrap - 1).UTC()
	bucket := []guard.Bucket{{Subject: 5, Rule: rules.NumberApp}}
	if _, err := l.Take(ctx, now, bucket); err != nil {
		t.Fatal(err)
	}
	if e := mustRefuse(t, l, now.Add(2*time.Millisecond), bucket); e.RetryAfter != time.Minute-2*time.Millisecond {
		t.Fatalf("RetryAfter %v across the wrap", e.RetryAfter)
	}
}

// TestClockJumps: an hour back makes waits longer, never shorter; a jump beyond
// what is kept can not lock a number for weeks.
func TestClockJumps(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	bucket := []guard.Bucket{{Subject: 5, Rule: rules.NumberApp}}
	if _, err := l.Take(ctx, start, bucket); err != nil {
		t.Fatal(err)
	}
	if e := mustRefuse(t, l, start.Add(-time.Hour), bucket); e.RetryAfter != time.Hour+time.Minute {
		t.Fatalf("RetryAfter %v after the clock went back", e.RetryAfter)
	}
	for _, jump := range []time.Duration{-30 * 24 * time.Hour, 30 * 24 * time.Hour} {
		if v, _ := l.Peek(ctx, start.Add(jump), bucket); v.Action != guard.Allow {
			t.Fatalf("after a jump of %v: %+v", jump, v)
		}
	}
}

// TestLoad: what was journaled is refused after a restart, what has passed is
// not kept, events from the future count as of now, damage is an error.
func TestLoad(t *testing.T) {
	rules := guard.DefaultRules()
	before := newLimiter()
	journal := func(at time.Time, buckets ...guard.Bucket) []byte {
		taken, err := before.Take(ctx, at, buckets)
		if err != nil {
			t.Fatal(err)
		}
		return taken.Journal(nil)
	}
	number := guard.Bucket{Subject: 1, Rule: rules.NumberApp}
	late := guard.Bucket{Subject: 4, Rule: rules.NumberApp}
	rows := [][]byte{
		journal(start, number, guard.Bucket{Subject: 2, Rule: rules.Content}),
		journal(start.Add(-25*time.Hour), guard.Bucket{Subject: 3, Rule: rules.NumberTenant}),
		journal(start.Add(time.Hour), late),
	}
	if len(rows[0]) != 7+9 {
		t.Fatalf("a journal row of one kept event has %d bytes, want 16", len(rows[0]))
	}
	l := newLimiter()
	each := func(yield func([]byte) bool) {
		for _, row := range rows {
			if !yield(row) {
				return
			}
		}
	}
	if err := l.Load(start, each); err != nil {
		t.Fatal(err)
	}
	if l.Len() != 2 {
		t.Fatalf("%d subjects, want 2", l.Len())
	}
	for _, b := range []guard.Bucket{number, late} {
		if e := mustRefuse(t, l, start, []guard.Bucket{b}); e.RetryAfter != time.Minute {
			t.Fatalf("RetryAfter %v, want 1m", e.RetryAfter)
		}
	}
	rows = [][]byte{rows[0][:15]}
	if err := newLimiter().Load(start, each); core.KindOf(err) != core.KindInternal || err == nil {
		t.Fatalf("a damaged row: %v", err)
	}
}

// TestStartStop: the background sweep empties the limiter, stops twice, and
// leaves nothing running.
func TestStartStop(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		l, rules := New(time.Now), guard.DefaultRules()
		if err := l.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := l.Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Take(ctx, time.Now(), []guard.Bucket{{Subject: 1, Rule: rules.AuthFailed}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute) // the bubble's clock
		synctest.Wait()
		if l.Len() != 0 {
			t.Fatalf("%d subjects left after their time", l.Len())
		}
		for range 2 {
			if err := l.Stop(ctx); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestMillionSubjects bounds memory: three buckets each for a million numbers
// in less than 100 MiB. It reports how long a day's journal of a million sends
// takes to load; make bench measures a whole start.
func TestMillionSubjects(t *testing.T) {
	if testing.Short() {
		return
	}
	subjects, used, took := loadMillion(t)
	t.Logf("%d subjects: %.1f MiB, %.1f bytes each, loaded in %v", subjects, float64(used)/(1<<20), float64(used)/float64(subjects), took)
	if subjects != 3_000_000 || used > 100<<20 {
		t.Fatalf("%d subjects, %d bytes; want 3,000,000 under 100 MiB", subjects, used)
	}
}

// loadMillion loads a journal of a million sends and measures what it keeps.
func loadMillion(t *testing.T) (subjects int, used uint64, took time.Duration) {
	rules, rnd := guard.DefaultRules(), rand.New(rand.NewPCG(5, 6))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	empty := heap()
	l := newLimiter()
	row := make([]byte, 0, 64)
	began := time.Now()
	err := l.Load(start, func(yield func([]byte) bool) {
		for range 1_000_000 {
			taken := guard.NewTaken(start.UnixMilli() - int64(rnd.IntN(80_000_000)))
			for _, rule := range []*guard.Rule{rules.NumberApp, rules.NumberTenant, rules.NumberInstallation} {
				taken.Add(guard.Mark{Subject: rnd.Uint64(), Retention: rule.Retention()})
			}
			if row = taken.Journal(row[:0]); !yield(row) {
				return
			}
		}
	})
	took = time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	used = heap() - empty
	return l.Len(), used, took
}

func BenchmarkTake(b *testing.B) {
	rules := guard.DefaultRules()
	l, rnd := newLimiter(), rand.New(rand.NewPCG(7, 8))
	four := []*guard.Rule{rules.NumberApp, rules.NumberTenant, rules.NumberInstallation, rules.Content}
	buckets := make([]guard.Bucket, 4)
	b.ReportAllocs()
	for b.Loop() {
		for i, rule := range four {
			buckets[i] = guard.Bucket{Subject: rnd.Uint64(), Rule: rule}
		}
		if _, err := l.Take(ctx, start, buckets); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTakeKnown takes and gives back four buckets of 100,000 known subjects:
// two calls, nothing grows.
func BenchmarkTakeKnown(b *testing.B) {
	loose := &guard.Rule{Name: "loose", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 1000, Per: time.Hour}}}
	l, rnd := newLimiter(), rand.New(rand.NewPCG(7, 8))
	for i := range uint64(100_000) {
		_, _ = l.Take(ctx, start, []guard.Bucket{{Subject: i, Rule: loose}})
	}
	buckets := make([]guard.Bucket, 4)
	b.ReportAllocs()
	for b.Loop() {
		for i := range buckets {
			buckets[i] = guard.Bucket{Subject: rnd.Uint64N(100_000), Rule: loose}
		}
		taken, err := l.Take(ctx, start, buckets)
		if err != nil {
			b.Fatal(err)
		}
		l.GiveBack(ctx, taken)
	}
}
