package app

import (
	"crypto/sha1" //nolint:gosec // what the dialect signs with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq38_JSMSCallbacks: an app at a URL on loopback, which the operator
// allows, is told of a code that was delivered, of a text that a subscriber sent
// and of a verdict, each signed (contracts/jsms.md §10).
func TestReq38_JSMSCallbacks(t *testing.T) {
	s := startJSMS(t)
	s.config.Callbacks.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s.reopen(t)
	told := make(chan url.Values, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := r.URL.Query().Get("echostr"); r.Method == http.MethodGet {
			_, _ = io.WriteString(w, text)
			return
		}
		if err := r.ParseForm(); err == nil {
			told <- r.PostForm
		}
	}))
	defer hook.Close()
	app := s.whole.ids[0]
	_, err := s.admin.UpdateApp(t.Context(), operatorOfTests, app, tenant.Patch{CallbackURL: &hook.URL})
	ok(t, err)

	var sent struct {
		ID string `json:"msg_id"`
	}
	ok(t, json.Unmarshal([]byte(s.post(t, "/v1/codes", `{"mobile":"13812345678","temp_id":1}`)), &sent))
	report := awaitCall(t, told, "SMS_REPORT")
	if report["msgId"] != sent.ID || report["phone"] != "13812345678" || report["status"] != 4001.0 {
		t.Errorf("SMS_REPORT %v, want %s", report, sent.ID)
	}

	ok(t, s.center.SendText(t.Context(), "yanma", "8613812345678", "YANMA", "TD"))
	reply := awaitCall(t, told, "SMS_REPLY")
	if reply["phone"] != "13812345678" || reply["content"] != "TD" {
		t.Errorf("SMS_REPLY %v", reply)
	}

	s.addTemplate(t, []string{"57496", "notice", "pending", "0", "明天停水"})
	_, err = s.messages.JudgeTemplate(t.Context(), operatorOfTests, app, "57496", catalogue.Verdict{Reason: "不合规"})
	ok(t, err)
	verdict := awaitCall(t, told, "SMS_TEMPLATE")
	if verdict["tempId"] != 57496.0 || verdict["status"] != 2.0 || verdict["refuseReason"] != "不合规" {
		t.Errorf("SMS_TEMPLATE %v", verdict)
	}
}

// post posts as the first app.
func (s *jsmsServer) post(t *testing.T, path, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+path, strings.NewReader(body))
	ok(t, err)
	request.Header.Set("Authorization", s.basic["basic"])
	answer, err := http.DefaultClient.Do(request)
	ok(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ok(t, err)
	return string(text)
}

// awaitCall is the data of the next call, whose type and signature must be right.
func awaitCall(t *testing.T, told <-chan url.Values, kind string) map[string]any {
	t.Helper()
	select {
	case form := <-told:
		sum := sha1.Sum(fmt.Appendf(nil, "appKey=%s&appMasterSecret=%s&nonce=%s&timestamp=%s", jsmsKey, jsmsSecret, form.Get("nonce"), form.Get("timestamp"))) //nolint:gosec // see above
		if form.Get("type") != kind || form.Get("signature") != hex.EncodeToString(sum[:]) {
			t.Fatalf("called with %v, want %s", form, kind)
		}
		var data map[string]any
		ok(t, json.Unmarshal([]byte(form.Get("data")), &data))
		return data
	case <-time.After(patient):
		t.Fatalf("no %s came", kind)
		return nil
	}
}
