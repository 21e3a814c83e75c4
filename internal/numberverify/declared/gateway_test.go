package declared

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// partner is what an operator may write out of a partner contract; the
// simulator's declared interface.
func partner(url string) Config {
	return Config{Name: "unicom", URL: url, Carriers: []numberverify.Carrier{2, 3}, AppID: "300000000001", AppKey: core.NewSecret("testkey"),
		Request: Request{Fields: map[string]string{"appid": "{app_id}", "token": "{token}", "mobile": "{number.national}", "timestamp": "{time_beijing}", "seq": "{id}"},
			Sign: Sign{Algorithm: "hmac-sha256", Field: "sign"}},
		Response: Response{Code: "result.code", Text: "result.msg", ID: "seq", Match: []string{"0"}, Mismatch: []string{"1"},
			Codes: map[string]string{"20*": "proof", "111": "network", "108": "caller", "113": "caller", "1000": "input"}}}
}

func open(t *testing.T, cfg Config, deps Deps) *Gateway {
	t.Helper()
	g, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

var question = numberverify.Question{Carrier: 2, Token: core.NewSecret("t0"), Phone: core.PhoneFromE164("+8613800138000"), Browser: "b", Auth: "a"}

// TestRequestBytes: each encoding and place of a signature, computed apart from
// this code: the HMAC-SHA-256 and MD5 of the texts that stand beside them.
func TestRequestBytes(t *testing.T) {
	var line, body string
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		line, body, header = r.Method+" "+r.URL.RequestURI(), string(b), r.Header
		_, _ = io.WriteString(w, `{"c":0,"n":"13800138000"}`)
	}))
	defer server.Close()
	id, _ := hex.DecodeString("f11585580266414fbde9f755451fb7a7")
	deps := func() Deps {
		return Deps{Now: func() time.Time { return time.UnixMilli(1_699_971_200_123) }, Random: bytes.NewReader(id)}
	}
	base := Config{URL: server.URL + "/v", AppID: "1", AppKey: core.NewSecret("testkey"), Response: Response{Code: "c", Match: []string{"0"}, Mismatch: []string{"1"}}}

	form := base
	form.Request = Request{Fields: map[string]string{"a": "{token}", "b": "{time}"}, Sign: Sign{Algorithm: "hmac-sha256", Field: "sign"}}
	if a, err := open(t, form, deps()).Match(t.Context(), question); err != nil || a.Outcome != numberverify.OutcomeMatch {
		t.Errorf("%+v, %v", a, err)
	}
	// HMAC-SHA-256("testkey", "a=t0&b=1699971200")
	if want := "a=t0&b=1699971200&sign=cfb659174a8f1a2ca7a82ea4ee95a9cf945950635feadda6bf92f44b558c9230"; line != "POST /v" || body != want ||
		header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("%s %s", line, body)
	}

	document := base
	document.Request = Request{Encoding: "json", Body: `{"t":"{token}","n":["{number}","{number.digits}","{number.sha256}",{"c":"{carrier}{auth}{browser}"}],"x":1.50,"at":"{time_beijing}","ms":"{time_ms}","id":"{id}"}`,
		Headers: map[string]string{"X-App": "{app_id}"}, Sign: Sign{Algorithm: "md5", Over: "{body}{app_key}", Header: "X-Sign", Encoding: "base64"}}
	if _, err := open(t, document, deps()).Match(t.Context(), question); err != nil {
		t.Error(err)
	}
	want := `{"at":"20231114221320123","id":"f11585580266414fbde9f755451fb7a7","ms":"1699971200123","n":["+8613800138000","8613800138000",` +
		`"ec61f3c620a98bdead8c1f1f0ae747abd1b62a0c2dba4fd4bc22cf0d1d8653e5",{"c":"2ab"}],"t":"t0","x":1.50}`
	if body != want || header.Get("X-App") != "1" || header.Get("X-Sign") != "66aUM5rOXgAzP44yrOKkng==" || header.Get("Content-Type") != "application/json" {
		t.Errorf("%s\nwant\n%s\n%v", body, want, header)
	}

	query := base
	query.Answers, query.Response = "fetch", Response{Code: "c", OK: []string{"0"}, Number: "n"}
	query.Request = Request{Method: "GET", Fields: map[string]string{"t": "{token}"}, Sign: Sign{Algorithm: "md5", Field: "s"}}
	a, err := open(t, query, deps()).Fetch(t.Context(), question)
	// MD5("t=t0testkey")
	if err != nil || a.Phone.E164() != "+8613800138000" || line != "GET /v?s=15f6325033cd97dcd57cdb7a1f7f74c8&t=t0" || body != "" {
		t.Errorf("%+v, %v, %s", a, err, line)
	}
}

// TestAgainstTheSimulator: the simulator computes the signature by itself.
func TestAgainstTheSimulator(t *testing.T) {
	sim := carriersim.New(carriersim.Options{AppID: "300000000001", AppKey: core.NewSecret("testkey"), Now: time.Now, Random: rand.Reader})
	server := httptest.NewServer(sim)
	defer server.Close()
	g := open(t, partner(server.URL+"/sim/declared/verify"), Deps{Now: time.Now, Random: rand.Reader})
	for outcome, want := range map[string]string{
		"ok": "match", "mismatch": "mismatch", "slow:1": "match", "111": "network 111: network environment error", "202": "proof 202: token of another app",
		"1000": "input 1000: parse error", "555": "carrier 555: msg of 555", "102": "carrier 102: server error", "garbage": "carrier 603: carrier answer unreadable",
		"drop": "timeout: no answer",
	} {
		for _, carrier := range []numberverify.Carrier{2, 3} {
			if carrier == 3 && !strings.Contains("ok mismatch garbage drop", outcome) {
				continue // the texts are Unicom's
			}
			q := question
			q.Carrier, q.Token = carrier, simToken(t, server.URL, carrier, outcome)
			a, err := g.Match(t.Context(), q)
			if have := result(a, err); have != want {
				t.Errorf("%s: %s, want %s", outcome, have, want)
			}
			if _, err = g.Match(t.Context(), q); carrier == 2 && result(a, err) != "proof 201: token expired" {
				t.Errorf("the second time: %v", err)
			}
		}
	}
	wrong := partner(server.URL + "/sim/declared/verify")
	wrong.AppKey = core.NewSecret("other")
	q := question
	q.Token = simToken(t, server.URL, 2, "ok")
	a, err := open(t, wrong, Deps{Now: time.Now, Random: rand.Reader}).Match(t.Context(), q)
	if have := result(a, err); have != "caller 108: signature error" {
		t.Error(have)
	}
}

// TestHostileAnswers: only a whole answer of success says who it is; nothing of
// the question comes back as a code, an id or a description.
func TestHostileAnswers(t *testing.T) {
	const proof = "0123456789abcdef0123456789abcdef"
	status, says := 0, ""
	var calls int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, says)
	}))
	defer server.Close()
	g := open(t, partner(server.URL), Deps{Now: time.Now, Random: rand.Reader})
	q := question
	q.Token = core.NewSecret(proof)
	const unreadable = "carrier 603: carrier answer unreadable"
	for _, c := range []struct {
		status     int
		says, want string
	}{
		{200, `{"result":{"code":"0"}}`, "match"},
		{200, `{"result":{"code":1}}`, "mismatch"},
		{307, `{"result":{"code":"0"}}`, unreadable},
		{401, `{"result":{"code":"0"}}`, unreadable},
		{404, `{"result":{"code":"1"}}`, unreadable},
		{500, `{"result":{"code":"0"}}`, unreadable},
		{403, `{"result":{"code":"108"}}`, "caller 108: signature error"}, // its own refusal, with a status of its own
		{200, `{"result":{"code":""}}`, unreadable},
		{200, `{"result":{"code":{"a":"0"}}}`, unreadable},
		{200, `{"result":{"code":"` + proof + `"}}`, unreadable},
		{200, `{"result":{"code":"13800138000"}}`, unreadable},
		{200, `{"result":{"code":"555","msg":"` + proof + ` of +86 138 0013 8000"}}`, "carrier 555: **** of ****"},
		{200, strings.Repeat(" ", 70_000), unreadable},
		{200, strings.Repeat(`{"result":`, 5_000), unreadable},
		{200, "\xff{}", unreadable},
	} {
		status, says = c.status, c.says
		a, err := g.Match(t.Context(), q)
		if have := result(a, err); have != c.want {
			t.Errorf("%d %.60s: %s, want %s", c.status, c.says, have, c.want)
		}
	}
	if calls != 15 {
		t.Errorf("%d calls, want 15: a redirect is not followed", calls)
	}
	for id, want := range map[string]string{"7-x": "7-x", proof: "", "13800138000": "", "a b": ""} {
		status, says = 200, `{"result":{"code":"0"},"seq":"`+id+`"}`
		if a, err := g.Match(t.Context(), q); err != nil || a.ID != want {
			t.Errorf("%q is the id %q, %v", id, a.ID, err)
		}
	}
}

func TestCan(t *testing.T) {
	cfg := partner("http://x")
	if have := open(t, cfg, Deps{}).Can(2); have != (numberverify.Can{Match: true}) {
		t.Errorf("%+v", have)
	}
	if have := open(t, cfg, Deps{}).Can(1); have != (numberverify.Can{}) {
		t.Errorf("%+v", have)
	}
	cfg.Request.Fields = map[string]string{"t": "{token}", "h": "{number.sha256}"}
	if have := open(t, cfg, Deps{}).Can(3); have != (numberverify.Can{Match: true, Hash: true}) {
		t.Errorf("%+v", have)
	}
}

func TestStanzasThatCanNotWork(t *testing.T) {
	for key, edit := range map[string]func(*Config){
		"url":                    func(c *Config) { c.URL = "" },
		"answers":                func(c *Config) { c.Answers = "both" },
		"request.method":         func(c *Config) { c.Request.Method = "PUT" },
		"request.encoding":       func(c *Config) { c.Request.Encoding = "xml" },
		"request.fields":         func(c *Config) { c.Request.Fields = nil },
		"request.fields.token":   func(c *Config) { c.Request.Fields = map[string]string{"token": "{tokn}"} },
		"request.body":           func(c *Config) { c.Request.Encoding, c.Request.Fields, c.Request.Body = "json", nil, "{" },
		"request.headers.Host":   func(c *Config) { c.Request.Headers = map[string]string{"Host": "x"} },
		"request.sign.algorithm": func(c *Config) { c.Request.Sign.Algorithm = "sha1" },
		"request.sign.over":      func(c *Config) { c.Request.Sign.Over = "{x}" },
		"request.sign":           func(c *Config) { c.Request.Sign.Field = "" },
		"request.sign.header":    func(c *Config) { c.Request.Sign.Field, c.Request.Sign.Header = "", "a b" },
		"response.code":          func(c *Config) { c.Response.Code = "" },
		"response.match":         func(c *Config) { c.Response.Match = nil },
		"response.mismatch":      func(c *Config) { c.Response.Mismatch = []string{"0"} },
		"response.codes.111":     func(c *Config) { c.Response.Codes = map[string]string{"111": "unknown"} },
		"response.ok":            func(c *Config) { c.Answers = "fetch" },
	} {
		cfg := partner("http://x")
		edit(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func simToken(t *testing.T, url string, carrier numberverify.Carrier, outcome string) core.Secret {
	t.Helper()
	r, err := http.Post(url+"/sim/carrier/token", "application/json",
		bytes.NewReader(fmt.Appendf(nil, `{"carrier":%d,"number":"+8613800138000","outcome":%q}`, carrier, outcome)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var said struct{ Token string }
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || said.Token == "" {
		t.Fatal(err)
	}
	return core.NewSecret(said.Token)
}

func result(a numberverify.Answer, err error) string {
	if err != nil {
		return strings.TrimPrefix(err.Error(), "number verification: ")
	}
	return map[numberverify.Outcome]string{numberverify.OutcomeMatch: "match", numberverify.OutcomeMismatch: "mismatch"}[a.Outcome]
}
