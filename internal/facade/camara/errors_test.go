package camara

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq43_EveryKindIsMapped fails when core gets a kind that this dialect
// does not answer.
func TestReq43_EveryKindIsMapped(t *testing.T) {
	for _, kind := range core.Kinds() {
		if _, ok := answers[kind]; !ok {
			t.Errorf("%v has no answer", kind)
		}
	}
}

// TestKinds is the camara column of contracts/README.md §3.2, and camara.md
// §3.1 for what a limit is about.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		endpoint string
		err      *core.Error
		status   int
		code     string
	}{
		{"", core.E(core.KindUnknownPath, ""), 404, "NOT_FOUND"},
		{sendCode, core.E(core.KindMethodNotAllowed, ""), 405, "METHOD_NOT_ALLOWED"},
		{sendCode, core.E(core.KindBodyTooLarge, ""), 400, "INVALID_ARGUMENT"},
		{sendCode, core.E(core.KindMediaType, ""), 415, "UNSUPPORTED_MEDIA_TYPE"},
		{sendCode, core.E(core.KindInternal, ""), 500, "INTERNAL"},
		{sendCode, core.E(core.KindOverloaded, ""), 503, "UNAVAILABLE"},
		{sendCode, core.E(core.KindInsufficientBalance, ""), 429, "QUOTA_EXCEEDED"},
		{sendCode, core.E(core.KindOptedOut, ""), 403, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_BLOCKED"},
		{sendCode, core.RetryIn(core.KindRateLimited, time.Second, "number_app"), 403, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"},
		{sendCode, core.RetryIn(core.KindRateLimited, time.Second, "number_tenant"), 403, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"},
		{sendCode, core.RetryIn(core.KindRateLimited, time.Second, "content"), 403, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED"},
		{sendCode, core.RetryIn(core.KindRateLimited, time.Second, "ip_send"), 429, "TOO_MANY_REQUESTS"},
		{validateCode, core.RetryIn(core.KindRateLimited, time.Second, "auth_failed"), 429, "TOO_MANY_REQUESTS"},
	} {
		if got := answerTo(c.endpoint, c.err); got.status != c.status || got.code != c.code {
			t.Errorf("%s %v: %+v", c.endpoint, c.err, got)
		}
	}
}

// TestCarriersFailures is contracts/camara.md §5, for every class.
func TestCarriersFailures(t *testing.T) {
	want := map[numberverify.Class]string{
		numberverify.ClassProof: "UNAUTHENTICATED", numberverify.ClassNetwork: "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK",
		numberverify.ClassTimeout: "TIMEOUT", numberverify.ClassCaller: "BAD_GATEWAY", numberverify.ClassCarrier: "BAD_GATEWAY",
		numberverify.ClassQuota: "BAD_GATEWAY", numberverify.ClassInput: "BAD_GATEWAY", numberverify.ClassUnprovided: "BAD_GATEWAY",
		numberverify.ClassDebit: "INTERNAL", numberverify.ClassLedger: "INTERNAL",
	}
	for _, class := range numberverify.Classes() {
		got := answerTo(verifyNumber, core.AsError(numberError(&numberverify.Error{Class: class, Desc: "13800138000"})))
		if got.code != want[class] {
			t.Errorf("%v: %s, want %s", class, got.code, want[class])
		}
	}
	if err := numberError(core.E(core.KindInsufficientBalance, "")); answerTo(verifyNumber, core.AsError(err)) != quotaExceeded {
		t.Errorf("balance: %v", err)
	}
}

// TestOAuthErrors is contracts/camara.md §4.3 for what is no refusal of the
// protocol's own.
func TestOAuthErrors(t *testing.T) {
	for _, kind := range core.Kinds() {
		x := &facade.Exchange{Request: httptest.NewRequest(http.MethodPost, "/oauth2/token", nil)}
		refuseOAuth(x, core.RetryIn(kind, time.Second, "13800138000"))
		var body struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(x.Out, &body); err != nil || body.Error == "" || strings.Contains(string(x.Out), "138") {
			t.Errorf("%v: %s, %v", kind, x.Out, err)
		}
		want := map[string]int{"temporarily_unavailable": 0, "invalid_request": 400, "server_error": 500}[body.Error]
		if want != 0 && x.Status != want {
			t.Errorf("%v: %s with %d", kind, x.Out, x.Status)
		}
	}
}

var correlator = regexp.MustCompile(`^[a-zA-Z0-9-_:;.\/<>{}]{0,256}$`) // the YAML's

// FuzzCorrelator: our reading of the pattern is the YAML's, and what is answered
// always matches it.
func FuzzCorrelator(f *testing.F) {
	for _, seed := range []string{"", "b4333c46-49c0-4f62-80d7-f0ef930f1c46", "a b", "é", strings.Repeat("a", 257), "a\n"} {
		f.Add(seed)
	}
	d := &dialect{Options{Random: rand.Reader}}
	f.Fuzz(func(t *testing.T, text string) {
		// $ would also match before a line end in other dialects of regexp, not in Go's.
		if isCorrelator(text) != correlator.MatchString(text) {
			t.Errorf("%q: %v", text, isCorrelator(text))
		}
		w := httptest.NewRecorder()
		h, err := facade.New(facade.Config{Mounts: []facade.Mount{{Facade: New(d.Options)}}, Now: time.Now, Random: rand.Reader, Observer: ignore{}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/oauth2/none", nil)
		r.Header[correlatorHeader] = []string{text}
		h.ServeHTTP(w, r)
		if got := w.Header().Get(correlatorHeader); got == "" || !correlator.MatchString(got) {
			t.Errorf("%q is answered with %q", text, got)
		}
	})
}

type ignore struct{}

func (ignore) Observe(facade.Event) {}

var (
	yamlPhone = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)
	yamlHash  = regexp.MustCompile(`^[a-fA-F0-9]{64}$`)
)

// FuzzBodies: whatever stands in a body, the members that are taken are those
// that the YAML describes, and nothing panics.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{`{}`, `{"phoneNumber":"+8613800138000","message":"{{code}}"}`, `{"hashedPhoneNumber":"` + strings.Repeat("a", 64) + `"}`,
		`{"authenticationId":"x","code":"1"}`, `{"phoneNumber":null}`, "{\"a\":\"\\ud800\"}", `{"phoneNumber":"+1\u0000"}`} {
		f.Add([]byte(seed))
	}
	app := &tenant.App{}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := &facade.Exchange{}
		if x.Object.Parse(body) != nil {
			return
		}
		if text, err := phoneNumber(x); err == nil && !yamlPhone.MatchString(text) {
			t.Errorf("%q is a number", text)
		}
		if text, err := messageOf(x); err == nil {
			if n := utf8.RuneCountInString(text); n > 160 || !strings.Contains(text, "{{code}}") {
				t.Errorf("%q is a message", text)
			}
			if said := wording(app, core.PhoneFromE164("+8613800138000"), text, core.CodeFromDigits("042917")); strings.Contains(said, "{{code}}") {
				t.Errorf("%q says %q", text, said)
			}
		}
		if text, err := shortText(x, "authenticationId", longestID); err == nil && (text == "" || utf8.RuneCountInString(text) > 36) {
			t.Errorf("%q is an id", text)
		}
		if phone, hash, err := claimed(x); err == nil {
			name, _ := x.Object.Only()
			text, _ := x.Object.Get(name).Text()
			if phone.IsZero() && !yamlHash.MatchString(text) || !phone.IsZero() && !yamlPhone.MatchString(text) {
				t.Errorf("%s is taken as %v %x", body, phone, hash)
			}
		}
	})
}

// FuzzForm: parameters are read or refused, never with a NUL or twice.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "a=b", "a=b&a=c", "%zz", "a=%00", "a=%ff", "grant_type=client_credentials&scope=x+y;z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := oauth.ParseForm(text)
		if err != nil {
			if refused, ok := oauth.AsError(err); !ok || refused.Code != "invalid_request" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, name := range []string{"a", "grant_type", "scope"} {
			if v := form.Get(name); strings.Contains(v, "\x00") || !utf8.ValidString(v) {
				t.Errorf("%q: %s is %q", text, name, v)
			}
		}
	})
}

// FuzzBasic: whatever the header says, it is read or counts as tried.
func FuzzBasic(f *testing.F) {
	for _, seed := range []string{"", "Basic", "Basic YTpi", "basic YQ==", "Bearer x", "Basic JXp6Og=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		x := &facade.Exchange{Request: httptest.NewRequest(http.MethodPost, "/oauth2/token", nil)}
		x.Request.Header["Authorization"] = []string{header}
		if basic, tried := basicAuthorization(x); !tried || !basic.Tried {
			t.Errorf("%q does not count as tried: %v", header, fmt.Sprint(basic.Tried))
		}
	})
}
