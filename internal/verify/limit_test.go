package verify

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// stuck is a random source that gives the same code again and again.
type stuck struct{ value byte }

func (s *stuck) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = s.value
	}
	return len(p), nil
}

// TestReq17_SameContent: the same text to the same number passes once in 30
// seconds, also when no other limit stands in the way.
func TestReq17_SameContent(t *testing.T) {
	source := &stuck{}
	w := newWorld(t, setting{random: source, edit: func(a *tenant.App) {
		rules, err := guard.DefaultRules().With(map[string][]string{"number_app": {}})
		wantOK(t, err)
		a.Unchallenged = rules.Unchallenged()
	}})
	w.clock.at = epoch.Truncate(time.Millisecond) // limits count to the millisecond
	first := w.send(t, phone)
	w.clock.advance(30*time.Second - time.Millisecond)
	_, err := w.start(phone)
	wantKind(t, err, core.KindRateLimited)
	if got := core.AsError(err); got.RetryAfter != time.Millisecond || got.Detail != "content" {
		t.Errorf("refused by %q for %v, want content for 1 ms", got.Detail, got.RetryAfter)
	}
	wantOK(t, second(w.start(other))) // another number
	source.value = 1                  // another text
	if again := w.send(t, phone); again == first {
		t.Fatal("the source is stuck at one value")
	}
	source.value = 0
	w.clock.advance(time.Millisecond)
	if again := w.send(t, phone); again != first {
		t.Errorf("code %s, want the first one again", again.Digits())
	}
}

// level is how many events a bucket counts within a day.
func (w *world) level(t *testing.T, b guard.Bucket) int {
	t.Helper()
	for n := 1; n < 1000; n++ {
		rule := *b.Rule
		rule.Exceeded, rule.RefuseTimes, rule.Windows = guard.Refuse, 0, []guard.Window{{Max: n, Per: 24 * time.Hour}}
		v, err := w.limiter.Peek(context.Background(), w.clock.now(), []guard.Bucket{{Subject: b.Subject, Rule: &rule}})
		wantOK(t, err)
		if v.Action == guard.Allow {
			return n - 1
		}
	}
	t.Fatal("a bucket without a bottom")
	return 0
}

// TestReq19_UnitsAreGivenBack: a send that is refused at any later step leaves
// every bucket at its level, and the journal too. One whose fate nobody knows
// keeps its units: the code may be on its way.
func TestReq19_UnitsAreGivenBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, w *world, f *storetest.Faulty)
		kind   core.Kind
		kept   int // units that stay in every bucket
	}{
		{"locked", func(t *testing.T, w *world, _ *storetest.Faulty) {
			code := w.phones.last(t)
			for range 5 {
				wantKind(t, second(w.login(phone, wrongOf(code))), core.KindWrongCode)
			}
		}, core.KindLocked, 0},
		{"no balance", func(t *testing.T, w *world, _ *storetest.Faulty) { w.topUp(t, -w.balance(1)) }, core.KindInsufficientBalance, 0},
		{"overloaded", func(_ *testing.T, w *world, _ *storetest.Faulty) { w.batcher.Stop() }, core.KindOverloaded, 0},
		{"begin fails", inject(storetest.FailBegin), core.KindInternal, 0},
		{"load fails", inject(storetest.FailLoad), core.KindInternal, 0},
		{"write fails", inject(storetest.FailWrite), core.KindInternal, 0},
		{"commit fails, known", inject(storetest.FailCommit), core.KindInternal, 0},
		{"commit lost", inject(storetest.FailCommitLost), core.KindInternal, 1},
		{"commit kept", inject(storetest.FailCommitKept), core.KindInternal, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &storetest.Faulty{}
			w := newWorld(t, setting{wrap: func(e store.Engine) store.Engine { f.Engine = e; return f }, edit: withLimits})
			request := StartRequest{App: w.app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS, EndUser: netip.MustParseAddr("192.0.2.1")}
			wantOK(t, second(w.Start(context.Background(), request)))
			// The content bucket is of one text only; the others are of the number and the address.
			buckets := w.app.Unchallenged.SendBuckets(nil, guard.SendSubject{Keys: w.ring, Phone: w.ring.PhoneBase(phone), App: 2, Tenant: 1,
				IP: request.EndUser})
			if len(buckets) != 5 {
				t.Fatalf("%d buckets, want 3 of the number and 2 of the address", len(buckets))
			}
			w.clock.advance(time.Minute)
			c.before(t, w, f)
			subjects, rows := w.limiter.Len(), w.rows()
			_, err := w.Start(context.Background(), request)
			wantKind(t, err, c.kind)
			for i, b := range buckets {
				if got := w.level(t, b); got != 1+c.kept {
					t.Errorf("bucket %d (%s) is at %d, want %d", i, b.Rule.Name, got, 1+c.kept)
				}
			}
			if got := w.limiter.Len(); got != subjects+c.kept { // the text is a subject of its own
				t.Errorf("%d subjects, want %d", got, subjects+c.kept)
			}
			if written := len(w.rows().Journal) - len(rows.Journal); (written > 0) != (c.name == "commit kept") {
				t.Errorf("%d journal rows were written", written)
			}
			if w.phones.count() != 1 {
				t.Error("a send that was refused reached the outbox")
			}
		})
	}
}

func inject(fault storetest.Fault) func(*testing.T, *world, *storetest.Faulty) {
	return func(_ *testing.T, _ *world, f *storetest.Faulty) { f.Inject(fault) }
}
