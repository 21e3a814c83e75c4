package operator

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// TestOAuthClient: a client is made with all scopes and nothing that
// authenticates; keys, redirects and a secret come with later changes.
func TestOAuthClient(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	owner, err := w.CreateTenant(ctx, "tenant")
	must(t, err)
	signature, dialects := "云盒", []tenant.Dialect{tenant.DialectCamara}
	var apps []core.AppID
	for _, name := range []string{"one", "two"} {
		app, _, err := w.CreateApp(ctx, tenant.Spec{Tenant: owner.ID, Name: name, Settings: tenant.Patch{Signature: &signature, Dialects: &dialects}})
		must(t, err)
		apps = append(apps, app.ID)
	}
	made, err := w.SetCamara(ctx, apps[0], tenant.CamaraPatch{})
	must(t, err)
	if made.ClientSecret != "" || len(made.ClientID) != 26 || len(made.App.Settings.Camara.Scopes) != 4 || made.App.Settings.Camara.SecretAuth {
		t.Errorf("%+v %+v", made, made.App.Settings.Camara)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	signer, err := jwt.NewSigner("k1", key)
	must(t, err)
	text, err := jwt.PublicKeys(signer).MarshalJSON()
	must(t, err)
	on, redirects, scopes := true, []string{"https://app.example.com/cb", "com.example.app:/cb", "http://127.0.0.1:8080/cb"}, []string{tenant.ScopeOTP}
	made, err = w.SetCamara(ctx, apps[0], tenant.CamaraPatch{JWKS: text, SecretAuth: &on, RedirectURIs: &redirects, Scopes: &scopes, NewSecret: true})
	must(t, err)
	app, known := w.directory.AppByClientSecret(made.ClientID, made.ClientSecret)
	if !known || app.ID != apps[0] || app.Camara.Keys.Len() != 1 || len(app.Camara.RedirectURIs) != 3 || len(app.Camara.Scopes) != 1 || !app.Camara.SecretAuth {
		t.Errorf("%+v", app)
	}
	again, err := w.SetCamara(ctx, apps[0], tenant.CamaraPatch{NewSecret: true})
	must(t, err)
	if _, known := w.directory.AppByClientSecret(made.ClientID, made.ClientSecret); known || again.ClientID != made.ClientID {
		t.Error("the old secret is good still")
	}
	if _, known := w.directory.AppByClientSecret("another", again.ClientSecret); known {
		t.Error("a secret opens another client")
	}
	if _, err := w.SetCamara(ctx, apps[1], tenant.CamaraPatch{ClientID: &made.ClientID}); err == nil || !strings.Contains(err.Error(), "another app has the client id") {
		t.Errorf("the id of another app's: %v", err)
	}
	for name, p := range map[string]tenant.CamaraPatch{
		"a private key":     {JWKS: raw(`{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}`)},
		"no key set":        {JWKS: raw(`{}`)},
		"http elsewhere":    {RedirectURIs: &[]string{"http://app.example.com/cb"}},
		"a fragment":        {RedirectURIs: &[]string{"https://app.example.com/cb#x"}},
		"a user":            {RedirectURIs: &[]string{"https://u@app.example.com/cb"}},
		"a short scheme":    {RedirectURIs: &[]string{"app:/cb"}},
		"javascript":        {RedirectURIs: &[]string{"javascript:alert(1)"}},
		"a relative URI":    {RedirectURIs: &[]string{"/cb"}},
		"an unknown scope":  {Scopes: &[]string{"x"}},
		"a scope twice":     {Scopes: &[]string{tenant.ScopeOTP, tenant.ScopeOTP}},
		"another client id": {ClientID: ptr("other")},
	} {
		if _, err := w.SetCamara(ctx, apps[0], p); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := w.SetCamara(ctx, apps[1], tenant.CamaraPatch{ClientID: ptr("with a blank")}); err == nil {
		t.Error("a client id with a blank is taken")
	}
	taken, err := w.SetCamara(ctx, apps[0], tenant.CamaraPatch{JWKS: raw(`null`)})
	must(t, err)
	if len(taken.App.Settings.Camara.JWKS) != 0 {
		t.Errorf("keys are left: %s", taken.App.Settings.Camara.JWKS)
	}
	if audits, err := w.Audit(ctx, 0, 50); err != nil || strings.Contains(mustJSON(t, audits), again.ClientSecret) {
		t.Errorf("the audit: %v", err)
	}
}

// TestRotateSigningKey: a new key, with its audit row.
func TestRotateSigningKey(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	first, err := w.RotateSigningKey(ctx, 24*time.Hour)
	must(t, err)
	second, err := w.RotateSigningKey(ctx, 0)
	must(t, err)
	if first == second {
		t.Error("the key is the same")
	}
	if _, err := w.RotateSigningKey(ctx, 31*24*time.Hour); err == nil {
		t.Error("an overlap of 31 days is taken")
	}
	audits, err := w.Audit(ctx, 0, 10)
	must(t, err)
	if text := mustJSON(t, audits); strings.Count(text, "signing_key.rotate") != 2 || !strings.Contains(text, second) {
		t.Error(text)
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

func ptr[T any](v T) *T { return &v }

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}
