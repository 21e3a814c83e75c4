package tenant

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store/storetest"
)

func TestTenants(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	first, err := w.admin.CreateTenant(ctx, by, "first")
	must(t, err)
	second, err := w.admin.CreateTenant(ctx, by, "第二")
	must(t, err)
	if first.ID != 1 || second.ID != 2 || !first.Created.Equal(w.clock.now()) {
		t.Errorf("tenants = %+v, %+v", first, second)
	}
	_, err = w.admin.CreateTenant(ctx, by, "first")
	wantKind(t, err, core.KindConflict)
	_, err = w.admin.CreateTenant(ctx, by, "")
	wantKind(t, err, core.KindBadField)
	all, err := w.admin.Tenants(ctx)
	if err != nil || len(all) != 2 || all[1].Name != "第二" {
		t.Errorf("tenants = %+v, %v", all, err)
	}
	one, err := w.admin.Tenant(ctx, 2)
	if err != nil || one.Name != "第二" {
		t.Errorf("tenant = %+v, %v", one, err)
	}
	_, err = w.admin.Tenant(ctx, 3)
	wantKind(t, err, core.KindNotFound)
}

func TestAppsOfATenant(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	a, _ := w.app(t, "one")
	b, _ := w.app(t, "two")
	spec := Spec{Tenant: a.Tenant, Name: "one", Settings: Patch{Signature: new("验码")}}
	_, _, err := w.admin.CreateApp(ctx, by, spec)
	wantKind(t, err, core.KindConflict)
	spec.Tenant = b.Tenant
	_, _, err = w.admin.CreateApp(ctx, by, spec)
	must(t, err)
	spec.Tenant = 9
	_, _, err = w.admin.CreateApp(ctx, by, spec)
	wantKind(t, err, core.KindNotFound)
	_, _, err = w.admin.CreateApp(ctx, by, Spec{Tenant: a.Tenant, Name: "unsigned"})
	wantKind(t, err, core.KindBadField)

	all, err := w.admin.ListApps(ctx, 0)
	if err != nil || len(all) != 3 {
		t.Errorf("apps = %+v, %v", all, err)
	}
	some, err := w.admin.ListApps(ctx, b.Tenant)
	if err != nil || len(some) != 2 || some[0].ID != b.ID {
		t.Errorf("apps = %+v, %v", some, err)
	}
	_, err = w.admin.ListApps(ctx, 9)
	wantKind(t, err, core.KindNotFound)
	_, err = w.admin.ShowApp(ctx, 9)
	wantKind(t, err, core.KindNotFound)
	_, err = w.admin.UpdateApp(ctx, by, some[1].ID, Patch{Name: new("two")})
	wantKind(t, err, core.KindConflict)
	_, err = w.admin.DisableApp(ctx, by, 9)
	wantKind(t, err, core.KindNotFound)
}

func TestAppWithoutYunboxGetsNoKey(t *testing.T) {
	w := newWorld(t)
	tenant, err := w.admin.CreateTenant(context.Background(), by, "x")
	must(t, err)
	view, key, err := w.admin.CreateApp(context.Background(), by, Spec{Tenant: tenant.ID, Name: "x",
		Settings: Patch{Signature: new("验码"), Dialects: &[]Dialect{DialectJSMS}}})
	if err != nil || !key.IsZero() || len(view.Keys) != 0 {
		t.Errorf("key = %v, keys = %v, %v", key, view.Keys, err)
	}
}

// Every change writes one audit row with who, when, what, before and after.
func TestEveryChangeIsAudited(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	view, _ := w.app(t, "shop")
	_, err := w.admin.UpdateApp(ctx, by, view.ID, Patch{CodeLength: new(8)})
	must(t, err)
	_, _, err = w.admin.RotateKey(ctx, by, view.ID, Rotation{})
	must(t, err)
	_, err = w.admin.DisableApp(ctx, by, view.ID)
	must(t, err)
	_, err = w.admin.DisableApp(ctx, by, view.ID) // changes nothing
	must(t, err)
	_, err = w.admin.UpdateApp(ctx, by, view.ID, Patch{CodeLength: new(8)}) // changes nothing
	must(t, err)
	_, err = w.admin.EnableApp(ctx, by, view.ID)
	must(t, err)

	rows, err := w.admin.Audits(ctx, 0, 100)
	must(t, err)
	want := []string{"app.enable", "app.disable", "app.rotate_key", "app.update", "app.create", "tenant.create"}
	if len(rows) != len(want) {
		t.Fatalf("audit = %+v", rows)
	}
	for i, action := range want {
		r := rows[i]
		if r.Action != action || r.Actor != "tester" || r.Request != "request-1" || !r.At.Equal(w.clock.now()) {
			t.Errorf("row %d = %+v, want %s", i, r, action)
		}
	}
	var before, after AppView
	must(t, json.Unmarshal(rows[3].Before, &before))
	must(t, json.Unmarshal(rows[3].After, &after))
	if rows[3].Object != "app 1" || before.Settings.CodeLength != 6 || after.Settings.CodeLength != 8 {
		t.Errorf("update: %s → %s", rows[3].Before, rows[3].After)
	}
	page, err := w.admin.Audits(ctx, rows[1].ID, 2)
	if err != nil || len(page) != 2 || page[0].ID != rows[2].ID || page[1].ID != rows[3].ID {
		t.Errorf("page = %+v, %v", page, err)
	}
}

// Requirement rows 12 and 14: keys, test codes and test numbers are in no
// table, no audit row, no log and no answer but the first.
func TestReq12_SecretsAreShownOnce(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	view, first := w.app(t, "shop")
	tests := []TestNumber{{Literal: "13987654321", Code: "7788990011"}}
	_, err := w.admin.UpdateApp(ctx, by, view.ID, Patch{TestNumbers: &tests})
	must(t, err)
	view, second, err := w.admin.RotateKey(ctx, by, view.ID, Rotation{})
	must(t, err)
	list, err := w.admin.ListApps(ctx, 0)
	must(t, err)
	audits, err := w.admin.Audits(ctx, 0, 100)
	must(t, err)
	answers, err := json.Marshal([]any{view, list, audits})
	must(t, err)
	everything := w.dump(t) + w.log.String() + string(answers) + fmt.Sprintf("%+v %#v", view, second)
	for _, secret := range []string{first, second.Reveal(), "13987654321", "7788990011"} {
		if strings.Contains(everything, secret) {
			t.Errorf("%s is readable", secret)
		}
	}
	if !strings.Contains(string(answers), "139****4321") {
		t.Error("the test number is not shown masked")
	}
}

func TestRaceOfTwoCreates(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	tenant, err := w.admin.CreateTenant(ctx, by, "x")
	must(t, err)
	const callers = 16
	errs := make([]error, callers)
	keys := make([]core.Secret, callers)
	var all sync.WaitGroup
	for i := range callers {
		_, admin := w.node()
		all.Go(func() {
			_, keys[i], errs[i] = admin.CreateApp(ctx, by, Spec{Tenant: tenant.ID, Name: fmt.Sprintf("app %d", i/2),
				Settings: Patch{Signature: new("验码")}})
		})
	}
	all.Wait()
	must(t, w.directory.Refresh(ctx))
	for i := 0; i < callers; i += 2 {
		won, lost := i, i+1
		if errs[won] != nil {
			won, lost = lost, won
		}
		must(t, errs[won])
		wantKind(t, errs[lost], core.KindConflict)
		if app, ok := w.directory.AppByKey(DialectYunbox, keys[won].Reveal()); !ok || app.Name != fmt.Sprintf("app %d", i/2) {
			t.Errorf("the key of app %d opens %v", i/2, app)
		}
	}
	if n := len(w.directory.Apps()); n != callers/2 {
		t.Errorf("%d apps", n)
	}
}

// Two patches of one app at once: neither is lost.
func TestRaceOfTwoUpdates(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	var all sync.WaitGroup
	patches := []Patch{{CodeLength: new(8)}, {CodeLife: new(60)}, {DeviceCap: new(7)}, {Sender: new("1069")}}
	for _, p := range patches {
		all.Go(func() {
			if _, err := w.admin.UpdateApp(context.Background(), by, view.ID, p); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	app, _ := w.directory.App(view.ID)
	if app.CodeLength != 8 || app.CodeLife.Seconds() != 60 || app.DeviceCap != 7 || app.Sender != "1069" {
		t.Errorf("app = %+v", app)
	}
}

// Fault pair: the commit failed, or it happened and its answer was lost.
func TestChangeWhenTheDatabaseFails(t *testing.T) {
	for name, fault := range commitFaults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			view, key := w.app(t, "shop")
			persisted := fault == storetest.FailCommitKept
			w.faults.Inject(fault)
			_, err := w.admin.DisableApp(context.Background(), by, view.ID)
			wantKind(t, err, core.KindInternal)
			must(t, w.directory.catchUp(context.Background()))
			if _, ok := w.directory.AppByKey(DialectYunbox, key); ok == persisted {
				t.Errorf("the key works: %v", ok)
			}
			audits, err := w.admin.Audits(context.Background(), 0, 1)
			must(t, err)
			if (audits[0].Action == "app.disable") != persisted {
				t.Errorf("audit = %+v", audits[0])
			}
			_, err = w.admin.DisableApp(context.Background(), by, view.ID)
			must(t, err)
		})
	}
}

// A change counts although this node can not read it back at once.
func TestChangeWhenTheRefreshFails(t *testing.T) {
	w := newWorld(t)
	view, key := w.app(t, "shop")
	w.faults.away.Store(true)
	_, err := w.admin.DisableApp(context.Background(), by, view.ID)
	must(t, err)
	if !strings.Contains(w.log.String(), "not seen by this node yet") {
		t.Error("nothing is logged")
	}
	w.faults.away.Store(false)
	must(t, w.directory.catchUp(context.Background()))
	if _, ok := w.directory.AppByKey(DialectYunbox, key); ok {
		t.Error("the app is not disabled")
	}
}
