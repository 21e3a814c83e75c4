package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// badOpenBodies of the open API: what clients and attackers send (requirement row
// 44, issue 7).
var badOpenBodies = []string{
	"", " ", "\x00", "null", "true", "0", `"x"`, "[]", "{", "}", "{}", "{}{}", "{}\x00", "\xef\xbb\xbf{}", `{"phoneNumber":null}`, `{"phoneNumber":1e400}`,
	`{"phoneNumber":"13800138000"}`, `{"phoneNumber":"+８６13800138000"}`, `{"phoneNumber":"+8613800138000\u0000"}`, `{"phoneNumber":"\ud800"}`, "{\"phoneNumber\":\"\xff\xfe\"}",
	`{"phoneNumber":"+8613800138000","hashedPhoneNumber":"ec61f3c620a98bdead8c1f1f0ae747abd1b62a0c2dba4fd4bc22cf0d1d8653e5"}`, `{"hashedPhoneNumber":"zz"}`,
	`{"phoneNumber":["+8613800138000"]}`, `{"phoneNumber":"+8613800138000","phoneNumber":1}`, `{"PhoneNumber":"+8613800138000"}`, `{"__proto__":{"phoneNumber":"+8613800138000"}}`,
	`{"phoneNumber":"+8613800138000","message":"no label"}`, `{"phoneNumber":"+8613800138000","message":"{{code}}\u0007"}`, `{"phoneNumber":"+8613800138000","message":"{{code}}` + strings.Repeat("长", 160) + `"}`,
	`{"authenticationId":"x","code":"1"}`, `{"authenticationId":{},"code":[]}`, `{"authenticationId":"` + strings.Repeat("a", 37) + `","code":"1"}`, `{"authenticationId":"00000000-0000-0000-0000-000000000000","code":"thisCodeExceedsTenCharacters"}`,
	`{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, strings.Repeat(`{"a":`, 3000), `{"phoneNumber":"` + strings.Repeat("1", 60000) + `"}`, strings.Repeat("x", 65537),
	"phoneNumber=%2B8613800138000", "grant_type=client_credentials&grant_type=x", "grant_type=%00", "grant_type=%zz", "grant_type=client_credentials&scope=" + strings.Repeat("a+", 5000),
	"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c", "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=" + strings.Repeat("a", 30000),
	"grant_type=authorization_code&code=\xff&redirect_uri=x&code_verifier=y", "grant_type=password&username=a&password=b",
}

// TestReq44_CamaraBadInput sends every bad body to every route in several forms,
// with a right token and with wrong ones: always the API's own error, never a
// 5xx, and nothing of the request or of ours inside.
func TestReq44_CamaraBadInput(t *testing.T) {
	w := startCamara(t)
	token := func(scope string) string {
		t.Helper()
		assertion := w.signed(0, []string{"sub=" + w.clients[0]}, map[string]any{"aud": w.issuer() + "/oauth2/token", "sub": w.clients[0]})
		form := "grant_type=client_credentials&scope=" + scope + "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=" + assertion
		r, err := http.Post("http://"+w.Addr()+"/oauth2/token", "application/x-www-form-urlencoded", strings.NewReader(form))
		ok(t, err)
		defer func() { _ = r.Body.Close() }()
		var made struct {
			Token string `json:"access_token"`
		}
		ok(t, json.NewDecoder(r.Body).Decode(&made))
		return made.Token
	}
	right := "Bearer " + token("one-time-password-sms:send-validate")
	probe := func(method, path, contentType, authorization, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.Addr()+path, strings.NewReader(body))
		ok(t, err)
		for name, value := range map[string]string{"Content-Type": contentType, "Authorization": authorization} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		a, err := http.DefaultClient.Do(r)
		ok(t, err)
		defer func() { _ = a.Body.Close() }()
		text, err := io.ReadAll(a.Body)
		ok(t, err)
		what := fmt.Sprintf("%s %s %q %.20q %.80q = %d %.200q", method, path, contentType, authorization, body, a.StatusCode, text)
		var said struct {
			Status        int
			Code, Message string
			Error         string
		}
		if a.StatusCode < 400 || a.StatusCode >= 500 || json.Unmarshal(text, &said) != nil ||
			said.Error == "" && (said.Status != a.StatusCode || said.Code == "" || said.Message == "") {
			t.Error("not the API's error: ", what)
		}
		if a.Header.Get("X-Request-Id") == "" || strings.Contains(string(text), "13800138000") || strings.Contains(string(text), "goroutine") || strings.Contains(string(text), "json:") {
			t.Error("no id, or something leaked: ", what)
		}
	}
	types := []string{"application/json", "application/x-www-form-urlencoded", "", "application/json; charset=GBK", "multipart/form-data", "\xc3\x28;;="}
	if testing.Short() {
		types = types[:2]
	}
	for _, path := range []string{"/one-time-password-sms/v1/send-code", "/one-time-password-sms/v1/validate-code", "/number-verification/v2/verify", "/oauth2/token"} {
		for i, contentType := range types {
			for _, body := range badOpenBodies {
				probe(http.MethodPost, path, contentType, right, body)
				if i == 0 && len(body) < 100 {
					probe(http.MethodPost, path, contentType, "Bearer "+strings.Repeat("x", 43), body)
				}
			}
		}
		for _, authorization := range []string{"", "Bearer", "Bearer ", "Basic x", "Bearer é", "Digest a=b", "Bearer " + strings.Repeat("y", 9000)} {
			probe(http.MethodPost, path, "application/json", authorization, "{}")
		}
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "GARBAGE"} {
			probe(method, path, "application/json", right, "{}")
		}
	}
	for _, path := range []string{"/number-verification/v2/", "/number-verification/v2/verify/x", "/one-time-password-sms/v1/send-code%00", "/oauth2/nothing", "/oauth2/bc-authorize"} {
		probe(http.MethodPost, path, "application/json", right, "{}")
	}
}
