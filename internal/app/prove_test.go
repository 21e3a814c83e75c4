package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// planStep is an answer of the plan's calls.
type planStep struct {
	Status string
	Code   int
	Msg    string
	Result struct {
		Identical      bool
		Step, Next, ID string
		Expires        int `json:"expires_in"`
	}
	replayed bool
}

// TestReq43_PlanThroughTheWholeServer is docs/adr/0031-the-plan-as-a-call.md:
// one call takes the steps of the app's plan, over HTTP, the carrier's socket and
// the SMSC's.
func TestReq43_PlanThroughTheWholeServer(t *testing.T) {
	w := startCamara(t)
	ctx, app := t.Context(), w.ids[0]
	dialects := []tenant.Dialect{tenant.DialectSubmail}
	_, err := w.admin.UpdateApp(ctx, operatorOfTests, app, tenant.Patch{Dialects: &dialects})
	ok(t, err)
	_, pair, err := w.admin.RotateSubmail(ctx, operatorOfTests, app, "", tenant.Rotation{})
	ok(t, err)
	header := http.Header{}
	call := func(path, what string, members map[string]string) (a planStep) {
		t.Helper()
		now := strconv.FormatInt(w.clock.Now().Unix(), 10)
		sum := sha256.Sum256([]byte(pair.Key.Reveal() + now + what))
		form := url.Values{"appid": {pair.AppID}, "timestamp": {now}, "signature": {hex.EncodeToString(sum[:])}, "os": {"1"}, "userInformation": {"x"}}
		for name, value := range members {
			form.Set(name, value)
		}
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.Addr()+path, strings.NewReader(form.Encode()))
		ok(t, err)
		q.Header = header.Clone()
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(q)
		ok(t, err)
		defer func() { _ = response.Body.Close() }()
		ok(t, json.NewDecoder(response.Body).Decode(&a))
		a.replayed = response.Header.Get("Idempotency-Replayed") == "true"
		return a
	}
	prove := func(number, token string, after string) planStep {
		t.Helper()
		return call("/vfmobile/prove", token+number, map[string]string{"mobile_number": number, "token": token, "after": after})
	}
	check := func(id, code string) planStep {
		t.Helper()
		return call("/vfmobile/prove/check", id, map[string]string{"id": id, "code": code})
	}
	proof := func(number string, more ...string) string {
		t.Helper()
		token, made := w.proof(append([]string{number}, more...))
		if !made {
			t.Fatal("no proof")
		}
		return token
	}
	code := func(number string) string {
		t.Helper()
		text, _ := w.Value("code", []string{number})
		return text
	}

	if a := prove("13800138000", proof("+8613800138000"), ""); a.Status != "success" || !a.Result.Identical || a.Result.Step != "silent" {
		t.Errorf("silent: %+v", a)
	}
	// The carrier says no, fails, or there is no proof: a code is sent, to the number that was claimed.
	for number, token := range map[string]string{"13800138001": proof("+8613900139000"), "13800138002": proof("+8613800138002", "garbage"), "13800138003": ""} {
		a := prove(number, token, "")
		if a.Status != "pending" || a.Result.Step != "sms" || a.Result.Next != "" || a.Result.Expires != 300 || len(a.Result.ID) != 36 {
			t.Fatalf("%s: %+v", number, a)
		}
		if wrong := check(a.Result.ID, "nonsense"); wrong.Code != 1321 || wrong.Status != "error" {
			t.Errorf("a wrong code: %+v", wrong)
		}
		if right := check(a.Result.ID, code(number)); right.Status != "success" || !right.Result.Identical || right.Result.Step != "code" {
			t.Errorf("the right code: %+v", right)
		}
		if again := check(a.Result.ID, code(number)); again.Code != 1322 {
			t.Errorf("the same code again: %+v", again)
		}
	}
	// No voice provider here: nothing is behind sms.
	if a := prove("13800138004", "", "sms"); a.Code != 1324 {
		t.Errorf("behind the last step: %+v", a)
	}
	if a := prove("13800138003", "", ""); a.Code != -1 || a.Msg != "API Gateway Error:429 too many requests" {
		t.Errorf("within a minute: %+v", a)
	}
	if a := check("00000000-0000-4000-8000-000000000000", "1"); a.Code != 1323 {
		t.Errorf("an unknown id: %+v", a)
	}
	if a := call("/vfmobile/prove", "13800138005", map[string]string{"mobile_number": "13800138006"}); a.Code != 1308 {
		t.Errorf("another number than the signed one: %+v", a)
	}
	// A signature with a proof is one number's, too: neither it nor one of /vfmobile/verify sends codes to others.
	for _, what := range []string{"used13800138005", "used"} {
		if a := call("/vfmobile/prove", what, map[string]string{"token": "used", "mobile_number": "13800138006"}); a.Code != 1308 {
			t.Errorf("signed %s: %+v", what, a)
		}
	}
	if a := prove("12345", "", ""); a.Code != 1313 {
		t.Errorf("no number: %+v", a)
	}
	// The same call again is the same answer, and one message.
	w.clock.Advance(2 * time.Minute)
	header.Set("Idempotency-Key", rand.Text())
	first := prove("13800138007", "", "")
	again := prove("13800138007", "", "")
	if first.Status != "pending" || again.Result.ID != first.Result.ID || !again.replayed {
		t.Errorf("%+v, then %+v", first, again)
	}
	header.Del("Idempotency-Key")
	w.setBalance(t, core.Credits(0))
	if a := prove("13800138000", proof("+8613800138000"), ""); a.Code != 1314 {
		t.Errorf("without money: %+v", a)
	}
}
