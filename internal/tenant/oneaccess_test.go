package tenant

import (
	"context"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
)

// TestOneAccessNeedsASignature: what would make settings that no node can read is
// refused, and every node goes on reading the configuration.
func TestOneAccessNeedsASignature(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	of, err := w.admin.CreateTenant(ctx, By{Actor: "test"}, "tenant")
	must(t, err)
	other, err := w.admin.CreateTenant(ctx, By{Actor: "test"}, "other")
	must(t, err)
	app, _, err := w.admin.CreateApp(ctx, By{Actor: "test"}, Spec{Tenant: of.ID, Name: "bare", Settings: Patch{Dialects: &[]Dialect{DialectJSMS}}})
	must(t, err)
	report, err := w.admin.ImportOneAccess(ctx, By{Actor: "test"}, app.ID, strings.NewReader(`{"type":"client","client_id":"bare"}`), false, nil)
	if err != nil || report.Applied || report.Failed != 1 || !strings.Contains(report.Errors[0].Message, "signature") {
		t.Errorf("%+v, %v", report, err)
	}
	on := true
	_, _, err = w.admin.SetOneAccess(ctx, By{Actor: "test"}, app.ID, OneAccessPatch{ISV: &on})
	must(t, err)
	if _, err := w.admin.Subscribe(ctx, By{Actor: "test"}, app.ID, Subscription{Tenant: other.ID}); core.KindOf(err) != core.KindBadField {
		t.Errorf("a subscription without a signature: %v", err)
	}
	must(t, w.directory.Refresh(ctx))
}
