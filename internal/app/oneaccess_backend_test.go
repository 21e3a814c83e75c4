package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// TestOneAccessTenants: an ISV app's tenants, hosts and keys apart from each
// other's, and a client that moved in (contracts/oneaccess.md §8.3, §8.6,
// contracts/README.md §3.5).
func TestOneAccessTenants(t *testing.T) {
	w := startOneAccess(t)
	w.Do(t, "test-numbers", []string{"on"})
	t.Run("discovery", w.testDiscovery)
	t.Run("isv", w.testISV)
	t.Run("host", w.testHost)
	t.Run("import", w.testImport)
}

// issuedClaims are what an app reads of an id token.
type issuedClaims struct {
	Subject string   `json:"sub"`
	Methods []string `json:"amr"`
	Phone   string   `json:"phone_number"`
	API     string   `json:"api"`
}

// signIn logs a test number in, and gives the answer.
func (w *oneAccessServer) signIn(t *testing.T, header map[string]string) (session, idToken string) {
	t.Helper()
	status, _, body := w.ask(http.MethodPost, "/api/v2/sdk/login/mobile-verify-code", `{"mobile":"12345678901","verify_code":"232326"}`, header)
	return logged(t, status, body)
}

func logged(t *testing.T, status int, body string) (session, idToken string) {
	t.Helper()
	var in struct {
		Session string `json:"session_token"`
		IDToken string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(body), &in); err != nil || status != http.StatusOK || in.Session == "" {
		t.Fatalf("login: %d %s", status, body)
	}
	return in.Session, in.IDToken
}

// testDiscovery: a library that knows nothing of this server finds the keys and
// verifies a token, and refuses one that is altered or somebody else's; after a
// rotation tokens of both keys hold (requirement row 30).
func (w *oneAccessServer) testDiscovery(t *testing.T) {
	ctx := t.Context()
	provider, err := oidc.NewProvider(ctx, w.PublicURL()+"/api/v1/oauth2")
	ok(t, err)
	verifier := provider.Verifier(&oidc.Config{ClientID: w.clients[0], Now: w.clock.Now})
	_, first := w.signIn(t, nil)
	token, err := verifier.Verify(ctx, first)
	ok(t, err)
	var claims issuedClaims
	ok(t, token.Claims(&claims))
	if len(claims.Subject) != 27 || claims.Subject[0] != 'u' || strings.Join(claims.Methods, " ") != "sms" || !strings.Contains(claims.API, `"id":"`+claims.Subject+`"`) {
		t.Errorf("%+v", claims)
	}
	parts := strings.Split(first, ".")
	if _, err := verifier.Verify(ctx, parts[0]+"."+parts[1]+"A."+parts[2]); err == nil {
		t.Error("an altered token is taken")
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: w.clients[1], Now: w.clock.Now}).Verify(ctx, first); err == nil {
		t.Error("another client takes it")
	}
	if testing.Short() {
		return // a new key takes seconds under the race detector
	}
	kid, err := w.signing.Rotate(ctx, w.ids[0], 25*time.Hour)
	ok(t, err)
	if _, keys := w.get(t, "/api/v1/oauth2/keys", ""); !strings.Contains(keys, kid) {
		t.Errorf("the new key is not published before it signs: %s", keys)
	}
	if _, still := w.signIn(t, nil); strings.Split(still, ".")[0] != parts[0] {
		t.Error("the new key signs at once")
	}
	w.clock.Advance(10*time.Minute + time.Second)
	_, second := w.signIn(t, nil)
	if strings.Split(second, ".")[0] == parts[0] {
		t.Error("the new key does not sign")
	}
	for _, text := range []string{first, second} {
		if _, err := verifier.Verify(ctx, text); err != nil {
			t.Errorf("during the overlap: %v", err)
		}
	}
}

// get asks without the headers of the SDK, on a host; "" is the listener's.
func (w *oneAccessServer) get(t *testing.T, path, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.PublicURL()+path, nil)
	ok(t, err)
	r.Host = host
	return w.roundTrip(t, r)
}

func (w *oneAccessServer) roundTrip(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ok(t, err)
	return answer.StatusCode, string(body)
}

// accessToken is one of a client's backend.
func (w *oneAccessServer) accessToken(t *testing.T, client, secret string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.PublicURL()+"/api/v2/tenant/token", strings.NewReader("grant_type=client_credentials"))
	ok(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	status, body := w.roundTrip(t, r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("token: %d %s", status, body)
	}
	return answer.Token
}

func (w *oneAccessServer) askTicket(t *testing.T, token, tenantID, session string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.PublicURL()+"/api/v2/tenant/sso/session-token/sso-ticket",
		strings.NewReader(fmt.Sprintf(`{"session_token":%q,"operating_sys_version":"a","device_ip":"10.10.10.1","device_fingerprint":%q}`, session, oneAccessFingerprint)))
	ok(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if tenantID != "" {
		r.Header.Set("X-tenant-id", tenantID)
	}
	return w.roundTrip(t, r)
}

const (
	blankTenant = `{"error_code":"SDK.COMMON.1001","error_msg":"参数X-tenant-id不能为空"}`
	noSuchApp   = `{"error_code":"SDK.COMMON.1012","error_msg":"X-client-id不正确，找不到对应的应用"}`
	noSession   = `{"error_code":"SDK.COMMON.1005","error_msg":"session_token已失效"}`
	noMessage   = `{"error_code":"IDAAS.SDK.CAPTCHA.0006","error_msg":"验证码发送失败"}`
)

// isv is an ISV app of the first tenant with one subscriber.
type isv struct {
	client, secret    string
	template, child   core.AppID
	owner, sub, other tenant.TenantView
}

func (w *oneAccessServer) makeISV(t *testing.T) isv {
	t.Helper()
	ctx := t.Context()
	var s isv
	tenants, err := w.admin.Tenants(ctx)
	ok(t, err)
	s.owner = tenants[0]
	s.sub, err = w.admin.CreateTenant(ctx, operatorOfTests, "subscriber")
	ok(t, err)
	s.other, err = w.admin.CreateTenant(ctx, operatorOfTests, "nobody's")
	ok(t, err)
	signature, dialects, price := "模板", []tenant.Dialect{tenant.DialectOneaccess}, core.Credits(1)
	view, _, err := w.admin.CreateApp(ctx, operatorOfTests, tenant.Spec{Tenant: s.owner.ID, Name: "template", Settings: tenant.Patch{Signature: &signature,
		Dialects: &dialects, SMSPrice: tenant.PriceOf(price)}})
	ok(t, err)
	s.template = view.ID
	on := true
	view, secret, err := w.admin.SetOneAccess(ctx, operatorOfTests, s.template, tenant.OneAccessPatch{ISV: &on, NewSecret: true})
	ok(t, err)
	s.client, s.secret = view.Settings.OneAccess.ClientID, secret.Reveal()
	_, err = w.signing.Import(ctx, s.template, rsaKey(t, firstKeyPEM), "")
	ok(t, err)
	view, err = w.admin.Subscribe(ctx, operatorOfTests, s.template, tenant.Subscription{Tenant: s.sub.ID})
	ok(t, err)
	s.child = view.ID
	own := "订户"
	tests := []tenant.TestNumber{{Literal: "12345678901", Code: "232326"}}
	_, err = w.admin.UpdateApp(ctx, operatorOfTests, s.child, tenant.Patch{Signature: &own, TestNumbers: &tests})
	ok(t, err)
	_, err = w.admin.UpdateApp(ctx, operatorOfTests, s.template, tenant.Patch{TestNumbers: &tests})
	ok(t, err)
	return s
}

// testISV: X-tenant-id picks whose users, balance and signature apply.
func (w *oneAccessServer) testISV(t *testing.T) {
	s := w.makeISV(t)
	if len(s.client) != 32 || len(s.sub.TenantID) != 32 {
		t.Errorf("client %q, tenant %q: want 32 characters each", s.client, s.sub.TenantID)
	}
	of := func(tenantID string) map[string]string {
		return map[string]string{"X-client-id": s.client, "X-tenant-id": tenantID}
	}
	for _, c := range []struct{ tenantID, want string }{
		{"", blankTenant}, {s.other.TenantID, noSuchApp}, {"nobody", noSuchApp}, {s.sub.TenantID, ""}, {s.owner.TenantID, ""},
	} {
		status, _, body := w.ask(http.MethodGet, "/api/v2/sdk/server-date", "", of(c.tenantID))
		if c.want == "" && status != http.StatusOK || c.want != "" && (status != http.StatusBadRequest || body != c.want) {
			t.Errorf("X-tenant-id %q: %d %s", c.tenantID, status, body)
		}
	}
	// An ordinary app takes its own tenant's id, and no other.
	if status, _, _ := w.ask(http.MethodGet, "/api/v2/sdk/server-date", "", map[string]string{"X-tenant-id": s.owner.TenantID}); status != http.StatusOK {
		t.Errorf("the own tenant: %d", status)
	}
	if _, _, body := w.ask(http.MethodGet, "/api/v2/sdk/server-date", "", map[string]string{"X-tenant-id": s.sub.TenantID}); body != noSuchApp {
		t.Errorf("another tenant: %s", body)
	}
	// Users and sessions are apart; the client, its secret and its key are one.
	owners, ownersToken := w.signIn(t, of(s.owner.TenantID))
	subs, subsToken := w.signIn(t, of(s.sub.TenantID))
	keys := oidc.NewRemoteKeySet(t.Context(), w.PublicURL()+"/api/v1/oauth2/keys?client_id="+s.client)
	verifier := oidc.NewVerifier(w.PublicURL()+"/api/v1/oauth2", keys, &oidc.Config{ClientID: s.client, Now: w.clock.Now})
	a, err := verifier.Verify(t.Context(), ownersToken)
	ok(t, err)
	b, err := verifier.Verify(t.Context(), subsToken)
	ok(t, err)
	if a.Subject == b.Subject {
		t.Error("two tenants share a user")
	}
	token := w.accessToken(t, s.client, s.secret)
	for _, c := range []struct{ tenantID, session, want string }{
		{s.sub.TenantID, subs, ""}, {s.owner.TenantID, owners, ""}, {s.sub.TenantID, owners, noSession}, {s.owner.TenantID, subs, noSession},
		{s.other.TenantID, subs, noSuchApp}, {"", subs, blankTenant},
	} {
		if status, body := w.askTicket(t, token, c.tenantID, c.session); c.want == "" && status != http.StatusOK || c.want != "" && body != c.want {
			t.Errorf("ticket: %d %s, want %s", status, body, c.want)
		}
	}
	w.testISVMoney(t, s, of)
	// The subscription ends; the others do not.
	_, err = w.admin.DisableApp(t.Context(), operatorOfTests, s.child)
	ok(t, err)
	if _, _, body := w.ask(http.MethodGet, "/api/v2/sdk/server-date", "", of(s.sub.TenantID)); body != noSuchApp {
		t.Errorf("a subscription that ended: %s", body)
	}
	if status, _, _ := w.ask(http.MethodGet, "/api/v2/sdk/server-date", "", of(s.owner.TenantID)); status != http.StatusOK {
		t.Errorf("the owner after that: %d", status)
	}
	_, err = w.admin.EnableApp(t.Context(), operatorOfTests, s.child)
	ok(t, err)
	if _, err := w.admin.Subscribe(t.Context(), operatorOfTests, s.template, tenant.Subscription{Tenant: s.sub.ID}); core.KindOf(err) != core.KindConflict {
		t.Errorf("subscribed twice: %v", err)
	}
}

// testISVMoney: the subscriber's balance pays, and its signature stands in the
// message.
func (w *oneAccessServer) testISVMoney(t *testing.T, s isv, of func(string) map[string]string) {
	t.Helper()
	send := func() (int, string) {
		pass := w.passFor(t, "15200000077", of(s.sub.TenantID))
		status, _, body := w.ask(http.MethodPost, "/api/v2/sdk/sms/send", `{"mobile":"15200000077","type":"LOGIN_SMS","captcha_token":"`+pass+`"}`, of(s.sub.TenantID))
		return status, body
	}
	if status, body := send(); status != http.StatusBadRequest || body != noMessage {
		t.Errorf("a subscriber without a balance: %d %s", status, body)
	}
	ok(t, w.store.Do(t.Context(), &billing.TopUp{IDs: w.App.ids, Amount: 5, Payer: billing.PayerOf(s.sub.ID, s.child, true, core.PoolGeneral)}))
	if status, body := send(); status != http.StatusOK || body != "" {
		t.Errorf("a subscriber with a balance: %d %s", status, body)
	}
	w.delivered()
	if text := w.phones.Newest("15200000077"); !strings.Contains(text, "【订户】") {
		t.Errorf("the message is %q", text)
	}
}

// passFor is pass with any headers.
func (w *oneAccessServer) passFor(t *testing.T, sender string, header map[string]string) string {
	t.Helper()
	if status, _, body := w.ask(http.MethodGet, "/api/v2/sdk/captcha", "", header); status != http.StatusOK {
		t.Fatalf("captcha: %d %s", status, body)
	}
	x, _ := w.ring.AnswerOf(w.token)
	_, _, body := w.ask(http.MethodPost, "/api/v2/sdk/captcha/verify", fmt.Sprintf(`{"point_json":"{\"x\":%d,\"y\":5}","token":%q,"sender":%q}`, x, w.token, sender), header)
	text, found := strings.CutPrefix(body, `{"captcha_token":"`)
	if !found {
		t.Fatalf("captcha/verify: %s", body)
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), `"}`)
}

// testHost: a host that is a tenant's serves that tenant's apps and keys, and is
// its issuer.
func (w *oneAccessServer) testHost(t *testing.T) {
	ctx := t.Context()
	tenants, err := w.admin.Tenants(ctx)
	ok(t, err)
	hosts := []string{"id.example.com", "login.example.com"}
	_, err = w.admin.UpdateTenant(ctx, operatorOfTests, tenants[0].ID, tenant.TenantPatch{Hosts: &hosts})
	ok(t, err)
	if _, err := w.admin.UpdateTenant(ctx, operatorOfTests, tenants[1].ID, tenant.TenantPatch{Hosts: &hosts}); core.KindOf(err) != core.KindConflict {
		t.Errorf("a host of two tenants: %v", err)
	}
	for _, host := range []string{"id.example.com", "login.example.com:8443"} {
		_, document := w.get(t, "/api/v1/oauth2/.well-known/openid-configuration", host)
		if !strings.HasPrefix(document, `{"issuer":"http://id.example.com/api/v1/oauth2","jwks_uri":"http://id.example.com/api/v1/oauth2/keys"`) {
			t.Errorf("%s: %s", host, document)
		}
	}
	_, all := w.get(t, "/api/v1/oauth2/keys", "id.example.com")
	_, common := w.get(t, "/api/v1/oauth2/keys", "")
	if strings.Count(all, `"kid"`) < 3 || strings.Count(common, `"kid"`) >= strings.Count(all, `"kid"`) {
		t.Errorf("its own host: %s\nthe common one, without keys that were issued elsewhere: %s", all, common)
	}
	app, err := w.directory.OneAccessApp(w.clients[0], "", "ID.example.com")
	if err != nil || app.ID != w.ids[0] {
		t.Errorf("on its own host: %v", err)
	}
	_, token := w.signIn(t, nil)
	verifier := oidc.NewVerifier("http://id.example.com/api/v1/oauth2", oidc.NewRemoteKeySet(ctx, w.PublicURL()+"/api/v1/oauth2/keys?client_id="+w.clients[0]),
		&oidc.Config{ClientID: w.clients[0], Now: w.clock.Now})
	if _, err := verifier.Verify(ctx, token); err != nil {
		t.Errorf("the issuer of a tenant with a host: %v", err)
	}
	hosts = []string{"other.example.com"}
	_, err = w.admin.UpdateTenant(ctx, operatorOfTests, tenants[1].ID, tenant.TenantPatch{Hosts: &hosts})
	ok(t, err)
	if _, err := w.directory.OneAccessApp(w.clients[0], "", "other.example.com"); core.KindOf(err) != core.KindUnauthenticated {
		t.Errorf("on another tenant's host: %v", err)
	}
	if status, _ := w.get(t, "/api/v1/oauth2/keys?client_id="+w.clients[0], "other.example.com"); status != http.StatusBadRequest {
		t.Errorf("keys of a client on another tenant's host: %d", status)
	}
}

// testImport: a client moves in with its id, secret, key, tenant id and users; what
// they had goes on working.
func (w *oneAccessServer) testImport(t *testing.T) {
	ctx := t.Context()
	of, err := w.admin.CreateTenant(ctx, operatorOfTests, "moved in")
	ok(t, err)
	signature := "搬家"
	app, _, err := w.admin.CreateApp(ctx, operatorOfTests, tenant.Spec{Tenant: of.ID, Name: "moved", Settings: tenant.Patch{Signature: &signature}})
	ok(t, err)
	key, err := json.Marshal(string(secondKeyPEM))
	ok(t, err)
	file := `{"type":"client","client_id":"old-client.1","client_secret":"old secret?"}`
	if report, err := w.admin.ImportOneAccess(ctx, operatorOfTests, app.ID, strings.NewReader(file), false, w.signing); err != nil || report.Applied || report.Failed != 1 {
		t.Errorf("a secret with a blank: %+v, %v", report, err)
	}
	file = `{"type":"client","client_id":"old-client.1","client_secret":"old:secret?","tenant_id":"tenant_7"}
{"type":"key","private_key":` + string(key) + `,"kid":"2024-01"}
{"type":"user","phone":"+86-15200000088","user_id":"10086","user_name":"zhang.san"}
{"type":"user","phone":"15200000089","user_id":"10087"}
`
	for i, dry := range []bool{true, false, false} {
		report, err := w.admin.ImportOneAccess(ctx, operatorOfTests, app.ID, strings.NewReader(file), dry, w.signing)
		if err != nil || report.Applied == dry || report.Keys != 2 || report.Users != 2 || report.Failed != 0 {
			t.Fatalf("import %d: %+v, %v", i, report, err)
		}
		if _, known := w.directory.OneAccessClient("old-client.1", "old:secret?"); known == dry {
			t.Errorf("import %d: the client is there: %v", i, known)
		}
	}
	w.accessToken(t, "old-client.1", "old:secret?")
	header := map[string]string{"X-client-id": "old-client.1", "X-tenant-id": "tenant_7"}
	codeFor := func(mobile, kind string) string {
		t.Helper()
		pass := w.passFor(t, mobile, header)
		status, _, body := w.ask(http.MethodPost, "/api/v2/sdk/sms/send", fmt.Sprintf(`{"mobile":%q,"type":%q,"captcha_token":"%s"}`, mobile, kind, pass), header)
		if status != http.StatusOK {
			t.Fatalf("send: %d %s", status, body)
		}
		w.delivered()
		code, _ := w.phones.Value("code", []string{mobile})
		return code
	}
	status, _, body := w.ask(http.MethodPost, "/api/v2/sdk/login/mobile-verify-code", `{"mobile":"15200000088","verify_code":"`+codeFor("15200000088", "LOGIN_SMS")+`"}`, header)
	_, idToken := logged(t, status, body)
	verifier := oidc.NewVerifier(w.PublicURL()+"/api/v1/oauth2", oidc.NewRemoteKeySet(context.WithoutCancel(ctx), w.PublicURL()+"/api/v1/oauth2/keys?client_id=old-client.1"),
		&oidc.Config{ClientID: "old-client.1", Now: w.clock.Now})
	token, err := verifier.Verify(ctx, idToken)
	ok(t, err)
	var claims issuedClaims
	ok(t, token.Claims(&claims))
	want := `{"name":"152****0088","mobile":"+86-15200000088","id":"10086","userName":"zhang.san","email":null}`
	if claims.Subject != "10086" || claims.API != want || claims.Phone != "+8615200000088" {
		t.Errorf("%+v, want %s", claims, want)
	}
	// Nobody becomes an imported user by registering under its name.
	status, _, body = w.ask(http.MethodPost, "/api/v2/sdk/register/mobile-verify-code",
		`{"mobile":"15200000090","verify_code":"`+codeFor("15200000090", "REGISTER_SMS")+`","user_name":"zhang.san","name":"Zhang"}`, header)
	logged(t, status, body)
	w.key = &rsaKey(t, secondKeyPEM).PublicKey
	header["X-signature"] = w.signature(nil)
	if _, _, body := w.ask(http.MethodGet, "/api/v2/sdk/profile", "", header); !strings.Contains(body, `"name":"Zhang"`) || strings.Contains(body, "zhang.san") {
		t.Errorf("registered as zhang.san: %s", body)
	}
	if _, keys := w.get(t, "/api/v1/oauth2/keys?client_id=old-client.1", ""); !strings.Contains(keys, `"kid":"2024-01"`) {
		t.Errorf("the kid that verifiers know: %s", keys)
	}
}
