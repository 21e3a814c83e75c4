package operator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// TestOneAccessClient: a client is made with the contract's defaults, changed, and
// refused what it can not be; the ISV's tenants subscribe; every exchange is held
// to openapi.yaml by the test server.
func TestOneAccessClient(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	owner, err := w.CreateTenant(ctx, "owner")
	must(t, err)
	other, err := w.CreateTenant(ctx, "other")
	must(t, err)
	signature, dialects := "云盒", []tenant.Dialect{tenant.DialectOneaccess}
	var apps []core.AppID
	for _, name := range []string{"one", "two"} {
		app, _, err := w.CreateApp(ctx, tenant.Spec{Tenant: owner.ID, Name: name, Settings: tenant.Patch{Signature: &signature, Dialects: &dialects}})
		must(t, err)
		apps = append(apps, app.ID)
	}
	made, err := w.SetOneAccess(ctx, apps[0], tenant.OneAccessPatch{NewSecret: true})
	must(t, err)
	s := made.App.Settings.OneAccess
	if len(made.ClientID) != 32 || len(made.ClientSecret) != 32 || s.SessionSeconds != 604800 || s.RegisterSeconds != 43200 || s.TokenSeconds != 1800 ||
		s.IDTokenSeconds != 7200 || !s.IDToken || s.RecycledDays != 90 || s.AcceptUnbound || s.MaskMobile || s.Language != "zh" || s.Captcha != tenant.CaptchaAlways {
		t.Errorf("%+v", s)
	}
	if app, ok := w.directory.OneAccessClient(made.ClientID, made.ClientSecret); !ok || app.ID != apps[0] {
		t.Error("the secret is not good")
	}
	again, err := w.SetOneAccess(ctx, apps[0], tenant.OneAccessPatch{NewSecret: true, Errors: &tenant.ErrorTexts{"SDK.COMMON.1001": {Code: "E1", English: "{0}?"}}})
	must(t, err)
	if _, ok := w.directory.OneAccessClient(made.ClientID, made.ClientSecret); ok || again.ClientID != made.ClientID {
		t.Error("the old secret is good still")
	}
	if _, ok := w.directory.OneAccessClient("another", again.ClientSecret); ok {
		t.Error("a secret opens another client")
	}
	for name, p := range map[string]tenant.OneAccessPatch{
		"another client id":       {ClientID: ptr("other")},
		"an ISV afterwards":       {ISV: ptr(true)},
		"a session of a second":   {SessionSeconds: ptr(1)},
		"an id token of two days": {IDTokenSeconds: ptr(2 * 86400)},
		"a second SMS sometimes":  {SecondSMS: ptr(tenant.SecondSMS("sometimes"))},
		"no challenge":            {CaptchaKinds: &[]string{}},
		"an unknown challenge":    {CaptchaKinds: &[]string{"quiz"}},
		"a challenge twice":       {CaptchaKinds: &[]string{"puzzle", "puzzle"}},
		"a nameless verifier":     {CaptchaKinds: &[]string{"verifier"}},
		"a free proof of work":    {WorkDifficulty: ptr(0)},
		"French":                  {Language: ptr("fr")},
		"http elsewhere":          {RedirectURIs: &[]string{"http://app.example.com/cb"}},
		"a newline in a text":     {Errors: &tenant.ErrorTexts{"SDK.COMMON.1001": {English: "a\nb"}}},
	} {
		if _, err := w.SetOneAccess(ctx, apps[0], p); status(err) != http.StatusBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.SetOneAccess(ctx, apps[1], tenant.OneAccessPatch{ClientID: &made.ClientID}); status(err) != http.StatusConflict {
		t.Errorf("the id of another app's: %v", err)
	}
	if _, err := w.Subscribe(ctx, apps[0], tenant.Subscription{Tenant: other.ID}); status(err) != http.StatusBadRequest {
		t.Errorf("an app that is no template: %v", err)
	}
	_, err = w.SetOneAccess(ctx, apps[1], tenant.OneAccessPatch{ISV: ptr(true)})
	must(t, err)
	child, err := w.Subscribe(ctx, apps[1], tenant.Subscription{Tenant: other.ID, Name: "theirs"})
	must(t, err)
	if child.Tenant != other.ID || child.Settings.OneAccess.TemplateOf != apps[1] || child.Settings.OneAccess.ClientID != "" || !child.Settings.TenantPays {
		t.Errorf("%+v", child)
	}
	if _, err := w.SetOneAccess(ctx, child.ID, tenant.OneAccessPatch{NewSecret: true}); status(err) != http.StatusBadRequest {
		t.Errorf("a secret of a subscription's own: %v", err)
	}
	if _, err := w.RotateAppSigningKey(ctx, child.ID, time.Hour); status(err) != http.StatusConflict {
		t.Errorf("a key of a subscription's own: %v", err)
	}
	for _, hosts := range [][]string{{"ID.example.com"}, {"a.example.com:443"}, {"a", "a"}, {"a,b"}, {""}} {
		if _, err := w.UpdateTenant(ctx, owner.ID, tenant.TenantPatch{Hosts: &hosts}); status(err) != http.StatusBadRequest {
			t.Errorf("hosts %q: %v", hosts, err)
		}
	}
	shown, err := w.UpdateTenant(ctx, owner.ID, tenant.TenantPatch{Hosts: &[]string{"id.example.com"}})
	must(t, err)
	if len(shown.Hosts) != 1 || len(shown.TenantID) != 32 || shown.TenantID == other.TenantID {
		t.Errorf("%+v", shown)
	}
}

func status(err error) int {
	var e *client.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// TestOneAccessImportIsChecked: a file with a problem changes nothing, and every
// problem is told with its line, without what is secret.
func TestOneAccessImportIsChecked(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	owner, err := w.CreateTenant(ctx, "owner")
	must(t, err)
	signature := "云盒"
	app, _, err := w.CreateApp(ctx, tenant.Spec{Tenant: owner.ID, Name: "one", Settings: tenant.Patch{Signature: &signature}})
	must(t, err)
	lines := []string{
		`{"type":"client","client_id":"with a blank"}`,
		`{"type":"client","client_id":"a","client_secret":"short"}`,
		`{"type":"client","client_id":"a","tenant_id":"a/b"}`,
		`{"type":"client","client_id":"a","phone":"15200000000"}`,
		`{"type":"key","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`,
		`{"type":"key","private_key":"nothing"}`,
		`{"type":"user","phone":"15200000000","user_id":"a/b"}`,
		`{"type":"user","phone":"123","user_id":"a"}`,
		`{"type":"user","phone":"15200000000","user_id":"a","user_name":"a\u0007b"}`,
		`{"type":"user","phone":"15200000001","user_id":"b","password":"x"}`,
		`{"type":"device"}`,
		`[]`,
	}
	report, err := w.ImportOneAccess(ctx, app.ID, strings.NewReader(strings.Join(lines, "\n")), false)
	if status(err) != http.StatusUnprocessableEntity || report.Failed != len(lines) || report.Applied || len(report.Errors) != len(lines) {
		t.Fatalf("%v %+v", err, report)
	}
	for i, problem := range report.Errors {
		if problem.Line != i+1 || strings.Contains(problem.Message, "15200000") || strings.Contains(problem.Message, "short") {
			t.Errorf("%+v", problem)
		}
	}
	file := `{"type":"client","client_id":"old","client_secret":"a secret of theirs"}`
	if _, err := w.ImportOneAccess(ctx, app.ID, strings.NewReader(strings.ReplaceAll(file, " of theirs", "")), false); status(err) != http.StatusUnprocessableEntity {
		t.Errorf("a secret with a blank: %v", err)
	}
	file = `{"type":"client","client_id":"old","client_secret":"a-secret-of-theirs"}` + "\n" + `{"type":"user","phone":"15200000000","user_id":"7"}`
	report, err = w.ImportOneAccess(ctx, app.ID, strings.NewReader(file), false)
	if err != nil || !report.Applied || report.Keys != 1 || report.Users != 1 {
		t.Errorf("%v %+v", err, report)
	}
	if report, err := w.ImportOneAccess(ctx, app.ID, strings.NewReader(strings.ReplaceAll(file, `"old"`, `"new"`)), true); status(err) != http.StatusUnprocessableEntity || report.Failed != 1 {
		t.Errorf("another client: %v %+v", err, report)
	}
}
