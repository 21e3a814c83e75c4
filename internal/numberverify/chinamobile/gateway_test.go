package chinamobile

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
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

// The vectors of contracts/carriers.md §2 and §3.
const (
	vectorID   = "f11585580266414fbde9f755451fb7a7"
	matchBytes = `{"header":{"version":"1.0","msgId":"f11585580266414fbde9f755451fb7a7","timestamp":"20231114221320123","appId":"300000000001"},` +
		`"body":{"openType":"1","requesterType":"1","keyType":"0","phoneNum":"2AD212D3F22E0B54479338E52CAA649173DBDFDB227DF84FFDDD88B56971F1FF",` +
		`"token":"STsid0000001","sign":"6FF5C350D514E3D2334550FF51F0D719C44CCF78CB06BE69B2E2E906735339FA"}}`
	fetchBytes = `{"version":"2.0","msgid":"f11585580266414fbde9f755451fb7a7","systemtime":"20231114221320123","strictcheck":"0",` +
		`"appid":"300000000001","token":"STsid0000001","sign":"1E714B92B6D245F4162323F10FC274FF"}`
)

// vectorTime is 2023-11-14 22:13:20.123 in Beijing.
var vectorTime = time.Date(2023, 11, 14, 14, 13, 20, 123_000_000, time.UTC)

var question = numberverify.Question{Carrier: numberverify.CarrierMobile, Token: core.NewSecret("STsid0000001"), Phone: core.PhoneFromE164("+8613800138000")}

// carrier answers with what the test says, and keeps what it was asked.
type carrier struct {
	*httptest.Server
	path, body, media string
	status            int
	answer            string
}

func newCarrier(t *testing.T) *carrier {
	c := &carrier{status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.path, c.body, c.media = r.URL.Path, string(body), r.Header.Get("Content-Type")
		w.WriteHeader(c.status)
		_, _ = io.WriteString(w, c.answer)
	}))
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, url string, edit func(*Config), deps Deps) *Gateway {
	t.Helper()
	cfg := Config{Name: "mobile", URL: url, AppID: "300000000001", AppKey: core.NewSecret("testkey"), AppSecret: core.NewSecret("testsecret")}
	if edit != nil {
		edit(&cfg)
	}
	g, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// vector is a gateway that draws the vector's id at the vector's time.
func vector(t *testing.T, url string, edit func(*Config)) *Gateway {
	id, err := hex.DecodeString(strings.Repeat(vectorID, 8))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, url, edit, Deps{Now: func() time.Time { return vectorTime }, Random: bytes.NewReader(id)})
}

func TestRequestBytes(t *testing.T) {
	c := newCarrier(t)
	g := vector(t, c.URL, nil)
	c.answer = `{"header":{"msgId":"f11585580266414fbde9f755451fb7a7","timestamp":"20231114221320456","appId":"300000000001","resultCode":"000"},` +
		`"body":{"resultDesc":"是本机号码","message":"","expandParams":""}}`
	a, err := g.Match(t.Context(), question)
	if err != nil || a.Outcome != numberverify.OutcomeMatch || a.Code != "000" || !a.Counted || a.ID != vectorID {
		t.Errorf("%+v, %v", a, err)
	}
	if c.path != "/openapi/rs/tokenValidate" || c.body != matchBytes || !strings.HasPrefix(c.media, "application/json") {
		t.Errorf("%s %s\n%s\nwant\n%s", c.path, c.media, c.body, matchBytes)
	}
	c.answer = `{"inresponseto":"f11585580266414fbde9f755451fb7a7","systemtime":"20231114221320456","resultCode":"103000","msisdn":"13800138000"}`
	a, err = g.Fetch(t.Context(), question)
	if err != nil || a.Outcome != numberverify.OutcomeNumber || a.Phone.E164() != "+8613800138000" || !a.Counted {
		t.Errorf("%+v, %v", a, err)
	}
	if c.path != "/unisdk/rsapi/loginTokenValidate" || c.body != fetchBytes {
		t.Errorf("%s\n%s\nwant\n%s", c.path, c.body, fetchBytes)
	}
}

// TestWhatTheQuestionChanges: the members that are not of the vectors.
func TestWhatTheQuestionChanges(t *testing.T) {
	c := newCarrier(t)
	for _, test := range []struct {
		edit func(*numberverify.Question)
		want string
	}{
		{func(q *numberverify.Question) { q.Carrier = numberverify.CarrierTelecom }, `"openType":"3"`},
		{func(q *numberverify.Question) { q.Carrier = numberverify.CarrierUnicom }, `"openType":"2"`},
		{func(q *numberverify.Question) { q.Requester = numberverify.RequesterMiniProgram }, `"requesterType":"1"`},
		{func(q *numberverify.Question) { q.Requester = numberverify.RequesterIOS }, `"requesterType":"0"`},
		{func(q *numberverify.Question) { q.Requester = numberverify.RequesterAndroid }, `"requesterType":"0"`},
		{func(q *numberverify.Question) { q.Browser = "TGludXg%3D" }, `"expandParams":"userInformation=TGludXg%3D"`},
		{func(q *numberverify.Question) { q.Browser = "TGludXg=" }, `"expandParams":"userInformation=TGludXg%3D"`},
		{func(q *numberverify.Question) { q.Browser = `a&b="` }, `"expandParams":"userInformation=a%26b%3D%22"`},
	} {
		q := question
		test.edit(&q)
		_, _ = vector(t, c.URL, nil).Match(t.Context(), q)
		if !strings.Contains(c.body, test.want) {
			t.Errorf("%s\nhas no %s", c.body, test.want)
		}
	}
	_, _ = vector(t, c.URL, func(cfg *Config) { cfg.Strict = true }).Fetch(t.Context(), question)
	if !strings.Contains(c.body, `"strictcheck":"1"`) {
		t.Error(c.body)
	}
}

// TestResultCodes is the table of contracts/carriers.md §2, and the texts of
// contracts/submail.md §5.
func TestResultCodes(t *testing.T) {
	c := newCarrier(t)
	for code, want := range map[string]string{
		"001": "mismatch", "002": "carrier 002: number fetch failed", "003": "proof 003: token check failed", "606": "proof 606: token check failed",
		"004": "input 004: bad encrypted number", "102": "input 102: invalid parameter", "303": "input 303: parameter parse error",
		"124": "caller 124: IP not in white list", "302": "caller 302: signature error", "103420": "caller 103420: no permission",
		"102315": "quota 102315: quota used up", "999": "carrier 999: system error", "12345": "carrier 12345: number **** is odd",
	} {
		c.answer = fmt.Sprintf(`{"header":{"msgId":%q,"resultCode":%q},"body":{"resultDesc":"number 13800138000 is odd"}}`, vectorID, code)
		a, err := vector(t, c.URL, nil).Match(t.Context(), question)
		if want == "mismatch" {
			if err != nil || a.Outcome != numberverify.OutcomeMismatch || !a.Counted {
				t.Errorf("%+v, %v", a, err)
			}
			continue
		}
		if err == nil || err.Error() != "number verification: "+want {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
		if e, ok := numberverify.AsError(err); !ok || !e.Sent {
			t.Errorf("%s: the proof left", code)
		}
	}
	for code, want := range map[string]string{
		"103101": "caller 103101: signature error", "103113": "proof 103113: token content error", "103119": "caller 103119: appid error",
		"103511": "caller 103511: IP not allowed", "103811": "proof 103811: empty token", "103902": "proof 103902: scrip expired",
		"103911": "proof 103911: too many tokens", "104201": "proof 104201: token expired or used", "105001": "carrier 105001: Unicom fetch failed",
		"105002": "carrier 105002: Mobile fetch failed", "105003": "carrier 105003: Telecom fetch failed", "105018": "proof 105018: wrong kind of token",
		"105019": "caller 105019: not authorized", "105312": "quota 105312: quota used up", "103111": "network 103111: WAP gateway IP error",
	} {
		c.answer = fmt.Sprintf(`{"inresponseto":%q,"resultCode":%q}`, vectorID, code)
		_, err := vector(t, c.URL, nil).Fetch(t.Context(), question)
		if err == nil || err.Error() != "number verification: "+want {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
	}
}

// TestUnreadable: half a body, another's answer, 200 with an error page, a
// number that is none.
func TestUnreadable(t *testing.T) {
	c := newCarrier(t)
	for _, test := range []struct {
		status int
		answer string
	}{
		{200, ""}, {200, "<html>"}, {200, "null"}, {200, "[]"}, {200, `{"header":{"msgId":"f11585580266414fbde9f755451fb7a7","resultCode":"0`},
		{200, `{"header":{"msgId":"00000000000000000000000000000000","resultCode":"000"}}`}, {200, `{"header":{"resultCode":"000"}}`},
		{200, `{"header":{"msgId":"f11585580266414fbde9f755451fb7a7"}}`}, {500, `{"header":{"msgId":"f11585580266414fbde9f755451fb7a7","resultCode":"000"}}`},
		{302, ""}, {200, `{"header":{"msgId":"f11585580266414fbde9f755451fb7a7","resultCode":"13800138000"}}`},
		{200, `{"header":{"msgId":"f11585580266414fbde9f755451fb7a7","resultCode":"a\r\nb"}}`}, {200, strings.Repeat(" ", 70_000)},
	} {
		c.status, c.answer = test.status, test.answer
		_, err := vector(t, c.URL, nil).Match(t.Context(), question)
		if e, ok := numberverify.AsError(err); !ok || *e != *numberverify.ErrUnreadable() {
			t.Errorf("%d %.60q: %v", test.status, test.answer, err)
		}
	}
	c.status = 200
	for _, msisdn := range []string{"", "1380013800", "138001380000", "+8613800138000", "23800138000", "1380013800x"} {
		c.answer = fmt.Sprintf(`{"inresponseto":%q,"resultCode":"103000","msisdn":%q}`, vectorID, msisdn)
		_, err := vector(t, c.URL, nil).Fetch(t.Context(), question)
		if e, ok := numberverify.AsError(err); !ok || e.Code != numberverify.CodeUnreadable {
			t.Errorf("%q: %v", msisdn, err)
		}
	}
}

// TestNoAnswer: nobody there, and nobody answers.
func TestNoAnswer(t *testing.T) {
	c := newCarrier(t)
	c.Close()
	_, err := vector(t, c.URL, nil).Match(t.Context(), question)
	if e, ok := numberverify.AsError(err); !ok || *e != *numberverify.ErrTimeout(false) {
		t.Errorf("nobody there: %v", err)
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the caller has gone
		<-r.Context().Done()
	}))
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = vector(t, silent.URL, nil).Match(ctx, question)
	if e, ok := numberverify.AsError(err); !ok || *e != *numberverify.ErrTimeout(true) {
		t.Errorf("nobody answers: %v", err)
	}
}

func TestCan(t *testing.T) {
	both := numberverify.Can{Match: true, Fetch: true}
	for _, test := range []struct {
		edit    func(*Config)
		carrier numberverify.Carrier
		want    numberverify.Can
	}{
		{nil, 1, both}, {nil, 2, both}, {nil, 3, both},
		{func(c *Config) { c.Carriers = []numberverify.Carrier{1} }, 2, numberverify.Can{}},
		{func(c *Config) { c.AppSecret = core.Secret{} }, 1, numberverify.Can{Match: true}},
		{func(c *Config) { c.AppKey = core.Secret{} }, 1, numberverify.Can{Fetch: true}},
	} {
		if have := vector(t, "http://x", test.edit).Can(test.carrier); have != test.want {
			t.Errorf("%+v, want %+v", have, test.want)
		}
	}
	for key, edit := range map[string]func(*Config){
		"url":     func(c *Config) { c.URL = "ftp://x" },
		"app_id":  func(c *Config) { c.AppID = "" },
		"app_key": func(c *Config) { c.AppKey, c.AppSecret = core.Secret{}, core.Secret{} },
	} {
		cfg := Config{AppID: "1", AppKey: core.NewSecret("x")}
		edit(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestAgainstTheSimulator goes over real sockets, every outcome of contracts/carriers.md §7.
func TestAgainstTheSimulator(t *testing.T) {
	sim := carriersim.New(carriersim.Options{AppID: "300000000001", AppKey: core.NewSecret("testkey"), AppSecret: core.NewSecret("testsecret"),
		Now: time.Now, Random: rand.Reader})
	server := httptest.NewServer(sim)
	defer server.Close()
	g := open(t, server.URL+"/sim", nil, Deps{Now: time.Now, Random: rand.Reader})
	for _, test := range []struct{ outcome, match, fetch string }{
		{"ok", "1", "+8613800138000"}, {"mismatch", "2", "+8613800138001"}, {"slow:1", "1", "+8613800138000"},
		{"606", "606", "606"}, {"103420", "103420", "103420"}, {"999", "999", "999"}, {"drop", "", ""}, {"garbage", "603", "603"},
	} {
		for _, carrier := range []numberverify.Carrier{1, 2, 3} {
			q := question
			q.Carrier, q.Token = carrier, core.NewSecret(simToken(t, server.URL, carrier, test.outcome))
			a, err := g.Match(t.Context(), q)
			if have := result(a, err); have != test.match {
				t.Errorf("match of %s: %s (%v), want %s", test.outcome, have, err, test.match)
			}
			_, err = g.Match(t.Context(), q)
			if have := result(numberverify.Answer{}, err); have != "606" {
				t.Errorf("the second match: %s", have)
			}
			q.Token = core.NewSecret(simToken(t, server.URL, carrier, test.outcome))
			a, err = g.Fetch(t.Context(), q)
			if have := result(a, err); have != test.fetch {
				t.Errorf("fetch of %s: %s (%v), want %s", test.outcome, have, err, test.fetch)
			}
			_, err = g.Fetch(t.Context(), q)
			if have := result(numberverify.Answer{}, err); have != "104201" {
				t.Errorf("the second fetch: %s", have)
			}
		}
	}
	for want, edit := range map[string]func(*Config){
		"302":    func(c *Config) { c.AppKey = core.NewSecret("other") },
		"103420": func(c *Config) { c.AppID = "1" },
	} {
		q := question
		q.Token = core.NewSecret(simToken(t, server.URL, 1, "ok"))
		a, err := open(t, server.URL+"/sim", edit, Deps{Now: time.Now, Random: rand.Reader}).Match(t.Context(), q)
		if have := result(a, err); have != want {
			t.Errorf("%s, want %s", have, want)
		}
	}
	late := open(t, server.URL+"/sim", nil, Deps{Now: func() time.Time { return time.Now().Add(-6 * time.Minute) }, Random: rand.Reader})
	q := question
	q.Token = core.NewSecret(simToken(t, server.URL, 1, "ok"))
	a, err := late.Match(t.Context(), q)
	if have := result(a, err); have != "102" {
		t.Errorf("six minutes late: %s", have)
	}
}

func simToken(t *testing.T, url string, carrier numberverify.Carrier, outcome string) string {
	t.Helper()
	r, err := http.Post(url+"/sim/carrier/token", "application/json",
		strings.NewReader(fmt.Sprintf(`{"carrier":%d,"number":"+8613800138000","outcome":%q,"ttl":120}`, carrier, outcome)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", r.StatusCode, body, err)
	}
	_, rest, _ := strings.Cut(string(body), `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// result is the outcome, the number, or the code of the error.
func result(a numberverify.Answer, err error) string {
	if e, ok := numberverify.AsError(err); ok {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	if a.Outcome == numberverify.OutcomeNumber {
		return a.Phone.E164()
	}
	return fmt.Sprint(uint8(a.Outcome))
}
