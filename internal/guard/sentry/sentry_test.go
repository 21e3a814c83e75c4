package sentry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// said is an engine that says what it was told to.
type said struct {
	*fraud.Engine
	decision fraud.Decision
	asked    []fraud.Subject
	found    []fraud.Finding
}

func (s *said) Admit(_ time.Time, who fraud.Subject) fraud.Decision { return s.answer(who) }
func (s *said) Judge(_ time.Time, who fraud.Subject) fraud.Decision { return s.answer(who) }
func (s *said) JudgeCheck(_ time.Time, who fraud.Subject) fraud.Decision {
	return s.answer(who)
}
func (s *said) GiveBack(_ time.Time, who fraud.Subject) { s.asked = append(s.asked, who) }
func (s *said) Verified(_ time.Time, who fraud.Subject) { s.asked = append(s.asked, who) }
func (s *said) Failed(_ time.Time, who fraud.Subject)   { s.asked = append(s.asked, who) }
func (s *said) Findings(time.Time) (found []fraud.Finding) {
	found, s.found = s.found, nil
	return found
}

// answer settles as the real one does.
func (s *said) answer(who fraud.Subject) fraud.Decision {
	s.asked = append(s.asked, who)
	d := s.decision
	if who.Record || who.Challenged && d.Outcome == fraud.Challenge {
		d.Outcome = fraud.Allow
	}
	return d
}

func newGuard(t testing.TB, engine Engine, mode tenant.GuardMode) (*Guard, *storetest.Faulty) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	ok(t, db.Migrate(context.Background()))
	faulty := &storetest.Faulty{Engine: db}
	return New(Options{Engine: engine, Database: faulty, IDs: core.NewIDs(now, 1), Now: now, Log: slog.New(slog.DiscardHandler), Mode: mode}), faulty
}

// What the engine says is done in enforce, only counted in record, and not asked
// for in off; an app's mode goes before the installation's.
func TestModes(t *testing.T) {
	for _, c := range []struct {
		installation, app tenant.GuardMode
		outcome           fraud.Outcome
		send, check       core.Kind // of the refusal; KindInternal: none
		asked             int
	}{
		{tenant.GuardEnforce, "", fraud.Allow, 0, 0, 6},
		{tenant.GuardEnforce, "", fraud.Challenge, core.KindChallengeRequired, 0, 6},
		{tenant.GuardEnforce, "", fraud.Block, core.KindBlocked, core.KindBlocked, 6},
		{tenant.GuardRecord, "", fraud.Block, 0, 0, 6},
		{tenant.GuardOff, "", fraud.Block, 0, 0, 0},
		{tenant.GuardEnforce, tenant.GuardRecord, fraud.Block, 0, 0, 6},
		{tenant.GuardEnforce, tenant.GuardOff, fraud.Block, 0, 0, 0},
		{tenant.GuardOff, tenant.GuardEnforce, fraud.Block, core.KindBlocked, core.KindBlocked, 6},
	} {
		engine := &said{decision: fraud.Decision{Outcome: c.outcome, Found: c.outcome}}
		g := New(Options{Engine: engine, Now: now, Mode: c.installation})
		app, who := &tenant.App{ID: 1, Guard: c.app}, fraud.Subject{App: 1}
		for what, got := range map[string]struct {
			err  error
			kind core.Kind
		}{
			"send": {g.Send(noon, app, who), c.send}, "resend": {g.Resend(noon, app, who), c.send}, "check": {g.Check(noon, app, who), c.check},
		} {
			if (got.err != nil) != (got.kind != 0) || got.err != nil && (core.KindOf(got.err) != got.kind || core.AsError(got.err).RetryAfter < time.Minute) {
				t.Errorf("%+v: %s: %v", c, what, got.err)
			}
		}
		g.GiveBack(noon, app, who)
		g.Verified(noon, app, who)
		g.Failed(noon, app, who)
		if len(engine.asked) != c.asked {
			t.Errorf("%+v: the engine heard %d times, want %d", c, len(engine.asked), c.asked)
		}
	}
}

// An attack on thousands of subjects makes a bounded number of rows, in which
// every request is counted; what could not be written comes with the next.
func TestFindingsAreBounded(t *testing.T) {
	engine := &said{}
	g, db := newGuard(t, engine, tenant.GuardEnforce)
	minute := noon.Truncate(time.Minute)
	for i := range 5000 {
		outcome := fraud.Challenge
		if i%3 == 0 {
			outcome = fraud.Block
		}
		engine.found = append(engine.found, fraud.Finding{Minute: minute, App: 7, Outcome: outcome, Count: 2, Passed: 1,
			Reason: fraud.Reason{Rule: fraud.Unverified, Outcome: outcome, Subject: fraud.Key{Kind: fraud.Prefix, Scope: 1, Value: uint64(8_613_000 + i)}}})
	}
	left := g.write(nil, noon)
	rows, err := g.Decisions(context.Background(), 0, 0, 1000)
	ok(t, err)
	var count, passed int64
	for _, d := range rows {
		count, passed = count+d.Count, passed+d.Passed
	}
	if len(rows) != mostRows+2 || count != 10_000 || passed != 5_000 || left != nil {
		t.Errorf("%d rows of %d requests, %d passed, %d left", len(rows), count, passed, len(left))
	}
	if d := rows[len(rows)-1]; d.Subject != "prefix +8613000 of tenant 1" || d.Rule != "unverified" || d.Outcome != "block" || !d.Minute.Time().Equal(minute) {
		t.Errorf("%+v", d)
	}

	engine.found = []fraud.Finding{{Minute: minute, App: 8, Outcome: fraud.Block, Count: 1}}
	db.Inject(storetest.FailCommit)
	left = g.write(nil, noon)
	if len(left) != 1 {
		t.Fatalf("%d findings are kept for the next time, want 1", len(left))
	}
	if left = g.write(left, noon); left != nil {
		t.Error("written, and kept")
	}
	rows, err = g.Decisions(context.Background(), 8, 0, 10)
	ok(t, err)
	if len(rows) != 1 {
		t.Errorf("%d rows, want 1", len(rows))
	}
	g.Start()
	g.Stop()
	g.Stop()
	n, err := int64(0), error(nil)
	ok(t, db.Update(context.Background(), func(q store.SQL) error {
		n, err = records.PruneGuardDecisions(context.Background(), q, 1<<62, 1000)
		return err
	}))
	if n != mostRows+3 {
		t.Errorf("%d rows went, want %d", n, mostRows+3)
	}
}

// Settings that would break the engine's look-ups are refused by name.
func TestSettingsAreChecked(t *testing.T) {
	for field, s := range map[string]Settings{"mode": {Mode: "x"}, "numbers": {Numbers: []string{"13800138000"}}, "prefixes": {Prefixes: []string{"86138001"}},
		"networks": {Networks: []string{"192.0.2.1"}}, "lists": {Apps: make([]core.AppID, mostListed+1)}} {
		if err := s.Check(); err == nil || core.AsError(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	lists := (&Settings{Numbers: []string{Key(1)}, Prefixes: []string{"852"}, Networks: []string{"2001:db8::/32"}}).lists()
	if !lists.Has(&fraud.Subject{Number: 1}) || lists.Has(&fraud.Subject{Number: 2}) || !lists.Has(&fraud.Subject{IP: netip.MustParseAddr("2001:db8::1")}) ||
		!lists.Has(&fraud.Subject{Prefix: 852912}) {
		t.Error("a list is not asked")
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkFlow is what the guard costs a flow: one send, one right guess.
func BenchmarkFlow(b *testing.B) {
	g := New(Options{Engine: fraud.New(fraud.Options{}), Now: now, Mode: tenant.GuardEnforce})
	app, at := &tenant.App{ID: 1, Tenant: 1}, noon
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at = at.Add(time.Millisecond)
		n := uint64(i) * 2654435761 % 100_000_000
		who := fraud.Subject{Tenant: 1, App: 1, Country: "CN", Prefix: 8613800 + n%50, Number: n}
		if err := errors.Join(g.Send(at, app, who), g.Check(at, app, who)); err != nil {
			b.Fatal(fmt.Errorf("flow %d: %w", i, err))
		}
		g.Verified(at, app, who)
	}
}
