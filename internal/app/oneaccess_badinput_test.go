package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/facade"
)

// badBodies are what clients and attackers send (requirement row 44).
var badBodies = []string{
	"", " ", "\x00", "null", "true", "0", `"x"`, "[]", "{", "}", "{}", "{}{}", "{}\x00", "mobile=15200000000", "\xef\xbb\xbf{}", "{\"mobile\":\"\xff\"}", "{\"mobile\":\"\xc0\xaf\"}",
	`{"mobile":"\ud800","verify_code":"123456"}`, `{"mobile":"\u0000","verify_code":"123456"}`, `{"mobile":1e400,"verify_code":123456}`, `{"mobile":{"mobile":"15200000000"}}`,
	`{"mobile":"15200000000","verify_code":"123456","mobile":null}`, `{"mobile":"15200000000","verify_code":"-12345"}`, `{"mobile":"15200000000","verify_code":"12345678901"}`,
	`{"mobile":"+86-1520000000","type":"LOGIN_SMS","captcha_token":"x"}`, `{"mobile":"152****0000","type":"LOGIN_SMS","captcha_token":"x"}`,
	`{"mobile":"15200000000","type":"LOGIN_SMS","captcha_token":"---"}`, `{"mobile":"15200000000","type":"LOGIN_SMS","captcha_token":"71dd26999e314f9abb0c635336976635---"}`,
	`{"mobile":"15200000000","type":"LOGIN_SMS","captcha_token":"eyJhbGdvcml0aG0iOiJTSEEtMjU2IiwibnVtYmVyIjotMX0="}`, `{"mobile":"15200000000","type":"LOGIN_SMS","captcha_token":"` + strings.Repeat("A", 60000) + `"}`,
	`{"point_json":"{\"x\":1e309,\"y\":5}","token":"x","sender":"15200000000"}`, `{"point_json":"{\"x\":NaN,\"y\":5}","token":"x","sender":"a@b"}`, `{"point_json":"\u0001","token":"\u2028","sender":"@"}`,
	`{"point_json":"1qOiawVgsZK/Lm2jhb4yDw==","token":"71dd26999e314f9abb0c635336976635","sender":"15200000000"}`, `{"captchaType":"blockPuzzle","pointJson":"[]","token":"` + strings.Repeat("f", 32) + `"}`,
	`{"captchaType":"blockPuzzle","pointJson":"{\"x\":1,\"y\":5}","token":"` + strings.Repeat("f", 32) + `","sender":{}}`, `{"captchaType":["blockPuzzle"]}`,
	`{"mobile":"15200000000","verify_code":"123456","extension":` + strings.Repeat(`{"a":`, 31) + "1" + strings.Repeat("}", 31) + `,"email":"\"<x>\"@b","attr_birthday":"9999-99-99"}`,
	`{"x":` + strings.Repeat("[", 32000) + strings.Repeat("]", 32000) + `}`, strings.Repeat(`{"a":`, 10000), strings.Repeat("x", 65537), `{"__proto__":{"mobile":"15200000000"}}`,
	"grant_type=client_credentials&client_id=x&client_secret=y", "grant_type=client_credentials&client_id=%00&client_id=%ff", "grant_type=&&&=%zz",
	`{"session_token":"x","operating_sys_version":"x","device_ip":"x","device_fingerprint":"x"}`, `{"sso_ticket":7}`,
}

var badTypes = []string{"application/json;charset=utf8", "", "application/x-www-form-urlencoded", "application/json; charset=GBK", "\x80\xff;;;=", "application/problem+json", ";"}

// badHeaders replace or join the right ones.
var badHeaders = [][2]string{
	{"X-client-id", "' OR 1=1"}, {"X-client-id", "\xff\xfe"}, {"X-client-id", strings.Repeat("c", 9000)}, {"X-tenant-id", "0"}, {"X-tenant-id", "\x7f"}, {"X-device-fingerprint", "\xff"},
	{"X-L", strings.Repeat("z", 9000)}, {"X-L", "en\xff"}, {"X-state-token", "a.b.c"}, {"X-state-token", strings.Repeat(".", 9000)}, {"X-state-token", "eyJhbGciOiJub25lIn0.e30."},
	{"X-signature", "AAAA"}, {"X-signature", strings.Repeat("/", 344)}, {"X-signature", strings.Repeat("=", 9000)}, {"X-signature", "\xff"}, {"Authorization", "Bearer"}, {"Authorization", "Bearer \xff"},
	{"Authorization", "Basic !!!"}, {"Authorization", "Basic Og=="}, {"Origin", "null"}, {"Origin", "\xff"}, {"Origin", strings.Repeat("o", 9000)}, {"Idempotency-Key", ""}, {"Idempotency-Key", strings.Repeat("k", 300)},
	{"Idempotency-Key", "k\x80"}, {"Content-Encoding", "gzip"}, {"X-Forwarded-For", "\xff"}, {"X-device-ip", "999.999.999.999"}, {"Host", ""},
}

// TestReq44_OneAccess sends every bad body and every bad header to every route:
// always the dialect's shape, never a 5xx.
func TestReq44_OneAccess(t *testing.T) {
	w := startOneAccess(t)
	w.config.Limits.Off = true
	w.reopen(t)
	w.guardOff(t)
	rules, err := w.rules()
	ok(t, err)
	routes := append(w.oneAccess(rules).Routes, facade.Route{Method: "POST", Path: "/api/v2/sdk/%00"})
	bodies, types := badBodies, badTypes
	if testing.Short() {
		bodies, types = bodies[:20], types[:2]
	}
	probed := 0
	for i, route := range routes {
		if probed++; testing.Short() && i%3 != 0 {
			continue
		}
		for _, method := range []string{"GET", "POST", "PUT", "OPTIONS", "GARBAGE"} {
			w.probe(t, method, route.Path, types[0], [2]string{}, "{}")
		}
		if route.Method == http.MethodPost {
			for n, body := range bodies {
				w.probe(t, route.Method, route.Path, types[0], [2]string{}, body)
				w.probe(t, route.Method, route.Path, types[n%len(types)], [2]string{}, body)
			}
		}
		for _, header := range badHeaders {
			w.probe(t, route.Method, route.Path, types[0], header, `{"mobile":"15200000000","verify_code":"123456"}`)
		}
	}
	if probed < 30 {
		t.Errorf("only %d routes", probed)
	}
}

// probe sends one bad request, past the network.
func (w *oneAccessServer) probe(t *testing.T, method, path, contentType string, with [2]string, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
	r.Method, r.URL.Path = method, path
	r.Header.Set("X-client-id", w.clients[0])
	for _, line := range strings.Split(deviceHeaders(oneAccessFingerprint), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if with[0] != "" {
		r.Header.Set(with[0], with[1])
	}
	answer := httptest.NewRecorder()
	w.public.server.Handler.ServeHTTP(answer, r)
	text := answer.Body.String()
	what := fmt.Sprintf("%s %s %q %.80q %.80q = %d %.200q", method, path, contentType, with, body, answer.Code, text)
	if answer.Code >= http.StatusInternalServerError {
		t.Error("a fault of ours:", what)
	}
	if answer.Code >= http.StatusBadRequest && !oneAccessError.MatchString(text) && !oneAccessOAuth.MatchString(text) {
		t.Error("not the dialect's error:", what)
	}
	if answer.Header().Get("X-Request-Id") == "" || answer.Header().Get("Cache-Control") == "" {
		t.Error("no id, or may be stored:", what)
	}
}
