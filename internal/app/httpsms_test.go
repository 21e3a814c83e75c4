package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/tenant"
)

// overHTTP is a configuration file with two carriers over HTTP: one that takes
// templates only and has none of ours, and one that its stanza describes.
const overHTTP = `
[operator]
token = "env:TOKEN"
[log]
level = "debug"
[receipts]
prefix = "/carriers"
url = "https://sms.example.net"

[[provider]]
name = "aliyun"
type = "aliyun"
url = "URL/aliyun"
account = "id"
password = "env:CARRIER"
signature = "验码"
templates = { marketing = { code = "SMS_1", params = ["name"] } }

[[provider]]
name = "acme"
type = "http"
url = "URL/send"
account = "yanma"
password = "env:CARRIER"
source = "YANMA"
receipt_secret = "env:HOOK"
receipt_key = "env:KEY"
[provider.request]
fields = { to = "{to.national}", from = "{from}", text = "{text}", report = "{receipts}", user = "{account}" }
[provider.request.sign]
algorithm = "md5"
field = "sign"
[provider.response]
code = "status"
ok = ["0"]
id = "message.id"
[provider.receipt]
id = "id"
code = "state"
auth = "bearer"
answer = "stored"
`

const (
	carrierSecret = "carrier-password-canary-0001"
	hookSecret    = "hook-path-canary-00000001"
	hookKey       = "hook-key-canary-0001"
	overHTTPPhone = "13912340011"
)

// aggregator is the other side: it keeps what it was asked.
type aggregator struct {
	asked chan map[string]string
	stray chan string
}

func (a *aggregator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/send" || r.Method != http.MethodPost || r.ParseForm() != nil {
		a.stray <- r.Method + " " + r.URL.Path
		return
	}
	in := map[string]string{}
	for name := range r.PostForm {
		in[name] = r.PostForm.Get(name)
	}
	a.asked <- in
	_, _ = io.WriteString(w, `{"status":0,"message":{"id":"m-1"}}`)
}

// TestReq35_CodeOverHTTPWithReceipt: a code request of the yunbox dialect goes
// out through a declared provider of a configuration file, past one that has no
// template for it, and the carrier's receipt comes back over the public
// listener; a forged one does not. Nothing of it is in the log.
func TestReq35_CodeOverHTTPWithReceipt(t *testing.T) {
	carrier := &aggregator{asked: make(chan map[string]string, 10), stray: make(chan string, 10)}
	server := httptest.NewServer(carrier)
	t.Cleanup(server.Close)
	logPath := filepath.Join(t.TempDir(), "yanma.log")
	a, written := startOverHTTP(t, server.URL, logPath)
	key := appOverHTTP(t, a)

	if got := postJSON(t, a.PublicURL()+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, key, overHTTPPhone)); !strings.Contains(got, `"ok"`) {
		t.Fatalf("get-code: %s", got)
	}
	var in map[string]string
	select {
	case in = <-carrier.asked:
	case <-time.After(30 * time.Second):
		t.Fatal("the carrier is not asked")
	}
	if in["to"] != overHTTPPhone || in["from"] != "YANMA" || in["user"] != "yanma" || !strings.HasPrefix(in["text"], "【验码】") || len(in["sign"]) != 32 ||
		in["report"] != "https://sms.example.net/carriers/acme/"+hookSecret {
		t.Errorf("asked for %v", in)
	}
	await(t, a, "the answer is recorded", func(s outbox.Stats) bool { return s.Submitted == 1 && s.InFlight == 0 })
	code := tenDigits.FindString(in["text"])

	for path, want := range map[string]int{
		"/carriers/acme/" + hookSecret + "x":       http.StatusNotFound,
		"/carriers/aliyun/" + hookSecret:           http.StatusNotFound,
		"/carriers/nobody/" + hookSecret:           http.StatusNotFound,
		"/carriers/acme/" + hookSecret + "/other":  http.StatusNotFound,
		"/carriers/acme/" + hookSecret + "/text":   http.StatusBadRequest, // the stanza describes none
		"/receipts/acme/" + hookSecret:             http.StatusNotFound,
		"/carriers/acme/" + hookSecret + "?id=m-1": http.StatusBadRequest,
	} {
		if status, _ := report(t, a.PublicURL()+path, hookKey); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	path := strings.TrimPrefix(in["report"], "https://sms.example.net")
	if status, _ := report(t, a.PublicURL()+path, "a forged key", "id", "m-1", "state", "DELIVRD"); status != http.StatusForbidden {
		t.Errorf("a forged receipt: %d", status)
	}
	if s := a.outbox.Stats(); s.Delivered != 0 {
		t.Error("a forged receipt counts")
	}
	if status, body := report(t, a.PublicURL()+path, hookKey, "id", "m-1", "state", "DELIVRD"); status != http.StatusOK || body != "stored" {
		t.Errorf("the receipt: %d %q", status, body)
	}
	await(t, a, "the message is delivered", func(s outbox.Stats) bool { return s.Delivered == 1 })
	select {
	case stray := <-carrier.stray:
		t.Errorf("also asked: %s", stray)
	default:
	}

	ok(t, a.Stop(context.Background()))
	ok(t, written.Close())
	log, err := os.ReadFile(logPath)
	ok(t, err)
	for _, secret := range []string{carrierSecret, hookSecret, hookKey, overHTTPPhone, code, "m-1"} {
		if bytes.Contains(log, []byte(secret)) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !bytes.Contains(log, []byte(`"route":"/carriers/{provider}/{secret}"`)) {
		t.Errorf("the log does not show the receipt:\n%s", log)
	}
}

func startOverHTTP(t *testing.T, carrier, logPath string) (*App, *obs.Writer) {
	t.Helper()
	return startProvider(t, overHTTP, carrier, logPath)
}

// startProvider runs a server from a configuration file, in which URL stands for
// the carrier's.
func startProvider(t *testing.T, file, carrier, logPath string) (*App, *obs.Writer) {
	t.Helper()
	secrets := map[string]string{"TOKEN": "a token of an operator", "CARRIER": carrierSecret, "HOOK": hookSecret, "KEY": hookKey}
	conf, err := config.Parse([]byte(strings.ReplaceAll(file, "URL", carrier)), func(name string) string { return secrets[name] }, os.ReadFile)
	ok(t, err)
	conf.Server.Listen, conf.Operator.Listen, conf.Store.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	log, err := obs.OpenWriter(logPath, time.Now)
	ok(t, err)
	a, err := Open(t.Context(), conf, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test"})
	ok(t, err)
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	ok(t, a.Start(t.Context()))
	ok(t, a.AwaitProviders(t.Context()))
	return a, log
}

// appOverHTTP makes an app that can pay; its codes have ten digits, fewer could
// be in a log by chance.
func appOverHTTP(t *testing.T, a *App) string {
	t.Helper()
	view, err := a.admin.CreateTenant(t.Context(), operatorOfTests, "tenant")
	ok(t, err)
	signature, length, price := "验码", 10, tenant.PriceOf(0)
	_, key, err := a.admin.CreateApp(t.Context(), operatorOfTests, tenant.Spec{Tenant: view.ID, Name: "app",
		Settings: tenant.Patch{Signature: &signature, CodeLength: &length, SMSPrice: price}})
	ok(t, err)
	return key.Reveal()
}

func postJSON(t *testing.T, u, body string) string {
	t.Helper()
	if !json.Valid([]byte(body)) {
		t.Fatalf("not JSON: %s", body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u, strings.NewReader(body))
	ok(t, err)
	r.Header.Set("Content-Type", "application/json")
	_, text := call(t, r)
	return text
}

// report posts a form as the carrier does.
func report(t *testing.T, u, bearer string, form ...string) (int, string) {
	t.Helper()
	var body strings.Builder
	for i := 0; i < len(form); i += 2 {
		fmt.Fprintf(&body, "&%s=%s", form[i], form[i+1])
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u, strings.NewReader(strings.TrimPrefix(body.String(), "&")))
	ok(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer "+bearer)
	return call(t, r)
}

func call(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	ok(t, err)
	return answer.StatusCode, string(text)
}

func await(t *testing.T, a *App, what string, done func(outbox.Stats) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(a.outbox.Stats()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s: %+v", what, a.outbox.Stats())
		}
	}
}
