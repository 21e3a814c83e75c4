package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/tenant"
)

// TestReq23_PumpingThroughTheWholeServer: codes to one prefix that nobody enters
// are refused after a few dozen, in each dialect's own words for a limit, from
// whichever address and by whichever channel; other numbers go on. A restart
// changes nothing. Caps of the app are refused as an account that can not pay.
func TestReq23_PumpingThroughTheWholeServer(t *testing.T) {
	s := startJSMS(t)
	s.Do(t, "template", []string{"1", "code", "approved", "300", "验证码{{code}}"})
	s.Do(t, "sign", []string{"1", "approved", "极光推送"})
	post := func(path, body string, headers ...string) (int, string, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.PublicURL()+path, strings.NewReader(body))
		ok(t, err)
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		ok(t, err)
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		ok(t, err)
		return answer.StatusCode, string(text), answer.Header
	}
	getCode := func(number string, i int) (int, string, http.Header) {
		return post("/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, s.keys[0], number), "X-End-User-IP", fmt.Sprintf("198.51.%d.7", i%100))
	}
	sent := 0
	for i := range 100 {
		status, text, header := getCode(fmt.Sprintf("138001%05d", i), i)
		switch {
		case status == http.StatusOK && strings.Contains(text, `"status":"ok"`):
			sent++
		case status != http.StatusTooManyRequests || !strings.Contains(text, `"code":"0074"`) || header.Get("Retry-After") == "":
			t.Fatalf("send %d: %d %s", i, status, text)
		}
	}
	if sent < 10 || sent > 40 {
		t.Errorf("%d of 100 codes were sent to one prefix", sent)
	}
	refused := func(what string) {
		t.Helper()
		for path, body := range map[string]string{"/v1/codes": `{"mobile":"13800199001","temp_id":1}`, "/v1/voice_codes": `{"mobile":"13800199002"}`} {
			if status, text, header := post(path, body, "Authorization", s.basic["basic"]); status != http.StatusForbidden || !strings.Contains(text, `"code":50009`) || header.Get("Retry-After") == "" {
				t.Errorf("%s: %s: %d %s", what, path, status, text)
			}
		}
		if status, text, _ := getCode("13800199003", 1); status != http.StatusTooManyRequests {
			t.Errorf("%s: get-code: %d %s", what, status, text)
		}
	}
	refused("after the attack")
	if status, text, _ := getCode("13912340021", 1); status != http.StatusOK {
		t.Errorf("another number: %d %s", status, text)
	}
	levels := ""
	for _, l := range s.sentry.Levels(100) {
		levels += l.Subject.String() + "\n"
	}
	for _, subject := range []string{"prefix +8613800 of tenant ", "198.51.3.0/24 of app ", "198.51.0.0/16 of app "} {
		if !strings.Contains(levels, subject) {
			t.Errorf("%q is not among the levels:\n%s", subject, levels)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.OperatorURL()+"/metrics", http.NoBody)
	ok(t, err)
	if _, page := call(t, r); !strings.Contains(page, `yanma_guard_decisions_total{outcome="challenge"} `) ||
		strings.Contains(page, `yanma_guard_findings_total{reason="unverified"} 0`+"\n") && strings.Contains(page, `yanma_guard_findings_total{reason="conversion"} 0`+"\n") {
		t.Error("the metrics do not tell of the attack")
	}
	s.reopen(t)
	refused("after a restart")
	found, err := s.sentry.Decisions(t.Context(), s.whole.ids[0], 0, 100)
	ok(t, err)
	if len(found) == 0 || len(found) > 20 || !strings.Contains(found[0].Subject, "prefix +8613800") {
		t.Errorf("%d rows tell of it: %+v", len(found), found)
	}

	caps := tenant.SpendCaps{"CN": 0}
	s.patch(t, tenant.Patch{SpendCaps: &caps, SMSPrice: tenant.PriceOf(1)})
	if status, text, header := getCode("13712340022", 1); status != http.StatusOK || !strings.Contains(text, `"code":"0100"`) || header.Get("Retry-After") == "" {
		t.Errorf("over the cap: %d %s", status, text)
	}
	if status, text, _ := post("/v1/codes", `{"mobile":"13712340023","temp_id":1}`, "Authorization", s.basic["basic"]); status != http.StatusForbidden || !strings.Contains(text, `"code":50014`) {
		t.Errorf("over the cap: %d %s", status, text)
	}
}
