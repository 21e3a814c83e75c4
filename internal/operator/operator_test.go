package operator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/sentry"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/tenant"
)

func TestEveryKindIsMapped(t *testing.T) {
	for _, kind := range core.Kinds() {
		if _, ok := answers[kind]; !ok {
			t.Errorf("%v is not mapped", kind)
		}
	}
}

// Every operation of the description has its route, and the other way round.
func TestRoutesAreDescribed(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	must(t, err)
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, r := range (&operator{Config: Config{Sentry: (*sentry.Guard)(nil)}}).routes() {
		if !described[r.Method+" "+r.Path] {
			t.Errorf("%s %s is not described", r.Method, r.Path)
		}
		delete(described, r.Method+" "+r.Path)
	}
	for left := range described {
		t.Errorf("%s is not served", left)
	}
}

// Requirement row 15: nothing sensitive in URLs. That answers are not stored
// is checked with every exchange of these tests.
func TestReq15_NothingSensitiveInURLs(t *testing.T) {
	allowed := map[string]bool{"tenant": true, "app": true, "provider": true, "kind": true, "dry_run": true, "before": true, "limit": true,
		"message": true, "template": true, "sign": true} // ids of ours
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	must(t, err)
	for path, item := range doc.Paths.Map() {
		parameters := item.Parameters
		for _, operation := range item.Operations() {
			parameters = append(parameters, operation.Parameters...)
		}
		for _, p := range parameters {
			if p.Value.In != "header" && !allowed[p.Value.Name] {
				t.Errorf("%s takes %s in the URL", path, p.Value.Name)
			}
		}
	}
}

func TestToken(t *testing.T) {
	w := newWorld(t)
	for name, header := range map[string][]string{
		"none": nil, "empty": {""}, "wrong": {"Bearer wrong"}, "longer": {"Bearer " + token + "x"}, "shorter": {"Bearer " + token[1:]},
		"basic": {"Basic " + token}, "without scheme": {token}, "twice": {"Bearer " + token, "Bearer " + token}, "two blanks": {"Bearer  " + token},
	} {
		r, err := http.NewRequest(http.MethodGet, w.url+"/admin/tenants", nil)
		must(t, err)
		r.Header["Authorization"] = header
		answer, err := w.http.Do(r)
		must(t, err)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("Www-Authenticate") == "" {
			t.Errorf("%s: %d", name, answer.StatusCode)
		}
	}
	answer, _ := w.call(t, http.MethodGet, "/admin/tenants", "", "Authorization", "bearer "+token)
	if answer.StatusCode != http.StatusOK {
		t.Errorf("lower-case scheme: %d", answer.StatusCode)
	}
	_, err := client.New(w.url, core.NewSecret("wrong"), w.http).Status(context.Background())
	var e *client.Error
	if !errors.As(err, &e) || e.Code != "unauthenticated" || e.Error() != "The token is missing or wrong." {
		t.Errorf("error = %v", err)
	}
	// Without the token every route answers 401 before anything else.
	for _, route := range (&operator{Config: Config{Sentry: (*sentry.Guard)(nil)}}).routes() {
		path := strings.NewReplacer("{app}", "1", "{tenant}", "1", "{provider}", "x", "{kind}", "code").Replace(route.Path)
		answer, _ := w.call(t, route.Method, path, "{", "Authorization", "")
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s without token: %d", route.Method, path, answer.StatusCode)
		}
		w.clock.move(10 * time.Second) // stay under the limit of failures
	}
}

// contracts/README.md §3.3, §6: 60 failed authentications a minute and source,
// refused before the token is looked at.
func TestFailedTokensAreLimited(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		if answer, _ := w.call(t, http.MethodGet, "/admin/status", "", "Authorization", "Bearer wrong"); answer.StatusCode != http.StatusUnauthorized {
			t.Fatalf("failure %d: %d", i, answer.StatusCode)
		}
	}
	answer, body := w.call(t, http.MethodGet, "/admin/status", "")
	if code, _ := problemOf(t, body); answer.StatusCode != http.StatusTooManyRequests || code != "rate_limited" || answer.Header.Get("Retry-After") != "60" {
		t.Fatalf("over the limit: %d %s, Retry-After %q", answer.StatusCode, body, answer.Header.Get("Retry-After"))
	}
	w.clock.move(60 * time.Second)
	if answer, _ := w.call(t, http.MethodGet, "/admin/status", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("after Retry-After: %d", answer.StatusCode)
	}
}

// Wrong keys on the public listener, from the same address, lock no operator out.
func TestWrongKeysElsewhereDoNotCount(t *testing.T) {
	w := newWorld(t)
	rules := guard.DefaultRules()
	for range 60 {
		buckets := rules.AuthFailed.ForIP(nil, w.ring, netip.MustParseAddr("127.0.0.1"), 0) // as facade/yunbox counts them
		if _, err := w.limiter.Take(t.Context(), w.clock.now(), buckets); err != nil {
			t.Fatal(err)
		}
	}
	if answer, body := w.call(t, http.MethodGet, "/admin/status", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("status = %d %s", answer.StatusCode, body)
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{http.MethodGet, "/admin/nothing", 404, "not_found"},
		{http.MethodGet, "/nothing", 404, "not_found"},
		{http.MethodDelete, "/admin/apps/1", 405, "method_not_allowed"},
		{http.MethodGet, "/admin/apps/9", 404, "not_found"},
		{http.MethodGet, "/admin/apps/x", 400, "invalid_id"},
		{http.MethodGet, "/admin/apps/0", 400, "invalid_id"},
		{http.MethodGet, "/admin/apps/4294967296", 400, "invalid_id"},
		{http.MethodGet, "/admin/tenants/9", 404, "not_found"},
		{http.MethodGet, "/admin/tenants/9/credit", 404, "not_found"},
		{http.MethodPost, "/admin/apps/9/credit", 404, "not_found"},
		{http.MethodPost, "/admin/apps/9/disable", 404, "not_found"},
		{http.MethodGet, "/admin/apps?tenant=9", 404, "not_found"},
		{http.MethodGet, "/admin/apps?tenant=x", 400, "bad_field"},
		{http.MethodGet, "/admin/apps?tennant=1", 400, "bad_field"},
		{http.MethodGet, "/admin/audit?limit=501", 400, "bad_field"},
		{http.MethodGet, "/admin/audit?limit=1&limit=2", 400, "bad_field"},
		{http.MethodPost, "/admin/providers/none/test", 404, "not_found"},
	} {
		answer, body := w.call(t, c.method, c.path, "")
		if code, _ := problemOf(t, body); answer.StatusCode != c.status || code != c.code {
			t.Errorf("%s %s = %d %s, want %d %s", c.method, c.path, answer.StatusCode, body, c.status, c.code)
		}
	}
}

// Requirement row 44: no body makes a 5xx, and none changes anything.
func TestBadBodies(t *testing.T) {
	w := newWorld(t)
	app, _ := w.app(t, "shop")
	revision := w.directory.Revision()
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"empty":             {"", "malformed"},
		"array":             {`[]`, "malformed"},
		"two values":        {`{}{}`, "malformed"},
		"invalid UTF-8":     {"{\"name\":\"\xff\"}", "malformed"},
		"NUL":               {`{"name":"a\u0000"}`, "malformed"},
		"deep":              {`{"limits":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "malformed"},
		"unknown member":    {`{"code_lenght":8}`, "bad_field"},
		"other case":        {`{"Code_Length":8}`, "bad_field"},
		"folded letter":     {`{"\u017fender":"1"}`, "bad_field"},
		"nested other case": {`{"test_numbers":[{"Number":"1","code":"1234"}]}`, "bad_field"},
		"wrong type":        {`{"code_length":"8"}`, "bad_field"},
		"fraction":          {`{"code_length":8.0}`, "bad_field"},
		"exponent":          {`{"sms_price":1e1}`, "bad_field"},
		"overflow":          {`{"sms_price":9223372036854775808}`, "bad_field"},
		"out of range":      {`{"code_length":11}`, "bad_field"},
		"too large":         {`{"code_text":"` + strings.Repeat("x", 65<<10) + `"}`, "body_too_large"},
	} {
		answer, body := w.call(t, http.MethodPatch, "/admin/apps/1", c.body)
		if code, _ := problemOf(t, body); code != c.code || answer.StatusCode >= 500 || answer.StatusCode < 400 {
			t.Errorf("%s: %d %s, want %s", name, answer.StatusCode, body, c.code)
		}
	}
	answer, body := w.call(t, http.MethodPatch, "/admin/apps/1", `{"code_length":8}`, "Content-Encoding", "gzip")
	if answer.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("gzip: %d %s", answer.StatusCode, body)
	}
	if w.directory.Revision() != revision {
		t.Error("something changed")
	}
	// Of a duplicated member the last one counts, as a whole.
	_, _ = w.call(t, http.MethodPatch, "/admin/apps/1", `{"limits":{"number_app":["1/60s"]},"limits":{"content":[]}}`)
	app, err := w.App(context.Background(), app.ID)
	must(t, err)
	if len(app.Settings.Limits) != 1 || app.Settings.Limits["content"] == nil {
		t.Errorf("limits = %v", app.Settings.Limits)
	}
	_, message := problemOf(t, body)
	if message == "" {
		t.Error("no message")
	}
}

func TestSeveralProblemsAreToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.app(t, "shop")
	_, body := w.call(t, http.MethodPatch, "/admin/apps/1", `{"code_length":3,"countries":["XX"]}`)
	if _, message := problemOf(t, body); !strings.Contains(message, "code_length") || !strings.Contains(message, "countries") {
		t.Errorf("message = %s", message)
	}
}

func TestTenantsAndApps(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, key := w.app(t, "shop")
	if found, ok := w.directory.AppByKey(tenant.DialectYunbox, key); !ok || found.ID != app.ID {
		t.Fatal("the key does not work at once")
	}
	all, err := w.Tenants(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "shop" {
		t.Errorf("tenants = %+v, %v", all, err)
	}
	one, err := w.Tenant(ctx, 1)
	if err != nil || !reflect.DeepEqual(one, all[0]) {
		t.Errorf("tenant = %+v, %v", one, err)
	}
	apps, err := w.Apps(ctx, 1)
	if err != nil || len(apps) != 1 || apps[0].ID != app.ID {
		t.Errorf("apps = %+v, %v", apps, err)
	}
	updated, err := w.UpdateApp(ctx, app.ID, tenant.Patch{CodeLength: new(8), SMSPrice: tenant.PriceOf(0), LoginPrice: tenant.Price{Set: true}})
	if err != nil || updated.Settings.CodeLength != 8 || *updated.Settings.SMSPrice != 0 || updated.Settings.LoginPrice != nil {
		t.Errorf("updated = %+v, %v", updated, err)
	}
	_, second, err := w.RotateKey(ctx, app.ID, tenant.Rotation{OldValidUntil: w.clock.now().Add(time.Hour)})
	must(t, err)
	for _, valid := range []string{key, second.Reveal()} {
		if _, ok := w.directory.AppByKey(tenant.DialectYunbox, valid); !ok {
			t.Error("a key does not work")
		}
	}
	disabled, err := w.DisableApp(ctx, app.ID)
	if err != nil || !disabled.Disabled {
		t.Errorf("disabled = %+v, %v", disabled, err)
	}
	enabled, err := w.EnableApp(ctx, app.ID)
	if err != nil || enabled.Disabled {
		t.Errorf("enabled = %+v, %v", enabled, err)
	}
	_, err = w.CreateTenant(ctx, "shop")
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusConflict || !strings.Contains(e.Error(), "a tenant of this name exists") {
		t.Errorf("error = %v", err)
	}
}

func TestAuditPages(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	for i := range 5 {
		_, err := w.UpdateApp(ctx, app.ID, tenant.Patch{DeviceCap: new(i + 1)})
		must(t, err)
	}
	_, err := w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: 5}, "")
	must(t, err)
	var actions []string
	before := int64(0)
	for range 10 {
		page, err := w.Audit(ctx, before, 3)
		must(t, err)
		for _, e := range page.Entries {
			if e.Actor != "operator" || len(e.Request) != 26 || !e.At.Equal(w.clock.now()) {
				t.Errorf("entry = %+v", e)
			}
			actions = append(actions, e.Action)
		}
		if before = page.Before; before == 0 {
			break
		}
	}
	want := "credit.add app.update app.update app.update app.update app.update app.create tenant.create"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("actions = %s", got)
	}
}

// Requirement rows 12 and 14: a key stands in one answer, a test number in none.
func TestReq14_SecretsAreShownOnce(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, first := w.app(t, "shop")
	var later strings.Builder
	tell := func(method, path, body string) {
		_, answer := w.call(t, method, path, body)
		later.WriteString(answer)
	}
	tell(http.MethodPatch, "/admin/apps/1", `{"test_numbers":[{"number":"13987654321","code":"7788990011"}]}`)
	_, second, err := w.RotateKey(ctx, app.ID, tenant.Rotation{})
	must(t, err)
	tell(http.MethodPost, "/admin/providers/carrier%2F1/test", `{"phone":"13912345678"}`)
	tell(http.MethodPost, "/admin/providers/carrier%2F1/test", `{"phone":"13912345678x"}`)
	tell(http.MethodPost, "/admin/apps/1/import/yunbox", `{"type":"user","phone":"13912345678","yb_uid":"a b"}`)
	for _, path := range []string{"/admin/apps", "/admin/apps/1", "/admin/audit", "/admin/tenants", "/admin/status", "/admin/apps/1/credit"} {
		tell(http.MethodGet, path, "")
	}
	everything := later.String() + w.log.String()
	for _, secret := range []string{first, second.Reveal(), "13987654321", "13912345678", "7788990011", token} {
		if strings.Contains(everything, secret) {
			t.Errorf("%s is readable", secret)
		}
	}
	if !strings.Contains(everything, "139****5678") || !strings.Contains(everything, "139****4321") {
		t.Error("the numbers are not masked but gone")
	}
}

func TestProviders(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	list, err := w.Providers(ctx)
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], api.Provider{Name: "carrier/1", Up: true, Detail: "1 of 2 bound: rx 1 connecting", Window: 3,
		Links: []api.Link{{Name: "tx 1", Up: true, Detail: "bound", Window: 3}, {Name: "rx 1", Detail: "connecting"}}}) {
		t.Errorf("providers = %+v, %v", list, err)
	}
	outcome, err := w.TestProvider(ctx, "carrier/1", api.TestMessage{Phone: "+4930123456", Text: "hello"}, "")
	if err == nil {
		t.Errorf("a number that is no mobile one is taken: %+v", outcome)
	}
	outcome, err = w.TestProvider(ctx, "carrier/1", api.TestMessage{Phone: "13800138000"}, "")
	if err != nil || outcome.Outcome != "accepted" || outcome.Phone != "138****8000" || outcome.PartIDs[0] != "4711" {
		t.Errorf("outcome = %+v, %v", outcome, err)
	}
	sent := w.carrier.sent[0]
	if sent.To.E164() != "+8613800138000" || !strings.HasPrefix(sent.Text, "【验码】") || sent.Channel != core.ChannelSMS {
		t.Errorf("sent = %+v", sent)
	}
	w.carrier.outcome = provider.Outcome{Class: provider.Rejected, Code: "0x0000000B"}
	outcome, err = w.TestProvider(ctx, "carrier/1", api.TestMessage{Phone: "13800138000", Text: "hello"}, "")
	if err != nil || outcome.Outcome != "rejected" || outcome.Code != "0x0000000B" || w.carrier.sent[1].Text != "hello" {
		t.Errorf("outcome = %+v, %v", outcome, err)
	}
	_, err = w.TestProvider(ctx, "carrier/1", api.TestMessage{Phone: "13800138000", Text: strings.Repeat("字", 351)}, "")
	if err == nil {
		t.Error("a text of 351 characters is taken")
	}
}

// A test message with an Idempotency-Key is sent once; when nobody knows
// whether it was, it is not sent again.
func TestProviderTestIsSentOnce(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for range 3 {
		outcome, err := w.TestProvider(ctx, "carrier/1", api.TestMessage{Phone: "13800138000"}, "once")
		if err != nil || outcome.Outcome != "accepted" {
			t.Fatalf("outcome = %+v, %v", outcome, err)
		}
	}
	if len(w.carrier.sent) != 1 {
		t.Fatalf("%d messages were sent", len(w.carrier.sent))
	}
	w.carrier.silent = true
	short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	_, err := w.TestProvider(short, "carrier/1", api.TestMessage{Phone: "13800138000"}, "lost")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error = %v", err)
	}
	// The server noticed that the caller went away, and could not note an answer.
	_, err = w.TestProvider(ctx, "carrier/1", api.TestMessage{Phone: "13800138000"}, "lost")
	var e *client.Error
	if !errors.As(err, &e) || e.Code != "conflict" {
		t.Errorf("error = %v", err)
	}
	if len(w.carrier.sent) != 2 {
		t.Errorf("%d messages were sent", len(w.carrier.sent))
	}
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	good := `{"type":"key","key":"old-key-of-shop"}
{"type":"user","phone":"13800138000","yb_uid":"u1"}
{"type":"device","yb_uid":"u1","device_id":"d1","created":"2023-05-01T00:00:00Z"}
`
	report, err := w.ImportYunbox(ctx, app.ID, strings.NewReader(good), true)
	if err != nil || report.Applied || !report.DryRun || report.Users != 1 {
		t.Errorf("dry run = %+v, %v", report, err)
	}
	report, err = w.ImportYunbox(ctx, app.ID, strings.NewReader(good), false)
	if err != nil || !report.Applied || report.Keys != 1 || report.Users != 1 || report.Devices != 1 {
		t.Errorf("report = %+v, %v", report, err)
	}
	if _, ok := w.directory.AppByKey(tenant.DialectYunbox, "old-key-of-shop"); !ok {
		t.Error("the old key does not work")
	}
	report, err = w.ImportYunbox(ctx, app.ID, strings.NewReader(good+"{\"type\":\"key\"}\n"), false)
	var e *client.Error
	if !errors.As(err, &e) || e.Code != "import_invalid" || e.Status != http.StatusUnprocessableEntity || report.Applied ||
		len(report.Errors) != 1 || report.Errors[0].Line != 4 {
		t.Errorf("report = %+v, %v", report, err)
	}
	w.users.fail = core.E(core.KindInternal, "the store failed")
	report, err = w.ImportYunbox(ctx, app.ID, strings.NewReader(good), false)
	if !errors.As(err, &e) || e.Code != "import_incomplete" || !report.Applied || !strings.Contains(e.Error(), e.RequestID) {
		t.Errorf("report = %+v, %v", report, err)
	}
	_, err = w.ImportYunbox(ctx, 9, strings.NewReader(good), false)
	if !errors.As(err, &e) || e.Code != "not_found" {
		t.Errorf("error = %v", err)
	}
	answer, _ := w.call(t, http.MethodPost, "/admin/apps/1/import/yunbox?dry_run=perhaps", good)
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("dry_run=perhaps: %d", answer.StatusCode)
	}
}

// An import may take longer than the listener lets other requests take.
func TestImportOutlivesTheDeadlines(t *testing.T) {
	const deadline = 2 * time.Second
	w := newWorldWithin(t, deadline)
	app, _ := w.app(t, "shop")
	direct := client.New(w.url, core.NewSecret(token), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	file, out := io.Pipe()
	go func() {
		for _, line := range []string{`{"type":"key","key":"first-key"}`, `{"type":"key","key":"second-key"}`} {
			_, _ = io.WriteString(out, line+"\n")
			<-time.After(deadline * 6 / 10)
		}
		_ = out.Close()
	}()
	report, err := direct.ImportYunbox(context.Background(), app.ID, file, false)
	if err != nil || report.Keys != 2 {
		t.Errorf("report = %+v, %v", report, err)
	}
}

func TestStatusAndHandlers(t *testing.T) {
	w := newWorld(t)
	w.app(t, "shop")
	s, err := w.Status(context.Background())
	if err != nil || s.Version != "test" || s.Apps != 1 || s.Revision != w.directory.Revision() || s.Outbox.Submitted != 7 || !s.Started.Equal(w.clock.now()) {
		t.Errorf("status = %+v, %v", s, err)
	}
	for path, want := range map[string]string{"/metrics": "metrics", "/healthz": "healthy", "/readyz": "ready"} {
		answer, body := w.call(t, http.MethodGet, path, "", "Authorization", "")
		if answer.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
	answer, body := w.call(t, http.MethodGet, "/admin/openapi.yaml", "")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/yaml" || body != string(OpenAPI()) {
		t.Errorf("openapi.yaml: %d %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
}

func TestNoTokenNoServer(t *testing.T) {
	if _, err := New(Config{Now: time.Now}); err == nil {
		t.Error("a server without a token")
	}
}
