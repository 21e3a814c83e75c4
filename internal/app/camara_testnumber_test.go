package app

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/tenant"
)

// TestReq43_CamaraTestNumbers is contracts/README.md §8: matched by the literal,
// nothing sent, nothing charged, the fixed code and no other.
func TestReq43_CamaraTestNumbers(t *testing.T) {
	w := startCamara(t)
	tests := []tenant.TestNumber{{Literal: "12345678910", Code: "4433"}, {Literal: "+8613800000000", Code: "232326"}}
	_, err := w.admin.UpdateApp(t.Context(), operatorOfTests, w.ids[0], tenant.Patch{TestNumbers: &tests})
	ok(t, err)
	call := func(path, kind, authorization, body string, into any) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.Addr()+path, strings.NewReader(body))
		ok(t, err)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", authorization)
		a, err := http.DefaultClient.Do(r)
		ok(t, err)
		defer func() { _ = a.Body.Close() }()
		text, err := io.ReadAll(a.Body)
		ok(t, err)
		if len(text) > 0 {
			ok(t, json.Unmarshal(text, into))
		}
		return a.StatusCode
	}
	var said struct {
		Token string `json:"access_token"`
		ID    string `json:"authenticationId"`
		Code  string
	}
	basic, _ := w.Value("basic", nil)
	call("/oauth2/token", "application/x-www-form-urlencoded", "Basic "+basic, "grant_type=client_credentials&scope=one-time-password-sms:send-validate", &said)
	bearer, before := "Bearer "+said.Token, w.balance(t, w.ids[0])
	send := func(number string) int {
		return call("/one-time-password-sms/v1/send-code", "application/json", bearer, `{"phoneNumber":"`+number+`","message":"{{code}} is your code"}`, &said)
	}
	for range 3 { // no limit counts
		if status := send("+8613800000000"); status != http.StatusOK || len(said.ID) != 36 {
			t.Fatalf("%d %+v", status, said)
		}
	}
	for _, c := range []struct {
		code   string
		status int
		says   string
	}{{"000000", 400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP"}, {"4433", 400, "ONE_TIME_PASSWORD_SMS.INVALID_OTP"}, {"232326", 204, ""}, {"232326", 204, ""}} {
		said.Code = ""
		if status := call("/one-time-password-sms/v1/validate-code", "application/json", bearer, `{"authenticationId":"`+said.ID+`","code":"`+c.code+`"}`, &said); status != c.status || said.Code != c.says {
			t.Errorf("%s: %d %s", c.code, status, said.Code)
		}
	}
	w.delivered()
	if text := w.phones.Newest("13800000000"); text != "" || w.balance(t, w.ids[0]) != before {
		t.Errorf("%q was sent, balance %d of %d", text, w.balance(t, w.ids[0]), before)
	}
	if status := send("12345678910"); status != http.StatusBadRequest { // not of the schema's form
		t.Errorf("a literal that is no number: %d", status)
	}
}
