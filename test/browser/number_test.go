//go:build interop

package browser

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/test/process"
)

// said is the newest exchange of a name that the page shows.
func said[T any](t *testing.T, p *page, name string) T {
	t.Helper()
	text := eval[string](t, p, fmt.Sprintf(`[...document.querySelectorAll("#log li")].filter((li) => li.querySelector("b").innerText === %q).pop()?.querySelector("pre").textContent ?? ""`, name))
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v: %q", name, err, text)
	}
	return value
}

type initData struct {
	NetType, Msg, AppID string
	Code                int
}

type tokenInfo struct {
	Code            int
	Message, Token  string
	UserInformarion string
	UserInformation string
	YDData          *struct{ Code, Message string }
	CTData, CUData  *struct{ Code, Message string }
	RespCode        string
}

type verified struct {
	OK     bool
	Answer struct {
		Status string
		Result struct {
			Identical       bool
			Msg, Step, Next string
		}
	}
}

// openNumber opens the page and waits until it knows the plan.
func openNumber(t *testing.T, dev *process.DevServer) *page {
	t.Helper()
	p := open(t)
	p.do(t, chromedp.Navigate(dev.HandsetURL+"/number"))
	p.await(t, `document.body.dataset.ready === "yes"`)
	if steps := eval[string](t, p, `[...document.querySelectorAll("#plan li")].map((li) => li.dataset.step).join()`); steps != "silent,sms,voice" {
		t.Fatalf("the plan is %s", steps)
	}
	return p
}

// choose sets a control of the page.
func (p *page) choose(t *testing.T, id, value string) {
	t.Helper()
	eval[string](t, p, fmt.Sprintf(`document.getElementById(%q).value = %q`, id, value))
}

// TestReq43_NumberVerificationInABrowser is contracts/submail.md §9 as a person
// sees it: on the cellular network the carrier answers, on Wi-Fi the documented
// failure and then a code.
func TestReq43_NumberVerificationInABrowser(t *testing.T) {
	dev := process.Dev(t, binary, t.TempDir())
	p := openNumber(t, dev)

	p.do(t, chromedp.Click(chromedp.CSS("#go")))
	p.await(t, `document.body.dataset.result === "silent"`)
	if got := said[initData](t, p, "VFM.init"); got.Code != 0 || got.Msg != "ok" || got.NetType != "4g" || got.AppID == "" {
		t.Errorf("init: %+v", got)
	}
	info := said[tokenInfo](t, p, "VFM.getTokenInfo")
	if info.Code != 0 || info.Message != "获取token成功" || !strings.HasPrefix(info.Token, "STsid") || info.UserInformarion == "" || info.UserInformarion != info.UserInformation {
		t.Errorf("token: %+v", info)
	}
	checkFingerprint(t, p, info.UserInformation)
	if got := said[verified](t, p, "POST /vfmobile/prove"); got.Answer.Status != "success" || !got.Answer.Result.Identical || got.Answer.Result.Msg != "认证通过" || got.Answer.Result.Step != "silent" {
		t.Errorf("verified: %+v", got)
	}
	p.show(t, 1200, 1000, "light")
	p.screenshot(t, "number")

	// Telecom's SIM: Mobile's gateway says no, the next one answers.
	p.choose(t, "carrier", "3")
	p.do(t, chromedp.Click(chromedp.CSS("#go")))
	p.await(t, `document.body.dataset.result === "silent"`)
	if info := said[tokenInfo](t, p, "VFM.getTokenInfo"); info.Code != 0 || !strings.HasPrefix(info.Token, "nm") {
		t.Errorf("Telecom's token: %+v", info)
	}

	p.choose(t, "carrier", "1")
	p.choose(t, "network", "wifi")
	p.do(t, chromedp.Click(chromedp.CSS("#go")))
	p.await(t, `!document.querySelector("#with-code").hidden`)
	failed := said[map[string]json.RawMessage](t, p, "VFM.getTokenInfo")
	for _, name := range []string{"code", "message", "YDData", "CTData", "CUData", "respCode"} {
		if _, ok := failed[name]; !ok {
			t.Errorf("the failure has no %s: %s", name, failed)
		}
	}
	if string(failed["code"]) == "0" || string(failed["token"]) != `""` {
		t.Errorf("the failure: %s", failed)
	}
	if got := said[initData](t, p, "VFM.init"); got.NetType != "wifi" {
		t.Errorf("init on Wi-Fi: %+v", got)
	}
	code := dev.AwaitCode(phone, 0)
	p.do(t, chromedp.SendKeys(chromedp.CSS("#code"), code), chromedp.Click(chromedp.CSS("#check")))
	p.await(t, `document.body.dataset.result === "sms"`)
	if states := eval[string](t, p, `[...document.querySelectorAll("#plan li")].map((li) => li.className).join()`); states != "failed,done," {
		t.Errorf("the plan's steps are %s", states)
	}
	p.show(t, 1200, 1000, "dark")
	p.screenshot(t, "number-wifi")
	p.show(t, 390, 844, "light")
	if wide := eval[int](t, p, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d pixels wide on a narrow screen", wide)
	}
	p.clean(t, dev.BaseURL)
}

// checkFingerprint holds userInformation to contracts/submail.md §9: platform,
// user agent and an MD5, joined by @@, in Base64, percent-encoded.
func checkFingerprint(t *testing.T, p *page, text string) {
	t.Helper()
	plain, err := url.QueryUnescape(text)
	if err != nil || strings.ContainsAny(text, "+/=") {
		t.Errorf("userInformation %q: %v", text, err)
	}
	raw, err := base64.StdEncoding.DecodeString(plain)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(raw), "@@")
	if len(parts) != 3 || parts[0] != eval[string](t, p, "navigator.platform") || parts[1] != eval[string](t, p, "navigator.userAgent") ||
		!regexp.MustCompile("^[0-9a-f]{32}$").MatchString(parts[2]) {
		t.Errorf("userInformation is %q", parts)
	}
}

// TestNumberOfAnotherSIM: the carrier's no is no login; the plan goes on.
func TestNumberOfAnotherSIM(t *testing.T) {
	dev := process.Dev(t, binary, t.TempDir())
	p := openNumber(t, dev)
	p.choose(t, "sim", "13900139000")
	p.do(t, chromedp.Click(chromedp.CSS("#go")))
	p.await(t, `!document.querySelector("#with-code").hidden`)
	if got := said[verified](t, p, "POST /vfmobile/prove"); got.Answer.Status != "pending" || got.Answer.Result.Identical || got.Answer.Result.Step != "sms" || got.Answer.Result.Next != "voice" {
		t.Errorf("verified: %+v", got)
	}
	// The last step of the plan: a call, whose code is no message's.
	sms := dev.AwaitCode(phone, 0)
	p.await(t, `!document.querySelector("#voice").hidden`)
	p.do(t, chromedp.Click(chromedp.CSS("#voice")))
	p.await(t, `document.querySelector("#with-code").dataset.step === "voice"`)
	spoken := dev.AwaitCode(phone, 1)
	if calls := dev.Messages(phone); calls[0].Channel != "voice" || spoken == sms {
		t.Errorf("%s after %s: %+v", spoken, sms, calls)
	}
	p.do(t, chromedp.SendKeys(chromedp.CSS("#code"), spoken), chromedp.Click(chromedp.CSS("#check")))
	p.await(t, `document.body.dataset.result === "voice"`)
	if states := eval[string](t, p, `[...document.querySelectorAll("#plan li")].map((li) => li.className).join()`); states != "failed,failed,done" {
		t.Errorf("the plan's steps are %s", states)
	}
	p.show(t, 1200, 1300, "light")
	p.screenshot(t, "number-voice")
	// RFC 1321 A.5, and a text longer than one block.
	for text, want := range map[string]string{"": "d41d8cd98f00b204e9800998ecf8427e", "abc": "900150983cd24fb0d6963f7d28e17f72",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890": "57edf4a22be3c955ac49da2e2107b67a"} {
		if got := eval[string](t, p, fmt.Sprintf(`VFM.md5(%q)`, text)); got != want {
			t.Errorf("md5(%q) = %s, want %s", text, got, want)
		}
	}
	p.clean(t, dev.BaseURL)
}

// TestForeignPage: a page of another origin may use the script when the app
// lists it, and not before (contracts/README.md §3.3).
func TestForeignPage(t *testing.T) {
	dev := process.Dev(t, binary, t.TempDir())
	var card struct {
		OperatorURL   string `json:"operator_url"`
		OperatorToken string `json:"operator_token"`
		Submail       struct {
			AppID string `json:"appid"`
		} `json:"submail"`
	}
	written, err := os.ReadFile(filepath.Join(dev.Folder, "dev.json"))
	if err == nil {
		err = json.Unmarshal(written, &card)
	}
	if err != nil {
		t.Fatal(err)
	}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><script src="`+dev.BaseURL+`/libraries/js/vfmobile.min.js"></script>`)
	}))
	t.Cleanup(shop.Close)
	p := open(t)
	p.do(t, chromedp.Navigate(shop.URL))
	p.await(t, `window.VFM !== undefined`)
	run := func() string {
		eval[bool](t, p, fmt.Sprintf(`(() => { window.got = ""; VFM.sim = {number: "+8613800138000"};
			VFM.init({appid: %q, error: (d) => { window.got = "init " + d.code; },
				success: () => VFM.getTokenInfo({success: (r) => { window.got = "token " + r.code; }, error: (r) => { window.got = "none " + r.code; }})}); return true; })()`, card.Submail.AppID))
		p.await(t, `window.got !== ""`)
		return eval[string](t, p, `window.got`)
	}
	if got := run(); got != "init 500" { // the browser keeps the answer from the page
		t.Errorf("a page that is not listed: %s", got)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, card.OperatorURL+"/admin/apps/1", strings.NewReader(fmt.Sprintf(`{"origins":[%q]}`, shop.URL)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+card.OperatorToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("list the origin: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	if got := run(); got != "token 0" {
		t.Errorf("a page that is listed: %s", got)
	}
}
