package operator

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/guard/sentry"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// beside reads templates and, once there is one, the guard's lists.
func (w *world) beside(templates *catalogue.Catalogue) func(context.Context, store.SQL) (func(), error) {
	return func(ctx context.Context, q store.SQL) (func(), error) {
		publish, err := templates.Read(ctx, q)
		if err != nil || w.sentry == nil {
			return publish, err
		}
		lists, err := w.sentry.Read(ctx, q)
		if err != nil {
			return nil, err
		}
		return func() { publish(); lists() }, nil
	}
}

func (w *world) newSentry(ids *core.IDs, log *slog.Logger) *sentry.Guard {
	w.sentry = sentry.New(sentry.Options{Engine: fraud.New(fraud.Options{}), Database: w.engine, IDs: ids, Now: w.clock.now, Log: log, Mode: tenant.GuardEnforce})
	return w.sentry
}

// An operator sees what the guard refused and why, lets somebody pass whatever
// it thinks, and chooses whether it refuses at all; nothing of it holds a number.
func TestGuard(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	owner, err := w.CreateTenant(ctx, "tenant")
	must(t, err)
	signature := "云盒"
	made, _, err := w.CreateApp(ctx, tenant.Spec{Tenant: owner.ID, Name: "one", Settings: tenant.Patch{Signature: &signature}})
	must(t, err)
	app, _ := w.directory.App(made.ID)

	// Codes to one prefix that nobody enters.
	send := func(n int) error {
		phone := core.PhoneFromE164(fmt.Sprintf("+86138001%05d", n))
		return w.sentry.Send(w.clock.now(), app, fraud.Subject{Tenant: app.Tenant, App: app.ID, Country: "CN", Prefix: fraud.PrefixOf(phone), Number: w.ring.PhoneBase(phone)})
	}
	sent, refused := 0, 0
	for n := range 40 {
		switch err := send(n); core.KindOf(err) {
		case core.KindChallengeRequired, core.KindBlocked:
			refused++
			if e := core.AsError(err); e.RetryAfter < time.Minute || !strings.Contains(e.Detail, "prefix +8613800") {
				t.Errorf("%v after %v", e, e.RetryAfter)
			}
		default:
			must(t, err)
			sent++
		}
	}
	if sent < 15 || refused < 5 {
		t.Fatalf("%d sent, %d refused", sent, refused)
	}
	levels, err := w.GuardLevels(ctx, 10)
	must(t, err)
	if i := slices.IndexFunc(levels.Levels, func(l api.GuardLevel) bool { return l.Kind == "prefix" }); i < 0 || levels.Levels[i].Sent != int64(sent) ||
		levels.Levels[i].Refused != int64(refused) || levels.Levels[i].Outcome == "allow" || levels.Levels[i].Unverified <= levels.Levels[i].Threshold-2 {
		t.Errorf("%+v", levels)
	}

	// The minute's decisions are one row each, written when it is over, or at the end.
	w.sentry.Start()
	w.sentry.Stop()
	w.sentry.Stop()
	found, err := w.GuardDecisions(ctx, app.ID, "", 0)
	must(t, err)
	count := int64(0)
	for _, d := range found.Decisions {
		count += d.Count
		if d.App != app.ID || d.Rule != "unverified" && d.Rule != "conversion" || d.Subject == "" || !strings.Contains(d.Why, "30 minutes: ") || d.Passed != 0 {
			t.Errorf("%+v", d)
		}
	}
	if count != int64(refused) || len(found.Decisions) > 4 {
		t.Errorf("%d decisions in %d rows, want %d", count, len(found.Decisions), refused)
	}
	if none, err := w.GuardDecisions(ctx, app.ID+1, "", 0); err != nil || len(none.Decisions) != 0 {
		t.Errorf("another app's: %+v, %v", none, err)
	}
	if page, err := w.GuardDecisions(ctx, 0, "", 1); err != nil || len(page.Decisions) != 1 || page.Before != page.Decisions[0].ID {
		t.Errorf("a page: %+v, %v", page, err)
	}

	// A number on the list passes.
	if err := send(7); err == nil {
		t.Fatal("the prefix has room again")
	}
	state, err := w.GuardNumbers(ctx, api.GuardNumbers{Add: []string{"13800100007", "+8613800100008"}, Remove: []string{"+8613800100008"}})
	must(t, err)
	if state.Numbers != 1 || state.Configured != tenant.GuardEnforce {
		t.Errorf("%+v", state)
	}
	must(t, send(7))
	if send(8) == nil {
		t.Error("a number that was taken off the list passes")
	}
	stored := ""
	must(t, w.engine.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT value FROM setting WHERE name = 'guard'`, func(r store.Scanner) error { return r.Scan(&stored) })
	}))
	if strings.Contains(stored, "13800100007") || !strings.Contains(stored, sentry.Key(w.ring.PhoneBase(core.PhoneFromE164("+8613800100007")))) {
		t.Errorf("stored %s", stored)
	}

	// So do prefixes, networks and apps; and everybody, while decisions are only recorded.
	prefixes, networks, apps, record := []string{"8613800", "85"}, []string{"192.0.2.0/24"}, []core.AppID{}, tenant.GuardRecord
	_, err = w.UpdateGuard(ctx, api.GuardPatch{Prefixes: &prefixes, Networks: &networks, Apps: &apps})
	must(t, err)
	must(t, send(9))
	prefixes = []string{}
	state, err = w.UpdateGuard(ctx, api.GuardPatch{Prefixes: &prefixes, Mode: &record})
	must(t, err)
	if state.Mode != record || len(state.Prefixes) != 0 || len(state.Networks) != 1 || state.Numbers != 1 {
		t.Errorf("%+v", state)
	}
	must(t, send(10))
	enforce := tenant.GuardEnforce
	_, err = w.UpdateApp(ctx, app.ID, tenant.Patch{Guard: &enforce})
	must(t, err)
	app, _ = w.directory.App(made.ID)
	if send(11) == nil {
		t.Error("an app that enforces lets pass")
	}
	off := tenant.GuardOff
	_, err = w.UpdateApp(ctx, app.ID, tenant.Patch{Guard: &off})
	must(t, err)
	app, _ = w.directory.App(made.ID)
	must(t, send(12))

	for body, says := range map[string]string{`{"mode":"perhaps"}`: "mode", `{"prefixes":["0086"]}`: "prefixes", `{"networks":["x"]}`: "networks", `{"surprise":1}`: "unknown"} {
		if answer, text := w.call(t, http.MethodPatch, "/admin/guard", body); answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, says) {
			t.Errorf("%s: %d %s", body, answer.StatusCode, text)
		}
	}
	if answer, text := w.call(t, http.MethodPost, "/admin/guard/numbers", `{"add":["1380010000"]}`); answer.StatusCode != http.StatusBadRequest || strings.Contains(text, "1380010000") {
		t.Errorf("no number: %d %s", answer.StatusCode, text)
	}
	if log := w.log.String(); strings.Contains(log, "1380010000") {
		t.Error("a number is in the log")
	}
}

// Caps are set in the settings and shown with what was spent of them today.
func TestSpending(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	owner, err := w.CreateTenant(ctx, "tenant")
	must(t, err)
	signature, caps := "云盒", tenant.SpendCaps{"CN": 100, "*": 120}
	app, _, err := w.CreateApp(ctx, tenant.Spec{Tenant: owner.ID, Name: "one", Settings: tenant.Patch{Signature: &signature, SpendCaps: &caps}})
	must(t, err)
	day := int(w.clock.now().Add(8*time.Hour).Unix() / (24 * 3600))
	must(t, w.engine.Update(ctx, func(q store.SQL) error {
		for country, amount := range map[string]int64{"CN": 30, "HK": 5, "": 35} {
			if _, err := q.Exec(ctx, `INSERT INTO spend (id, amount) VALUES ($1, $2)`, int64(store.NewSpendKey(day, app.ID, country)), amount); err != nil {
				return err
			}
		}
		_, err := q.Exec(ctx, `INSERT INTO spend (id, amount) VALUES ($1, 7)`, int64(store.NewSpendKey(day-1, app.ID, "CN")))
		return err
	}))
	spending, err := w.Spending(ctx, app.ID)
	must(t, err)
	got := spending.Day
	for _, of := range spending.Of {
		most := "–"
		if of.Cap != nil {
			most = fmt.Sprint(*of.Cap)
		}
		got += fmt.Sprintf(" %s %d/%s", of.Country, of.Spent, most)
	}
	if want := "2026-03-01 * 35/120 CN 30/100 HK 5/–"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	none := tenant.SpendCaps{}
	view, err := w.UpdateApp(ctx, app.ID, tenant.Patch{SpendCaps: &none})
	must(t, err)
	if len(view.Settings.SpendCaps) != 0 {
		t.Errorf("%+v", view.Settings.SpendCaps)
	}
	for _, wrong := range []tenant.SpendCaps{{"XX": 1}, {"CN": -1}} {
		if _, err := w.UpdateApp(ctx, app.ID, tenant.Patch{SpendCaps: &wrong}); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
