//go:build interop

package browser

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/test/process"
)

// npmFolder has the front ends that are not ours.
const npmFolder = "npm"

// site is somebody's site: its pages, and the captcha's routes of the server
// behind them, under one origin.
type site struct {
	*httptest.Server
	client string // sent along as X-client-id; "" sends none, as stock front ends do
}

func newSite(t *testing.T, dev *process.DevServer, pages map[string]string, folders ...string) *site {
	t.Helper()
	if _, err := os.Stat(filepath.Join(npmFolder, "node_modules")); err != nil {
		process.Missing(t, "the npm packages are not installed; scripts/setup.sh installs them")
	}
	behind, err := url.Parse(dev.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	mux := http.NewServeMux()
	mux.Handle("/captcha/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host // its pages are this host's own
		if s.client != "" {
			r.Out.Header.Set("X-client-id", s.client)
		}
	}})
	for path, page := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html;charset=utf-8")
			_, _ = io.WriteString(w, page)
		})
	}
	for _, folder := range folders {
		files := http.FileServer(http.Dir(folder))
		mux.Handle("GET /"+filepath.Base(folder)+"/", http.StripPrefix("/"+filepath.Base(folder), files))
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// sendWith asks for a code with a proof that a front end gave: empty is sent,
// else the error_code.
func sendWith(t *testing.T, dev *process.DevServer, number, proof string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"mobile": number, "type": "LOGIN_SMS", "captcha_token": proof})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, dev.BaseURL+"/api/v2/sdk/sms/send", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json;charset=utf8", "X-client-id": dev.OneAccess.ClientID,
		"X-operating-sys-version": "Android 10", "X-device-fingerprint": "156aysdna213sac", "X-agent": "test"} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct {
		Code string `json:"error_code"`
	}
	_ = json.NewDecoder(answer.Body).Decode(&said) // a code that was sent has no body
	if answer.StatusCode != http.StatusOK && said.Code == "" {
		t.Fatalf("sms/send: status %d", answer.StatusCode)
	}
	return said.Code
}

// takes sends a code with a proof, which must work once and only once.
func takes(t *testing.T, dev *process.DevServer, number, proof string) {
	t.Helper()
	if code := sendWith(t, dev, number, proof); code != "" {
		t.Fatalf("sms/send refuses the proof with %s", code)
	}
	dev.AwaitCode(number, 0)
	if code := sendWith(t, dev, "13700137000", proof); code != "IDAAS.SDK.CAPTCHA.0002" {
		t.Errorf("the proof a second time: %q", code)
	}
}

const ajPage = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/out/aj.css"><div id="page"></div><script src="/out/aj.js"></script>`

// TestStockFrontEnds: what others published works as it is.
func TestStockFrontEnds(t *testing.T) {
	t.Parallel()
	dev := process.Dev(t, binary, t.TempDir())
	out, modules := filepath.Join(t.TempDir(), "out"), filepath.Join(npmFolder, "node_modules")
	front := newSite(t, dev, map[string]string{
		"/aj":       ajPage,
		"/altcha/2": widget("/node_modules/altcha-v2/dist/altcha.js", "challengeurl", dev.OneAccess.ClientID),
		"/altcha/3": widget("/node_modules/altcha/dist/main/altcha.js", "challenge", dev.OneAccess.ClientID),
	}, out, modules)
	build := exec.Command("node", "build.js", out)
	build.Dir = npmFolder
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("bundle: %v: %s", err, said)
	}
	p := open(t)
	p.show(t, 900, 600, "light")
	p.checkWidgets(t, dev, front)
	p.checkAJ(t, dev, front)
	p.clean(t, front.URL)
}

// checkWidgets: the ALTCHA widgets of both generations solve the server's proof
// of work, and what they give is taken as a captcha_token, once.
func (p *page) checkWidgets(t *testing.T, dev *process.DevServer, front *site) {
	t.Helper()
	for path, number := range map[string]string{"/altcha/2": "13800138003", "/altcha/3": "13800138004"} {
		p.do(t, chromedp.Navigate(front.URL+path))
		p.await(t, `window.payload !== undefined`)
		takes(t, dev, number, eval[string](t, p, `window.payload`))
	}
	p.screenshot(t, "altcha")
}

// checkAJ: a slide captcha of the AJ project (contracts/oneaccess.md §7) works
// against the AJ routes: first as it is, then with the key that the app turns
// on. Its captchaVerification is a captcha_token.
func (p *page) checkAJ(t *testing.T, dev *process.DevServer, front *site) {
	t.Helper()
	if proof := p.slide(t, front, "aj"); !strings.Contains(proof, "---{") {
		t.Errorf("captchaVerification %q", proof)
	} else {
		takes(t, dev, "13800138001", proof)
	}
	front.client = dev.OneAccess.ClientID
	turnOnAES(t, dev)
	if proof := p.slide(t, front, ""); strings.Contains(proof, "---") {
		t.Errorf("captchaVerification is not encrypted: %q", proof)
	} else {
		takes(t, dev, "13800138002", proof)
	}
}

// slide opens the captcha, drags the piece to the gap on the screen, and gives
// what the front end made of it.
func (p *page) slide(t *testing.T, front *site, name string) string {
	t.Helper()
	p.do(t, chromedp.Navigate(front.URL+"/aj"))
	p.await(t, `document.querySelector("#open") !== null`)
	p.do(t, chromedp.Click(chromedp.CSS("#open")))
	p.await(t, `document.querySelector(".ac-slider__image img")?.naturalWidth === 310 && document.querySelector(".ac-slider__puzzle img")?.naturalWidth === 47`)
	p.pull(t, p.rect(t, ".ac-slider__image img"), p.rect(t, ".ac-slider__control"), name)
	p.await(t, `window.verified !== undefined`)
	return eval[string](t, p, `window.verified`)
}

// turnOnAES lets the demo app encrypt what its front ends say.
func turnOnAES(t *testing.T, dev *process.DevServer) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, dev.OperatorURL+"/admin/apps/1/oneaccess", strings.NewReader(`{"captcha_aes":true}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+dev.OperatorToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("turn on AES: status %d: %s", answer.StatusCode, said)
	}
}

// widget is a page with an ALTCHA widget; attribute is where it reads its
// challenge from.
func widget(script, attribute, client string) string {
	return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="` + script + `"></script>
<form><altcha-widget auto="onload" ` + attribute + `="/captcha/altcha/challenge?client_id=` + client + `&amp;fingerprint=156aysdna213sac"></altcha-widget></form>
<script>document.querySelector("altcha-widget").addEventListener("statechange", (e) => { window.state = e.detail.state; if (e.detail.payload) window.payload = e.detail.payload; });
document.querySelector("altcha-widget").addEventListener("verified", (e) => { window.payload = e.detail.payload; });</script>`
}
