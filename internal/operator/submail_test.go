package operator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// TestSubmailKeys: an app gets a pair, rotates it with an overlap, takes pairs
// of elsewhere over, and loses them all.
func TestSubmailKeys(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	app, _ := w.app(t, "shop")
	first, err := w.RotateSubmail(ctx, app.ID, api.SubmailRotation{})
	must(t, err)
	until := w.clock.now().Add(time.Hour)
	second, err := w.RotateSubmail(ctx, app.ID, api.SubmailRotation{AppID: first.AppID, OldValidUntil: &until})
	must(t, err)
	if second.AppID != first.AppID || second.AppKey == first.AppKey {
		t.Errorf("%q, then %q", first.AppID, second.AppID)
	}
	if _, keys, ok := w.directory.AppByName(tenant.DialectSubmail, first.AppID); !ok || len(keys) != 2 {
		t.Errorf("%d keys in the overlap", len(keys))
	}
	line := `{"type":"app","appid":"10001","appkey":"a1b2c3d4e5f60718293a4b5c6d7e8f90"}`
	for dryRun, want := range map[bool]bool{true: false, false: true} {
		report, err := w.ImportSubmail(ctx, app.ID, strings.NewReader(line), dryRun)
		if err != nil || report.Keys != 1 || report.Applied != want {
			t.Errorf("dry run %v: %+v, %v", dryRun, report, err)
		}
	}
	report, err := w.ImportSubmail(ctx, app.ID, strings.NewReader(line+"\n{}"), false)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != "import_invalid" || report.Failed != 1 || report.Errors[0].Line != 2 {
		t.Errorf("a bad line: %+v, %v", report, err)
	}
	if _, err := w.ImportSubmail(ctx, app.ID, strings.NewReader(strings.Repeat("\n", 1<<20+1)), false); !errors.As(err, &refused) || refused.Status != 413 {
		t.Errorf("a large file: %v", err)
	}
	view, err := w.RevokeSubmail(ctx, app.ID)
	must(t, err)
	for _, k := range view.Keys {
		if k.Dialect == tenant.DialectSubmail && k.Valid {
			t.Errorf("%+v is still valid", k)
		}
	}
}

// TestAccount: an account is disabled, and refused a product.
func TestAccount(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	app, key := w.app(t, "shop")
	on, denied := true, []string{tenant.ProductOneClickLogin}
	view, err := w.UpdateTenant(ctx, app.Tenant, tenant.TenantPatch{Disabled: &on, Denied: &denied})
	if err != nil || !view.Disabled || len(view.Denied) != 1 {
		t.Errorf("%+v, %v", view, err)
	}
	if _, ok := w.directory.AppByKey(tenant.DialectYunbox, key); ok {
		t.Error("a disabled account's key works")
	}
	var refused *client.Error
	if _, err := w.UpdateTenant(ctx, 99, tenant.TenantPatch{}); !errors.As(err, &refused) || refused.Code != "not_found" {
		t.Errorf("no tenant: %v", err)
	}
}
