package dev

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

func TestCodeIn(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"【验码】您的验证码是042917，5分钟内有效，请勿泄露。": "042917",
		"code 1234":                  "1234",
		"1234567890":                 "1234567890",
		"123":                        "",
		"12345678901":                "", // longer than any code
		"in 5 minutes: 445566":       "445566",
		"order 12345678901234, 9876": "9876",
		"１２３４５６":                     "",
	} {
		if got := codeIn(text); got != want {
			t.Errorf("codeIn(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNational(t *testing.T) {
	for number, want := range map[string]string{"8613800138000": "13800138000", "+8613800138000": "13800138000", "13800138000": "13800138000",
		"14155550123": "14155550123", "+14155550123": "14155550123", "861380013800": "861380013800", "": ""} {
		if got := national(number); got != want {
			t.Errorf("national(%q) = %q, want %q", number, got, want)
		}
	}
}

func messages(t *testing.T, h *handset, query string) []received {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/handset/api/messages"+query, nil))
	var all []received
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || all == nil {
		t.Fatalf("%v: %s", err, w.Body) // an array, also when it is empty
	}
	return all
}

// TestMessages: newest first, of one number or all, in every spelling of the
// number; the oldest of too many are forgotten.
func TestMessages(t *testing.T) {
	h := &handset{}
	if all := messages(t, h, ""); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h.receive(smsc.Message{To: "8613800138000", Text: "code 111111", At: at})
	h.receive(smsc.Message{To: "8613900139000", Text: "no code", At: at})
	h.receive(smsc.Message{To: "8613800138000", Text: "code 222222", At: at.Add(time.Second)})
	want := received{ID: "3", Phone: "13800138000", Text: "code 222222", Channel: "sms", Code: "222222", ReceivedAt: at.Add(time.Second)}
	for _, query := range []string{"?phone=13800138000", "?phone=%2B8613800138000", "?phone=8613800138000", "?phone=+13800138000+"} {
		if all := messages(t, h, query); len(all) != 2 || all[0] != want || all[1].Code != "111111" {
			t.Errorf("%s: %+v", query, all)
		}
	}
	if all := messages(t, h, ""); len(all) != 3 || all[1].Code != "" {
		t.Errorf("%+v", all)
	}
	for i := range handsetKeeps {
		h.receive(smsc.Message{To: "8613700137000", Text: fmt.Sprintf("code %06d", i), At: at})
	}
	if all := messages(t, h, ""); len(all) != handsetKeeps || all[0].Code != "000499" || all[handsetKeeps-1].Code != "000000" {
		t.Errorf("%d kept, %+v … %+v", len(all), all[0], all[len(all)-1])
	}
}
