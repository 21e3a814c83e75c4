package memory

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
)

var ctx = context.Background()

// start is 2025-11-21 23:59:30 in UTC+8: a minute, an hour and a day end soon.
var start = time.Date(2025, 11, 21, 23, 59, 30, 0, beijing)

func newLimiter() *Limiter { return New(func() time.Time { return start }) }

// mustRefuse checks that now is refused, that waiting RetryAfter succeeds and
// that one millisecond less does not; it returns the error.
func mustRefuse(t interface {
	Helper()
	Fatalf(string, ...any)
}, l *Limiter, now time.Time, buckets []guard.Bucket) *core.Error {
	t.Helper()
	taken, err := l.Take(ctx, now, buckets)
	var e *core.Error
	if !errors.As(err, &e) || e.Kind != core.KindRateLimited {
		t.Fatalf("at %v: error %v, want rate_limited", now, err)
	}
	if taken.Len() != 0 {
		t.Fatalf("refused, yet %d buckets were taken", taken.Len())
	}
	if e.RetryAfter <= 0 {
		t.Fatalf("RetryAfter %v", e.RetryAfter)
	}
	if v, _ := l.Peek(ctx, now.Add(e.RetryAfter-time.Millisecond), buckets); v.Action != guard.Refuse && e.RetryAfter > time.Millisecond {
		t.Fatalf("1 ms less than %v passes", e.RetryAfter)
	}
	if v, _ := l.Peek(ctx, now.Add(e.RetryAfter), buckets); v.Action == guard.Refuse {
		t.Fatalf("after %v it is still refused for %v by %s", e.RetryAfter, v.RetryAfter, v.Rule)
	}
	return e
}

// TestReq16_ClockWalk compares with the oracle while the clock walks over
// edges of minutes, hours and days in UTC+8, rolling and calendar.
func TestReq16_ClockWalk(t *testing.T) {
	rolling := guard.DefaultRules()
	calendar, err := rolling.With(map[string][]string{
		"number_app": {"1/minute", "5/hour", "10/day"}, "number_tenant": {"40/day"}})
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := rolling.With(map[string][]string{"number_app": {"2/minute", "3/60s", "6/1h", "15/day"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, rules := range map[string]guard.Rules{"rolling": rolling, "calendar": calendar, "mixed": mixed} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(16, 16))
			l, o, now := newLimiter(), newOracle(), start
			var passed, refused int
			steps := 5000
			if testing.Short() { // under the race detector
				steps = 1500
			}
			for range steps {
				// Six apps of one tenant send to the same number.
				app := uint64(rnd.IntN(6))
				buckets := []guard.Bucket{{Subject: 100 + app, Rule: rules.NumberApp}, {Subject: 7, Rule: rules.NumberTenant}}
				switch want := o.refuses(now, buckets); {
				case want:
					refused++
					mustRefuse(t, l, now, buckets)
				default:
					passed++
					if _, err := l.Take(ctx, now, buckets); err != nil {
						t.Fatalf("at %v: %v, the oracle allows it", now, err)
					}
					o.add(now, buckets)
				}
				now = walk(rnd, now)
				l.Sweep(now)
			}
			if passed < steps/17 || refused < steps/17 {
				t.Fatalf("%d passed, %d refused: the walk proves nothing", passed, refused)
			}
		})
	}
}

// walk moves the clock: mostly a little, often to within a millisecond of an
// edge of the calendar or of a rolling window, sometimes far.
func walk(rnd *rand.Rand, now time.Time) time.Time {
	nudge := time.Duration(rnd.IntN(3)-1) * time.Millisecond
	to := now
	switch rnd.IntN(8) {
	case 0:
		to = startOf(now, time.Minute).Add(time.Minute + nudge)
	case 1:
		to = startOf(now, time.Hour).Add(time.Hour + nudge)
	case 2:
		if rnd.IntN(8) == 0 {
			to = startOf(now, 24*time.Hour).Add(24*time.Hour + nudge)
		}
	case 3:
		to = now.Add(time.Minute + nudge)
	case 4:
		if rnd.IntN(4) == 0 {
			to = now.Add(time.Hour + nudge)
		}
	default:
		to = now.Add(time.Duration(rnd.IntN(20000)) * time.Millisecond)
	}
	if to.Before(now) {
		return now
	}
	return to
}

// TestReq16_Defaults plays the contract's own numbers: 1 per 60 s, 5 per hour,
// 10 per 24 h (contracts/README.md §6).
func TestReq16_Defaults(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	bucket := []guard.Bucket{{Subject: 1, Rule: rules.NumberApp}}
	now := start
	for hour, sends := range []int{5, 5, 0} {
		now = start.Add(time.Duration(hour) * time.Hour)
		for i := range sends {
			if _, err := l.Take(ctx, now, bucket); err != nil {
				t.Fatalf("hour %d, send %d: %v", hour, i, err)
			}
			if e := mustRefuse(t, l, now, bucket); i < 4 && e.RetryAfter != time.Minute {
				t.Fatalf("hour %d, send %d: RetryAfter %v, want 1m", hour, i, e.RetryAfter)
			}
			now = now.Add(time.Minute)
		}
	}
	// The first of the ten was at start: the eleventh may go 24 h after it.
	e := mustRefuse(t, l, now, bucket)
	if want := start.Add(24 * time.Hour).Sub(now); e.RetryAfter != want || e.Detail != "number_app" {
		t.Fatalf("RetryAfter %v by %s, want %v by number_app", e.RetryAfter, e.Detail, want)
	}
}

// TestReq17_Content: the same text to the same number at most once per 30 s,
// in a burst of duplicates; another text or number is not held up.
func TestReq17_Content(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	keys := plainKeys{}
	send := func(now time.Time, phone uint64, text string) error {
		_, err := l.Take(ctx, now, rules.Content.For(nil, keys, phone^guard.ContentOf(text), 1))
		return err
	}
	if err := send(start, 1, "hello"); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		err := send(start.Add(time.Duration(i)*time.Millisecond), 1, "hello")
		if e := core.AsError(err); e.Kind != core.KindRateLimited || e.RetryAfter != 30*time.Second-time.Duration(i)*time.Millisecond {
			t.Fatalf("duplicate %d: %v after %v", i, err, e.RetryAfter)
		}
	}
	if err := send(start, 1, "hello!"); err != nil {
		t.Fatalf("another text: %v", err)
	}
	if err := send(start, 2, "hello"); err != nil {
		t.Fatalf("another number: %v", err)
	}
	if err := send(start.Add(30*time.Second), 1, "hello"); err != nil {
		t.Fatalf("30 s later: %v", err)
	}
}

// TestReq19_AllOrNothing plays takes, refunds, waits, sweeps and restarts
// against the oracle: a refusal changes no bucket, a refund restores each.
func TestReq19_AllOrNothing(t *testing.T) {
	rules := []*guard.Rule{
		{Name: "a", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 1, Per: time.Minute}, {Max: 3, Per: time.Hour}}},
		{Name: "b", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 4, Per: time.Hour, Calendar: true}}},
		{Name: "c", Exceeded: guard.Alert, Windows: []guard.Window{{Max: 3, Per: 24 * time.Hour}}},
		{Name: "d", Exceeded: guard.Challenge, RefuseTimes: 3, Windows: []guard.Window{{Max: 2, Per: 10 * time.Minute}}},
	}
	rapid.Check(t, func(t *rapid.T) {
		l, o, now := newLimiter(), newOracle(), start
		type take struct {
			taken   guard.Taken
			buckets []guard.Bucket
		}
		var open []take
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				var buckets []guard.Bucket
				for i, rule := range rules {
					if rapid.Bool().Draw(t, rule.Name) {
						subject := uint64(rapid.IntRange(0, 1).Draw(t, "subject"))
						buckets = append(buckets, guard.Bucket{Subject: uint64(i)*10 + subject, Rule: rule})
					}
				}
				if o.refuses(now, buckets) {
					mustRefuse(t, l, now, buckets)
					return
				}
				taken, err := l.Take(ctx, now, buckets)
				if err != nil || taken.Len() != len(buckets) || taken.Challenge != o.asks(now, buckets) {
					t.Fatalf("%v, %d of %d taken, challenge %v; oracle %v", err, taken.Len(), len(buckets), taken.Challenge, o.asks(now, buckets))
				}
				o.add(now, buckets)
				open = append(open, take{taken, buckets})
			},
			"refund": func(t *rapid.T) {
				if len(open) == 0 {
					return
				}
				i := rapid.IntRange(max(0, len(open)-3), len(open)-1).Draw(t, "which")
				l.GiveBack(ctx, open[i].taken)
				o.giveBack(time.UnixMilli(open[i].taken.At()), open[i].buckets)
				open = append(open[:i], open[i+1:]...)
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 400_000).Draw(t, "ms")) * time.Millisecond)
				l.Sweep(now)
			},
			"restart": func(t *rapid.T) {
				// Everything here is journaled: the counters come back.
				l = newLimiter()
				err := l.Load(now, func(yield func([]byte) bool) {
					for i := len(open) - 1; i >= 0; i-- {
						if !yield(open[i].taken.Journal(nil)) {
							return
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for i, rule := range rules {
					for subject := range uint64(2) {
						b := []guard.Bucket{{Subject: uint64(i)*10 + subject, Rule: rule}}
						v, err := l.Peek(ctx, now, b)
						if err != nil || (v.Action == guard.Refuse) != o.refuses(now, b) {
							t.Fatalf("%s/%d: %+v, the oracle says refuse=%v", rule.Name, subject, v, o.refuses(now, b))
						}
						if asks := v.Action == guard.Alert || v.Action == guard.Challenge; v.Action != guard.Refuse && asks != o.asks(now, b) {
							t.Fatalf("%s/%d: %+v, the oracle says asks=%v", rule.Name, subject, v, o.asks(now, b))
						}
					}
				}
			},
		})
	})
}

// TestReq19_RefundAtEachStep takes the buckets of a send and gives them back:
// afterwards the limiter is as if the send had never been.
func TestReq19_RefundAtEachStep(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	buckets := rules.SendBuckets(nil, guard.SendSubject{Keys: plainKeys{}, Phone: 99, App: 1, Tenant: 2})
	for range 50 {
		taken, err := l.Take(ctx, start, buckets)
		if err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, l, start, buckets)
		l.GiveBack(ctx, taken)
		if n := l.Len(); n != 0 {
			t.Fatalf("%d subjects left after the refund", n)
		}
	}
}

// TestReq21_LongestWins: of several refusing buckets the longest wait is
// answered, exact to the nanosecond, and the header rounds up.
func TestReq21_LongestWins(t *testing.T) {
	l := newLimiter()
	short := &guard.Rule{Name: "short", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 1, Per: time.Minute}}}
	long := &guard.Rule{Name: "long", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 1, Per: time.Hour}, {Max: 1, Per: time.Minute}}}
	day := &guard.Rule{Name: "day", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 1, Per: 24 * time.Hour, Calendar: true}}}
	buckets := []guard.Bucket{{Subject: 1, Rule: short}, {Subject: 2, Rule: long}, {Subject: 3, Rule: day}}
	if _, err := l.Take(ctx, start, buckets); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after   time.Duration
		buckets []guard.Bucket
		want    time.Duration
		rule    string
		header  int64
	}{
		{0, buckets, time.Hour, "long", 3600},
		{1, buckets, time.Hour - 1, "long", 3600},
		{time.Millisecond, buckets, time.Hour - time.Millisecond, "long", 3600},
		{time.Second, buckets, time.Hour - time.Second, "long", 3599},
		{0, buckets[:1], time.Minute, "short", 60},
		{59*time.Second + 999*time.Millisecond + 999_999, buckets[:1], 1, "short", 1},
		{0, buckets[2:], 30 * time.Second, "day", 30}, // midnight in UTC+8
		{29*time.Second + 1, buckets[2:], time.Second - 1, "day", 1},
	} {
		e := mustRefuse(t, l, start.Add(c.after), c.buckets)
		if e.RetryAfter != c.want || e.Detail != c.rule || e.RetrySeconds() != c.header {
			t.Errorf("after %v: %v by %s, header %d; want %v by %s, header %d", c.after, e.RetryAfter, e.Detail, e.RetrySeconds(), c.want, c.rule, c.header)
		}
	}
}

// TestRaceOnOneBucket: of 200 parallel takes exactly Max pass, whatever other
// buckets they lock and in whatever order.
func TestRaceOnOneBucket(t *testing.T) {
	l := newLimiter()
	hot := &guard.Rule{Name: "hot", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 37, Per: time.Hour}}}
	own := &guard.Rule{Name: "own", Exceeded: guard.Refuse, Windows: []guard.Window{{Max: 1, Per: time.Hour}}}
	var passed atomic.Int32
	var wg sync.WaitGroup
	for i := range uint64(200) {
		wg.Go(func() {
			buckets := []guard.Bucket{{Subject: 1000 + i, Rule: own}, {Subject: 1, Rule: hot}, {Subject: 2000 + i, Rule: own}}
			if i%2 == 0 {
				buckets[0], buckets[1] = buckets[1], buckets[0]
			}
			if _, err := l.Take(ctx, start.Add(time.Duration(i%7)*time.Millisecond), buckets); err == nil {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 37 || l.Len() != 1+2*37 {
		t.Fatalf("%d passed, %d subjects; want 37 and 75", passed.Load(), l.Len())
	}
}

// plainKeys mixes without a key; enough for tests.
type plainKeys struct{}

func (plainKeys) LimitMix(base uint64, kind uint8, scope uint32) uint64 {
	return hash(hash(base)+uint64(kind)<<32) + hash(uint64(scope))
}
