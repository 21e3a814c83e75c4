package app

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/tenant"
)

// post is one call of the SDK.
func (w *oneAccessServer) post(path, body string, header map[string]string) (int, http.Header, string) {
	return w.ask(http.MethodPost, "/api/v2/sdk/"+path, body, header)
}

// send sends a code of a type, which must work.
func (w *oneAccessServer) sendCode(t *testing.T, mobile, kind string) {
	t.Helper()
	status, _, body := w.post("sms/send", fmt.Sprintf(`{"mobile":%q,"type":%q,"captcha_token":"%s"}`, mobile, kind, w.pass([]string{mobile})), nil)
	if status != http.StatusOK {
		t.Fatalf("send %s to %s: %d %s", kind, mobile, status, body)
	}
}

// codeOf is the code in a number's newest message.
func (w *oneAccessServer) codeOf(t *testing.T, mobile string) string {
	t.Helper()
	code, found := w.Value("code", []string{mobile})
	if !found {
		t.Fatalf("no code came to %s", mobile)
	}
	return code
}

func (w *oneAccessServer) signInAs(t *testing.T, mobile string) {
	t.Helper()
	w.sendCode(t, mobile, "LOGIN_SMS")
	status, _, body := w.post("login/mobile-verify-code", fmt.Sprintf(`{"mobile":%q,"verify_code":%q}`, mobile, w.codeOf(t, mobile)), nil)
	if status != http.StatusOK {
		t.Fatalf("login of %s: %d %s", mobile, status, body)
	}
}

// guardOff leaves only the limits.
func (w *oneAccessServer) guardOff(t *testing.T) {
	t.Helper()
	off := tenant.GuardOff
	w.patch(t, tenant.Patch{Guard: &off})
}

// sendTypes are those of contracts/oneaccess.md §2.3.
var sendTypes = []string{"REGISTER_SMS", "LOGIN_SMS", "FORGET_PWD_SMS", "BIND_MOBILE_SMS", "UPDATE_MOBILE_SMS", "UPDATE_PWD_SMS"}

// TestReq10_OneAccess compares all that a caller gets for a number with a user
// and for one without, at every endpoint that takes a number, without the right
// code: status, headers and body are the same.
func TestReq10_OneAccess(t *testing.T) {
	w := startOneAccess(t)
	const known, unknown = "15200000001", "15200000002"
	w.signInAs(t, known)
	w.clock.Advance(25 * time.Hour) // its send counts no more
	policies := []string{"true", "false"}
	if testing.Short() {
		policies = policies[1:]
	}
	for _, autoRegister := range policies {
		w.Do(t, "set", []string{`{"auto_register":` + autoRegister + `}`})
		for round := range 2 { // in the second one there are live codes, and sends too soon
			w.blindCalls(t, round, known, unknown)
			a, b := w.asked[known], w.asked[unknown]
			if len(a) < 10 || !slices.Equal(a, b) {
				t.Errorf("auto-registration %s, round %d:\n%s\nand\n%s", autoRegister, round, strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
		}
		w.clock.Advance(24 * time.Hour)
	}
}

// volatile is what differs from puzzle to puzzle.
var volatile = regexp.MustCompile(`[0-9a-f]{32}---\{\\"x\\":\d+`)

// blindCalls makes every call about numbers with no right code, at the same time
// for each, and notes the answers with the number left out.
func (w *oneAccessServer) blindCalls(t *testing.T, round int, mobiles ...string) {
	t.Helper()
	w.asked = map[string][]string{}
	each := func(path string, body func(mobile string) string) {
		for _, mobile := range mobiles {
			status, header, answer := w.post(path, body(mobile), nil)
			header.Del("X-Request-Id")
			header.Del("Date")
			if strings.Contains(answer, "captcha_token") {
				header.Del("Content-Length") // a column has two or three digits
			}
			answer = volatile.ReplaceAllString(strings.ReplaceAll(answer, mobile, "N"), "pass")
			w.asked[mobile] = append(w.asked[mobile], fmt.Sprint(path, " ", status, " ", header, " ", answer))
		}
	}
	code := func(mobile string) string { return fmt.Sprintf(`{"mobile":%q,"verify_code":"0000000000"}`, mobile) }
	each("login/mobile-verify-code", code)
	each("register/mobile-verify-code", code)
	each("mfa/sms", code)
	for i, kind := range sendTypes {
		if round == 1 && i > 1 {
			break // the limits of a number are over all types
		}
		w.clock.Advance(time.Minute)
		send := func(mobile string) string {
			return fmt.Sprintf(`{"mobile":%q,"type":%q,"captcha_token":"%s"}`, mobile, kind, w.pass([]string{mobile}))
		}
		each("sms/send", send)
		each("sms/send", send)
		each("login/mobile-verify-code", code)
		each("register/mobile-verify-code", code)
	}
	each("captcha/verify", func(mobile string) string {
		w.ask(http.MethodGet, "/api/v2/sdk/captcha", "", nil)
		x, _ := w.ring.AnswerOf(w.token)
		return fmt.Sprintf(`{"point_json":"{\"x\":%d,\"y\":5}","token":%q,"sender":%q}`, x, w.token, mobile)
	})
}

// TestReq06_PurposesOnTheWire tries the code of every type at every call that
// checks one: only its own takes it, and every other says the same as to a wrong
// code.
func TestReq06_PurposesOnTheWire(t *testing.T) {
	w := startOneAccess(t)
	w.config.Limits.Off = true
	w.reopen(t)
	w.guardOff(t)
	w.signInAs(t, "15200000100")
	update := func(code, mobile string) (int, http.Header, string) {
		return w.post("mobile/update", fmt.Sprintf(`{"mobile":%q,"verify_code":%q}`, mobile, code), map[string]string{"X-signature": w.signature(nil)})
	}
	at := func(path string) func(code, mobile string) (int, http.Header, string) {
		return func(code, mobile string) (int, http.Header, string) {
			return w.post(path, fmt.Sprintf(`{"mobile":%q,"verify_code":%q}`, mobile, code), nil)
		}
	}
	checks := []struct {
		name  string
		try   func(code, mobile string) (int, http.Header, string)
		takes []string
	}{
		{"register", at("register/mobile-verify-code"), []string{"REGISTER_SMS"}},
		{"login", at("login/mobile-verify-code"), []string{"LOGIN_SMS"}},
		{"update", update, []string{"BIND_MOBILE_SMS", "UPDATE_MOBILE_SMS"}},
	}
	const wrong = `{"error_code":"IDAAS.SDK.CAPTCHA.0007","error_msg":"验证码错误"}`
	types := sendTypes
	if testing.Short() {
		types = types[:1]
	}
	for i, kind := range types {
		for j, check := range checks {
			w.signInAs(t, "15200000100")
			mobile := fmt.Sprintf("1520001%d%d00", i, j)
			w.sendCode(t, mobile, kind)
			code := w.codeOf(t, mobile)
			for k, other := range checks { // those that must not take it leave it alive
				if k != j && !slices.Contains(other.takes, kind) {
					if status, _, body := other.try(code, mobile); status != http.StatusBadRequest || body != wrong {
						t.Errorf("%s at %s: %d %s", kind, other.name, status, body)
					}
				}
			}
			status, _, body := check.try(code, mobile)
			if takes := slices.Contains(check.takes, kind); takes != (status == http.StatusOK) || !takes && body != wrong {
				t.Errorf("%s at %s: %d %s", kind, check.name, status, body)
			}
		}
	}
	// Another app's code of the same number and type.
	w.sendCode(t, "15200000200", "LOGIN_SMS")
	other := map[string]string{"X-client-id": w.clients[1]}
	if status, _, body := w.post("login/mobile-verify-code", fmt.Sprintf(`{"mobile":"15200000200","verify_code":%q}`, w.codeOf(t, "15200000200")), other); status != http.StatusBadRequest || body != wrong {
		t.Errorf("at another app: %d %s", status, body)
	}
}

// TestReq18_OneAccess counts end users by their address: who writes
// X-Forwarded-For himself changes nothing, behind a trusted proxy each IPv6 /64
// is one, and over the sends of a minute work is asked for.
func TestReq18_OneAccess(t *testing.T) {
	w := startOneAccess(t)
	from := func(address string) map[string]string { return map[string]string{"X-Forwarded-For": address} }
	fail := func(address string) {
		t.Helper()
		if status, _, body := w.ask(http.MethodGet, "/api/v2/sdk/captcha", "", from(address)); status != http.StatusOK {
			t.Fatalf("no puzzle for %s: %s", address, body)
		}
		status, _, body := w.post("captcha/verify", fmt.Sprintf(`{"point_json":"{\"x\":0,\"y\":5}","token":%q,"sender":"15200000000"}`, w.token), from(address))
		if status != http.StatusBadRequest || !strings.Contains(body, "CAPTCHA.0002") {
			t.Fatalf("a wrong answer from %s: %d %s", address, status, body)
		}
	}
	blocked := func(address string) bool {
		status, header, _ := w.ask(http.MethodGet, "/api/v2/sdk/captcha", "", from(address))
		return status == http.StatusBadRequest && header.Get("Retry-After") == "300"
	}
	for i := range 5 {
		fail(fmt.Sprintf("203.0.113.%d", i))
	}
	if !blocked("198.51.100.1") {
		t.Error("a header that anybody can write opened a new account of failures")
	}
	w.config.Server.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	w.reopen(t)
	w.clock.Advance(10 * time.Minute)
	for i := range 5 {
		fail(fmt.Sprintf("2001:db8:1:2:%x::1", i+1))
	}
	if !blocked("2001:db8:1:2:ffff::9") || blocked("2001:db8:1:3::1") {
		t.Error("an address of the same /64 must be blocked, one of the next /64 not")
	}

	w.guardOff(t)       // it would ask for work before the limit does
	for i := range 50 { // 50 a minute pass with a puzzle
		w.sendFrom(t, "192.0.2.7", fmt.Sprintf("152001%05d", i), w.passFrom("192.0.2.7", fmt.Sprintf("152001%05d", i)), http.StatusOK, "")
	}
	header := w.sendFrom(t, "192.0.2.7", "15200199999", w.passFrom("192.0.2.7", "15200199999"), http.StatusBadRequest, "CAPTCHA.0002")
	if header.Get("X-Captcha") != "work" {
		t.Errorf("the refusal asks for %q, want work", header.Get("X-Captcha"))
	}
	w.sendFrom(t, "192.0.2.7", "15200199999", w.work(), http.StatusOK, "")
	w.sendFrom(t, "198.51.100.7", "15200199998", w.passFrom("198.51.100.7", "15200199998"), http.StatusOK, "")
}

// TestOneAccessFreeCalls: what is written without a code that was paid for has an
// end. A test number logs in 300 times an hour from one address, a session calls
// 300 times in ten minutes; then nothing is written, and there is a time to wait.
func TestOneAccessFreeCalls(t *testing.T) {
	w := startOneAccess(t)
	w.Do(t, "test-numbers", []string{"on"})
	until := func(what string, most int, call func() (int, http.Header, string)) {
		t.Helper()
		for i := range most {
			if status, _, body := call(); status != http.StatusOK {
				t.Fatalf("%s %d: %d %s", what, i+1, status, body)
			}
		}
		status, header, body := call()
		if status != http.StatusBadRequest || !strings.Contains(body, "SDK.COMMON.1008") || header.Get("Retry-After") == "" {
			t.Errorf("%s %d: %d %s, Retry-After %q", what, most+1, status, body, header.Get("Retry-After"))
		}
	}
	until("login", 300, func() (int, http.Header, string) {
		return w.post("login/mobile-verify-code", `{"mobile":"12345678901","verify_code":"232326"}`, nil)
	})
	if testing.Short() {
		return // the other limit is counted the same way
	}
	until("call", 300, func() (int, http.Header, string) {
		return w.ask(http.MethodGet, "/api/v2/sdk/profile", "", map[string]string{"X-signature": w.signature(nil)})
	})
}

// passFrom solves a puzzle at an address.
func (w *oneAccessServer) passFrom(address, mobile string) string {
	header := map[string]string{"X-Forwarded-For": address}
	w.ask(http.MethodGet, "/api/v2/sdk/captcha", "", header)
	x, _ := w.ring.AnswerOf(w.token)
	w.post("captcha/verify", fmt.Sprintf(`{"point_json":"{\"x\":%d,\"y\":5}","token":%q,"sender":%q}`, x, w.token, mobile), header)
	return fmt.Sprintf(`%s---{\"x\":%d,\"y\":5}`, w.token, x)
}

func (w *oneAccessServer) sendFrom(t *testing.T, address, mobile, pass string, want int, says string) http.Header {
	t.Helper()
	status, header, body := w.post("sms/send", fmt.Sprintf(`{"mobile":%q,"type":"LOGIN_SMS","captcha_token":"%s"}`, mobile, pass),
		map[string]string{"X-Forwarded-For": address})
	if status != want || !strings.Contains(body, says) {
		t.Fatalf("send from %s to %s: %d %s, want %d %s", address, mobile, status, body, want, says)
	}
	return header
}

// TestReq15_OneAccess walks the dialect's routes: no path and no query carries
// anything but a client id, and no answer may be stored but those that are
// public.
func TestReq15_OneAccess(t *testing.T) {
	w := startOneAccess(t)
	public := map[string]bool{"openid-configuration": true, "keys": true}
	rules, err := w.rules()
	ok(t, err)
	routes := w.oneAccess(rules).Routes
	if len(routes) < 30 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, r := range routes {
		if strings.ContainsAny(r.Path, "{?") {
			t.Errorf("%s: a parameter in the path", r.Path)
		}
		status, header, body := w.ask(r.Method, r.Path+"?mobile=15200000000&session_token=bts7Qm2ZxR4cVb8Nn1Lk5Jh0Gf3Ds2VO", "{}", nil)
		if stored := header.Get("Cache-Control") != "no-store"; stored != public[r.Name] {
			t.Errorf("%s %s: Cache-Control %q", r.Method, r.Path, header.Get("Cache-Control"))
		}
		if status >= http.StatusInternalServerError || strings.Contains(body, "15200000000") || strings.Contains(body, "bts7") {
			t.Errorf("%s %s: %d %s", r.Method, r.Path, status, body)
		}
	}
}
