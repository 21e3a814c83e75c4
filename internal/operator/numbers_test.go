package operator

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// disabled counts 100 wrong tries for login, and some for another purpose, from
// a known address, of another number and in another app.
func (w *world) disabled(t *testing.T, app, other core.AppID) {
	t.Helper()
	one, err := account.RealNumber(w.ring, 1, core.PhoneFromE164("+8613800138000"))
	must(t, err)
	two, err := account.RealNumber(w.ring, 1, core.PhoneFromE164("+8613900139000"))
	must(t, err)
	must(t, w.batcher.Do(context.Background(), &rows{func(b *store.Batch) {
		base := store.Failure{Tenant: 1, App: app, Purpose: core.PurposeLogin, Index: one.Index, Phone: one.Sealed, Recent: 5, Consecutive: 20, Total: 100,
			LastWrong: b.Now, LockedUntil: b.Now.Add(24 * time.Hour), Disabled: true}
		put := func(id core.FailureID, change func(f *store.Failure)) {
			f := base
			f.ID = id
			change(&f)
			b.PutFailure(f)
		}
		put(1, func(*store.Failure) {})
		put(2, func(f *store.Failure) { f.Purpose, f.Disabled, f.Total = core.PurposeVerify, false, 20 })
		put(3, func(f *store.Failure) { f.Scope = 99; f.Disabled, f.LockedUntil, f.Recent, f.Total = false, 0, 1, 1 })
		put(4, func(f *store.Failure) { f.Index, f.Phone = two.Index, two.Sealed })
		put(5, func(f *store.Failure) { f.App = other })
	}}))
}

// contracts/README.md §5: disabled until an operator binds the number anew.
func TestNumberIsUnlocked(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	other, _ := w.app(t, "other")
	w.disabled(t, app.ID, other.ID)
	state, err := w.Number(ctx, app.ID, "+8613800138000")
	if err != nil || !state.Locked || state.Phone != "138****8000" || len(state.Counters) != 3 {
		t.Fatalf("state = %+v, %v", state, err)
	}
	login, known, verify := state.Counters[0], state.Counters[1], state.Counters[2]
	until := w.clock.now().Add(24 * time.Hour)
	if login.Purpose != "login" || login.Scope != "anyone" || login.Total != 100 || !login.Disabled || login.LockedUntil != nil ||
		known.Scope != "known" || known.Total != 1 || known.LockedUntil != nil ||
		verify.Purpose != "verify" || verify.Consecutive != 20 || verify.LockedUntil == nil || !verify.LockedUntil.Equal(until) {
		t.Errorf("counters = %+v", state.Counters)
	}
	unlocked, err := w.UnlockNumber(ctx, app.ID, "13800138000")
	if err != nil || len(unlocked.Cleared) != 3 || unlocked.Phone != "138****8000" {
		t.Errorf("unlocked = %+v, %v", unlocked, err)
	}
	state, err = w.Number(ctx, app.ID, "13800138000")
	if err != nil || state.Locked || len(state.Counters) != 0 {
		t.Errorf("after it: %+v, %v", state, err)
	}
	again, err := w.UnlockNumber(ctx, app.ID, "13800138000")
	if err != nil || len(again.Cleared) != 0 || w.count(t, "number.unlock") != 1 {
		t.Errorf("again = %+v, %v, %d audit rows", again, err, w.count(t, "number.unlock"))
	}
	// Neither another number nor another app is touched.
	for _, c := range []struct {
		app   core.AppID
		phone string
	}{{app.ID, "13900139000"}, {other.ID, "13800138000"}} {
		if state, err := w.Number(ctx, c.app, c.phone); err != nil || !state.Locked || len(state.Counters) != 1 {
			t.Errorf("app %d, %s: %+v, %v", c.app, c.phone, state, err)
		}
	}
	page, err := w.Audit(ctx, 0, 1)
	must(t, err)
	row := page.Entries[0]
	if row.Action != "number.unlock" || row.Object != "app 1" || !strings.Contains(string(row.Before), `"total":100`) ||
		strings.Contains(string(row.Before)+string(row.After), "13800138000") || !strings.Contains(string(row.After), "138****8000") {
		t.Errorf("audit = %+v", row)
	}
	if strings.Contains(w.log.String(), "13800138000") {
		t.Error("the log has the number")
	}
}

func TestNumberThatIsRefused(t *testing.T) {
	w := newWorld(t)
	app, _ := w.app(t, "shop")
	_, err := w.UpdateApp(context.Background(), app.ID, tenant.Patch{TestNumbers: &[]tenant.TestNumber{{Literal: "13800138000", Code: "4433"}}})
	must(t, err)
	for _, path := range []string{"show", "unlock"} {
		for name, c := range map[string]struct{ app, body, code string }{
			"no app":        {"9", `{"phone":"13900139000"}`, "not_found"},
			"no number":     {"1", `{}`, "invalid_phone"},
			"not a number":  {"1", `{"phone":"139-0013-9000"}`, "invalid_phone"},
			"a test number": {"1", `{"phone":"13800138000"}`, "test_number"},
			"more":          {"1", `{"phone":"13900139000","purpose":"login"}`, "bad_field"},
		} {
			_, body := w.call(t, http.MethodPost, "/admin/apps/"+c.app+"/number/"+path, c.body)
			if code, _ := problemOf(t, body); code != c.code {
				t.Errorf("%s, %s: %s, want %s", path, name, body, c.code)
			}
		}
	}
	if n := w.count(t, "number.unlock"); n != 0 {
		t.Errorf("%d audit rows", n)
	}
}

// Fault pairs: the look, the audit row and the change fail in every way, and
// the operator tries again until there is an answer.
func TestUnlockSurvivesEveryFault(t *testing.T) {
	faults := map[string]storetest.Fault{"begin": storetest.FailBegin, "load": storetest.FailLoad, "write": storetest.FailWrite,
		"not committed": storetest.FailCommit, "lost": storetest.FailCommitLost, "kept": storetest.FailCommitKept, "again": storetest.FailAgain}
	for at, step := range []string{"look", "note", "change"} {
		for name, fault := range faults {
			if testing.Short() && name != "kept" { // under the race detector
				continue
			}
			t.Run(step+" "+name, func(t *testing.T) {
				w := newWorld(t)
				app, _ := w.app(t, "shop")
				w.disabled(t, app.ID, 99)
				w.engine.Inject(append(make([]storetest.Fault, at), fault)...)
				var err error
				var unlocked api.NumberUnlocked
				for range 3 {
					if unlocked, err = w.UnlockNumber(context.Background(), app.ID, "13800138000"); err == nil {
						break
					}
				}
				state, errState := w.Number(context.Background(), app.ID, "13800138000")
				if err != nil || errState != nil || len(state.Counters) != 0 || w.engine.Pending() != 0 {
					t.Errorf("unlocked %+v, %v; then %+v, %v; %d faults left", unlocked, err, state, errState, w.engine.Pending())
				}
				if n := w.count(t, "number.unlock"); n < 1 {
					t.Errorf("%d audit rows", n)
				}
			})
		}
	}
}
