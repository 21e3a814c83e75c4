package tenant

import (
	"context"
	"testing"

	"yanma.dev/yanma/internal/core"
)

// TestClientOfADisabledApp: neither a disabled app nor one of a disabled account
// is anybody's client, by id or by secret (contracts/README.md §3.3), and with
// that no token of theirs serves any more.
func TestClientOfADisabledApp(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	view, _ := w.app(t, "shop")
	dialects, on, off := []Dialect{DialectCamara}, true, false
	_, err := w.admin.UpdateApp(ctx, by, view.ID, Patch{Dialects: &dialects})
	must(t, err)
	shown, secret, err := w.admin.SetCamara(ctx, by, view.ID, CamaraPatch{SecretAuth: &on, NewSecret: true})
	must(t, err)
	id := shown.Settings.Camara.ClientID
	known := func(want bool) {
		t.Helper()
		if app, ok := w.directory.AppByClient(id); ok != want || ok && app.ID != view.ID {
			t.Errorf("by id: %v, want %v", ok, want)
		}
		if app, ok := w.directory.AppByClientSecret(id, secret.Reveal()); ok != want || ok && app.ID != view.ID {
			t.Errorf("by secret: %v, want %v", ok, want)
		}
	}
	account := func(disabled *bool) {
		t.Helper()
		_, err := w.admin.UpdateTenant(ctx, by, view.Tenant, TenantPatch{Disabled: disabled})
		must(t, err)
	}
	known(true)
	account(&on)
	known(false)
	account(&off)
	known(true)
	_, err = w.admin.UpdateApp(ctx, by, view.ID, Patch{Dialects: &[]Dialect{DialectYunbox}})
	must(t, err)
	known(false)
	if _, ok := w.directory.AppByClient(""); ok {
		t.Error("no id is a client's")
	}
	if _, _, err := w.admin.SetCamara(ctx, by, 99, CamaraPatch{}); core.KindOf(err) != core.KindNotFound {
		t.Errorf("an unknown app: %v", err)
	}
}
