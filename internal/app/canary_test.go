package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
	"yanma.dev/yanma/internal/tenant"
)

// Canaries: numbers in forms that a caller, a carrier or a gateway may use.
const (
	canaryGood     = "13912340001" // logs in
	canaryRejected = "13912340002" // the carrier refuses it
	canaryLost     = "13912340003" // the carrier's receipt repeats it
	canaryPanic    = "13912340004" // a handler panics with it
	canaryInput    = "13912340005" // only in malformed requests
	canaryTunnel   = "13912340006" // the gateway's refusal repeats it
)

// canaries is a server whose surroundings repeat whatever they get, and
// everything that must be nowhere in the clear.
type canaries struct {
	*App
	t       *testing.T
	logPath string
	key     string

	mu      sync.Mutex
	secrets map[string]string // value → what it is
	codes   map[string]string // number → its newest code
}

// TestReq12_NothingInTheClearAnywhere and TestReq14 for a whole server: the
// flows, carriers and gateways that repeat numbers in their errors, a panic and
// bad input; then no raw value is in the database, its log, our log, the
// metrics or what the operator is shown.
func TestReq12_NothingInTheClearAnywhere(t *testing.T) {
	c := startCanaries(t)
	c.flows()
	c.badInput()
	c.panics()
	shown := c.operatorSees()
	c.delivered()
	folder := c.config.Store.Data
	for path, text := range shown {
		c.look(path, []byte(text))
	}
	c.lookAtFiles(folder) // with its WAL, before the checkpoint of a stop
	ok(t, c.Stop(context.Background()))
	c.lookAtFiles(folder)
	if len(c.codes) < 4 || len(c.secrets) < 20 {
		t.Errorf("only %d codes and %d canaries were at risk", len(c.codes), len(c.secrets))
	}
}

// TestReq14_NothingInTheLog is the same run, looked at in the log only, with
// every level on.
func TestReq14_NothingInTheLog(t *testing.T) {
	c := startCanaries(t)
	c.flows()
	c.badInput()
	c.panics()
	c.delivered()
	ok(t, c.Stop(context.Background()))
	log, err := os.ReadFile(c.logPath)
	ok(t, err)
	c.look("yanma.log", log)
	for line := range bytes.Lines(log) {
		if !bytes.HasPrefix(line, []byte(`{"`)) || !bytes.HasSuffix(line, []byte("}\n")) {
			t.Errorf("a line of the log is broken: %q", line)
		}
	}
	// What is masked is there: otherwise the log says nothing at all.
	for _, want := range []string{"139****0001", "139****0002", "panic with a "} {
		if !bytes.Contains(log, []byte(want)) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

func startCanaries(t *testing.T) *canaries {
	t.Helper()
	c := &canaries{t: t, logPath: filepath.Join(t.TempDir(), "yanma.log"), secrets: map[string]string{}, codes: map[string]string{}}
	for _, number := range []string{canaryGood, canaryRejected, canaryLost, canaryPanic, canaryInput, canaryTunnel} {
		c.risk(number, "a number")
	}
	center, err := smsc.New(smsc.Config{SystemID: "yanma", Password: core.NewSecret(c.risk("pa55w0rd", "the carrier's password")),
		Decide: c.decide, Handle: c.receive, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	ok(t, center.Start(t.Context()))
	t.Cleanup(center.Stop)
	gateway := httptest.NewServer(http.HandlerFunc(c.provision))
	t.Cleanup(gateway.Close)

	conf := wholeConfig(t, center.Addr(), gateway.URL)
	conf.Log.Level = "debug"
	conf.Operator.Token = config.Secret{Secret: core.NewSecret(c.risk("operator-token-canary-0001", "the operator's token"))}
	conf.Providers[0].Password = config.Secret{Secret: core.NewSecret("pa55w0rd")}
	conf.Tunnel.Webhook.Secret = config.Secret{Secret: core.NewSecret(c.risk("webhook-secret-canary-0001", "the webhook's secret"))}
	log, err := obs.OpenWriter(c.logPath, time.Now)
	ok(t, err)
	native := http.NewServeMux()
	native.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) {
		panic(fmt.Errorf("submit to +86%s with key %s: code %s", canaryPanic, c.key, c.codes[canaryGood]))
	})
	c.App, err = Open(t.Context(), conf, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test", Native: native})
	ok(t, err)
	t.Cleanup(func() { _ = log.Close() })
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	ok(t, c.Start(t.Context()))
	ok(t, c.AwaitProviders(t.Context()))
	c.createApp()
	return c
}

// createApp makes the app through the operator API. Codes have ten digits:
// fewer could be in a file by chance.
func (c *canaries) createApp() {
	o := c.operatorClient()
	view, err := o.CreateTenant(c.t.Context(), "canaries")
	ok(c.t, err)
	signature, length, fixed := "验码", 10, []tenant.TestNumber{{Literal: "12345678910", Code: "4433"}}
	app, key, err := o.CreateApp(c.t.Context(), tenant.Spec{Tenant: view.ID, Name: "app", Settings: tenant.Patch{Signature: &signature, CodeLength: &length, TestNumbers: &fixed}})
	ok(c.t, err)
	c.key = c.risk(key.Reveal(), "the app's key")
	_, err = o.AddAppCredit(c.t.Context(), app.ID, api.NewCredit{Amount: 1000}, "")
	ok(c.t, err)
}

func (c *canaries) operatorClient() *client.Client {
	return client.New(c.OperatorURL(), c.config.Operator.Token.Secret, http.DefaultClient)
}

// risk notes a value that must be nowhere.
func (c *canaries) risk(value, what string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets[value] = what
	return value
}

// decide answers with the number itself wherever the protocol has room.
func (c *canaries) decide(p *smsc.Part) smsc.Behaviour {
	switch strings.TrimPrefix(p.To, "86") {
	case canaryRejected:
		return smsc.Behaviour{Status: pdu.InvDstAddr}
	case canaryLost:
		return smsc.Behaviour{Reports: []smsc.Report{{Code: "E" + p.To}}}
	default:
		return smsc.Delivered(0)
	}
}

var tenDigits = regexp.MustCompile(`[0-9]{10}`)

func (c *canaries) receive(m smsc.Message) {
	c.risk(m.Text, "the text of a message")
	code := tenDigits.FindString(m.Text)
	if code == "" {
		return // it tells of a number that changed
	}
	c.risk(code, "a code")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes[strings.TrimPrefix(m.To, "86")] = code
}

// provision is a gateway that refuses the last user and repeats what it knows.
func (c *canaries) provision(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	refuse := c.codes[canaryTunnel] != ""
	c.mu.Unlock()
	if refuse {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprintf(w, "no tunnel for +86%s, key %s, %s", canaryTunnel, c.key, r.Header)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *canaries) post(path, body string, header ...string) string {
	c.t.Helper()
	return c.do(http.MethodPost, path, body, header...)
}

func (c *canaries) do(method, path, body string, header ...string) string {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.PublicURL()+path, strings.NewReader(body))
	ok(c.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]}
	}
	answer, err := http.DefaultClient.Do(r)
	ok(c.t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	ok(c.t, err)
	return string(text)
}

// code asks for a code and waits until the carrier has it.
func (c *canaries) code(number string) string {
	c.t.Helper()
	if got := c.post("/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, c.key, number)); !strings.Contains(got, `"ok"`) {
		c.t.Fatalf("get-code %s: %s", number, got)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		code := c.codes[number]
		c.mu.Unlock()
		if code != "" || number == canaryRejected {
			return code
		}
		if time.Now().After(end) {
			c.t.Fatalf("no code for %s", number)
		}
	}
}

func (c *canaries) check(number, code string) string {
	c.t.Helper()
	return c.post("/check-code", fmt.Sprintf(`{"key":%q,"phone_no":%q,"user_input_code":%q}`, c.key, number, code))
}

// flows are the ones that succeed, and the ones in which somebody outside
// fails.
func (c *canaries) flows() {
	t := c.t
	c.oneAccess()
	code := c.code(canaryGood)
	wrong := c.risk(fmt.Sprintf("%010d", 9_999_999_999-len(code)), "a wrong code")
	if got := c.check(canaryGood, wrong); !strings.Contains(got, "0077") {
		t.Errorf("a wrong code: %s", got)
	}
	answer := c.check(canaryGood, code)
	uid := regexp.MustCompile(`yb[0-9a-z]{26}`).FindString(answer)
	if uid == "" {
		t.Fatalf("login: %s", answer)
	}
	device := regexp.MustCompile(`dv[0-9a-z]{26}`).FindString(c.post("/u/"+uid+"/devices", fmt.Sprintf(`{"key":%q}`, c.key)))
	tunnel := c.do(http.MethodGet, "/u/"+uid+"/devices/"+device+"/tunnel", "", "X-Api-Key", c.key)
	for _, secret := range regexp.MustCompile(`(?m)^(PrivateKey|PresharedKey) = (.*)$`).FindAllStringSubmatch(tunnel, -1) {
		c.risk(secret[2], "a "+secret[1])
	}
	if !strings.Contains(tunnel, "PrivateKey = ") {
		t.Errorf("tunnel: %s", tunnel)
	}
	c.code(canaryRejected)
	c.code(canaryLost)
	c.code(canaryPanic)
	if got := c.check(canaryTunnel, c.code(canaryTunnel)); !strings.Contains(got, "0079") {
		t.Errorf("a gateway that refuses: %s", got)
	}
}

// badInput puts canaries where nobody expects them.
func (c *canaries) badInput() {
	wrongKey := c.risk("wrongKeyCanary0123456789abcdefgh", "a wrong key")
	for _, body := range []string{
		`{`, `{"key":"` + wrongKey + `","phone_no":"` + canaryInput + `"}`, `{"key":"` + wrongKey + `","phone_no":` + canaryInput + `}`,
		`{"key":"` + c.key + `","phone_no":` + canaryInput + `}`, `{"key":"` + c.key + `","phone_no":" ` + canaryInput + `"}`,
		`phone_no=` + canaryInput + `&key=` + c.key, `["` + canaryInput + `"]`, `{"key":"` + c.key + `","phone_no":"` + canaryInput + `` + "\x00" + `"}`,
		`{"` + canaryInput + `":"` + c.key + `"}`, strings.Repeat(canaryInput, 7000),
		`{"key":"` + c.key + `","phone_no":"+86` + canaryInput + `\r\n{\"level\":\"INFO\"}","user_input_code":"` + canaryInput + `"}`,
	} {
		c.post("/get-code", body)
		c.post("/check-code", body)
		c.post("/u/"+canaryInput+"/devices", body)
	}
	for _, path := range []string{"/" + canaryInput, "/get-code/" + canaryInput, "/get-code?phone_no=" + canaryInput + "&key=" + c.key,
		"/u/" + canaryInput + "/devices", "/u/yb" + canaryInput + "/devices/" + wrongKey + "/tunnel", "/%2B86" + canaryInput, "/healthz?" + canaryInput} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			c.do(method, path, "", "X-Api-Key", wrongKey, "X-Request-Id", canaryInput, "User-Agent", "curl/"+canaryInput, "Referer", "https://x/?p="+canaryInput,
				"X-End-User-Ip", canaryInput, "X-Forwarded-For", canaryInput, "Idempotency-Key", canaryInput, "Content-Type", "text/"+canaryInput)
		}
	}
}

func (c *canaries) panics() {
	if got := c.do(http.MethodGet, "/panic", ""); strings.Contains(got, canaryPanic) {
		c.t.Errorf("the caller sees %s", got)
	}
}

// operatorSees is what the operator's listener shows.
func (c *canaries) operatorSees() map[string]string {
	shown := map[string]string{}
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/admin/status", "/admin/apps", "/admin/tenants", "/admin/audit", "/admin/ledger", "/admin/providers", "/admin/" + canaryInput} {
		r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.OperatorURL()+path, nil)
		ok(c.t, err)
		r.Header.Set("Authorization", "Bearer "+c.config.Operator.Token.Reveal())
		answer, err := http.DefaultClient.Do(r)
		ok(c.t, err)
		text, err := io.ReadAll(answer.Body)
		ok(c.t, errFirst(err, answer.Body.Close()))
		shown[path] = string(text)
	}
	return shown
}

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// delivered waits until every message has its outcome and its receipt.
func (c *canaries) delivered() {
	c.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		s := c.outbox.Stats()
		if s.InFlight == 0 && s.Dead >= 1 && s.Undelivered >= 1 {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("the outbox is not done: %+v", s)
		}
	}
}

// lookAtFiles looks into everything of the folder, the keyring excepted.
func (c *canaries) lookAtFiles(folder string) {
	c.t.Helper()
	files := []string{c.logPath}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "keyring.json" {
			files = append(files, path)
		}
		return err
	})
	ok(c.t, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		ok(c.t, err)
		c.look(filepath.Base(path), data)
	}
}

func (c *canaries) look(where string, data []byte) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for value, what := range c.secrets {
		if at := bytes.Index(data, []byte(value)); at >= 0 {
			c.t.Errorf("%s is in %s: …%q…", what, where, data[max(0, at-60):min(len(data), at+len(value)+20)])
		}
	}
}
