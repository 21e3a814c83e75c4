package submail_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/obs"
)

// shapes are the only forms that answers have (contracts/submail.md §3.2, §7–§9).
var shapes = []*regexp.Regexp{
	regexp.MustCompile(`\A\{"status":"error","code":(-1|13\d\d),"msg":"[A-Za-z ,.:0-9]+","msg_id":"[0-9a-f]{32}"\}\z`),
	regexp.MustCompile(`\A\{"status":"success","msg_id":"[0-9a-f]{32}","result":\{"identical":(true|false),"msg":"认证(不)?通过"\}\}\z`),
	regexp.MustCompile(`\A\{"code":"11\d\d","send_id":"[0-9a-f]{32}","msg":"[A-Za-z :0-9]+"\}\z`),
	regexp.MustCompile(`\A\{"code":"0","send_id":"[0-9a-f]{32}","mobile":"\+?\d+"\}\z`),
	regexp.MustCompile(`\A\{"timestamp":\d+\}\z`),
	regexp.MustCompile(`\A\{"status":"runing","runtime":\d+\.\d+\}\z`),
	regexp.MustCompile(`\A\{"code":0,"msg":"ok","appid":"[^"]*","session":"[0-9a-f]{32}","gateways":\[.*\]\}\z`),
	regexp.MustCompile(`(?s)\A\{"code":\d+,"msg":"[a-z ]+","appid":".*"\}\z`),
	regexp.MustCompile(`(?s)\A\{"code":\d+,"message":"[^"]+"(,"token":".*")?\}\z`),
	regexp.MustCompile(`(?s)\A(/\*! vfmobile|\z)`), // the script; a preflight
}

// badBodies are what clients and attackers send (requirement row 44, issue 7).
// SIGNED is what a right request begins with.
var badBodies = []string{
	"", " ", "\x00", "null", "true", "0", `"x"`, "[]", "{", "}", "{}", "{}{}", "{}\x00", "&", "=", "&&==&", "%", "%zz=1", "appid", "appid=%00", "appid=\xff",
	"appid=10001", "appid=10001&os=3", "appid=10001&os=1&timestamp=170000000", "appid=10001&os=1&timestamp=17000000000", "appid=10001&os=1&timestamp=170000000000",
	"appid=10001&os=1&timestamp=17000000000000", "appid=10001&os=1&timestamp=-170000000", "appid=10001&os=1&timestamp=9999999999999&token=x",
	"appid=10001&os=1&timestamp=1700000000&token=" + strings.Repeat("t", 4097), "appid=10001&os=1&timestamp=1700000000&token=a%00b&signature=x",
	"appid=10001&os=1&timestamp=1700000000&token=x&signature=' OR 1=1", "SIGNED&type=4", "SIGNED&mobile_number=%2B", "SIGNED&userInformation=" + strings.Repeat("u", 5000),
	"SIGNED&mobile_number=%D9%A1%D9%A3", "SIGNED&type=1&type=2", "SIGNED&os=3", "SIGNED&token=used",
	`{"appid":{"appid":"10001"}}`, `{"appid":1e400}`, `{"appid":"\ud800"}`, `{"appid":"10001","os":"1","timestamp":1.7e9}`, `{"appid":10001,"os":1,"timestamp":1700000000,"token":"a\u0000"}`,
	`{"__proto__":{"appid":"10001"}}`, `{"x":` + strings.Repeat("[", 32000) + strings.Repeat("]", 32000) + `}`, strings.Repeat(`{"a":`, 10000), strings.Repeat("a=1&", 16000),
	"--b\r\nContent-Disposition: form-data; name=\"appid\"\r\n\r\n10001\r\n--b--", "--b--", "--b", "--b\r\n\r\n\r\n--b--", "--b\r\nContent-Disposition: x; name=\r\n\r\n\r\n--b--",
	strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"os\"\r\n\r\n\r\n", 1000), "--b\r\n" + strings.Repeat("A: b\r\n", 9000) + "\r\n\r\n--b--",
	`{"session":"00","type":1,"token":"x"}`, `{"session":"` + strings.Repeat("f", 32) + `","type":1,"token":"x"}`, strings.Repeat("x", 65537),
}

var badTypes = []string{"", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=\"\x80\"",
	"multipart/form-data; boundary=" + strings.Repeat("b", 5000), "text/xml", "\x80\xff;;;=", "application/json; charset=GBK", ";", "multipart/mixed; boundary=b"}

var badRoutes = []string{"/vfmobile/verify", "/vfmobile/Verify.json", "/vfmobile/verify.xml", "/vfmobile/", "/ocl/getMobile", "/ocl/getMobile_v2.json", "/ocl/x", "/service/timestamp",
	"/service/status.json", "/service/%00", "/vfmobile/init?appid=%ff%00\"", "/vfmobile/init?appid=10001&appid=", "/vfmobile/init?%zz", "/vfmobile/token", "/vfmobile/prove", "/vfmobile/prove/check", "/libraries/js/vfmobile.min.js"}

// prober sends bad requests and holds the answers to the dialect.
type prober struct{ env *env }

func (p prober) probe(t *testing.T, method, route, contentType, name, value, body string) {
	t.Helper()
	body = strings.ReplaceAll(body, "SIGNED", "appid=10001&os=1&timestamp=1700000000&token=used&mobile_number=13800138000&userInformation=u&signature="+sign(appkey, "1700000000", "used"))
	r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
	r.Method = method
	path, query, _ := strings.Cut(route, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if name != "" {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	p.env.server.Config.Handler.ServeHTTP(w, r)
	answer := w.Body.String()
	what := fmt.Sprintf("%s %.80q %.60q %.80q = %d %.200q", method, route, contentType, body, w.Code, answer)
	ok := false
	for _, shape := range shapes {
		ok = ok || shape.MatchString(answer)
	}
	if !ok || w.Code >= http.StatusInternalServerError {
		t.Error("not the dialect's answer:", what)
	}
	for _, name := range []string{"X-Request-Id", "Cache-Control"} {
		if w.Header().Get(name) == "" {
			t.Errorf("no %s: %s", name, what)
		}
	}
	if strings.Contains(answer, appkey) || strings.Contains(answer, "500 internal") {
		t.Error("a fault of ours:", what)
	}
}

// newProber has no limit that could hide a fault.
func newProber(t testing.TB) prober {
	e := start(t)
	e.limitsOff(t)
	return prober{e}
}

// TestReq44_BadInput sends every bad body to every route in every form: always
// the dialect's shape, never a 5xx.
func TestReq44_BadInput(t *testing.T) {
	p := newProber(t)
	for _, route := range badRoutes {
		types := badTypes
		if route != "/vfmobile/verify" && route != "/ocl/getMobile" && route != "/vfmobile/token" {
			types = types[:1] // the others read bodies by the same code, or none
		}
		for _, contentType := range types {
			for _, body := range badBodies {
				p.probe(t, http.MethodPost, route, contentType, "", "", body)
			}
		}
		for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "GARBAGE", ""} {
			for _, origin := range []string{"null", "https://evil.example", origin, "\xff", strings.Repeat("o", 5000)} {
				p.probe(t, method, route, "", "Origin", origin, "")
			}
		}
	}
	for _, e := range p.env.events.all() {
		if e.Stack != nil {
			t.Fatalf("a handler panicked: %v\n%s", e.Err, e.Stack)
		}
	}
}

// FuzzReq44_Body looks for more of them: form, multipart and JSON.
func FuzzReq44_Body(f *testing.F) {
	for i, body := range badBodies {
		if len(body) < 1000 {
			f.Add("POST", badRoutes[i%len(badRoutes)], badTypes[i%4], "Origin", "null", body)
		}
	}
	p := newProber(f)
	f.Fuzz(func(t *testing.T, method, route, contentType, name, value, body string) {
		if method == http.MethodHead || !strings.HasPrefix(route, "/vfmobile/") && !strings.HasPrefix(route, "/ocl/") || strings.Contains(route, "\n") {
			return // no body to look at; nobody's path
		}
		p.probe(t, method, route, contentType, name, value, body)
	})
}

// canaries are personal data and secrets that a request can hold.
var canaries = []string{appkey, "13800138765", "secret-proof-771234", "fingerprint-of-a-browser"}

// TestReq14_NothingPersonalInEvents puts them into every input, and reads the
// events and the log that obs makes of them.
func TestReq14_NothingPersonalInEvents(t *testing.T) {
	e := start(t)
	send := func(path, contentType, body string) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		e.server.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	token := "secret-proof-771234"
	right := "appid=10001&os=1&timestamp=1700000000&token=" + token + "&mobile_number=13800138765&userInformation=fingerprint-of-a-browser&signature=" + sign(appkey, "1700000000", token)
	for _, body := range []string{right, right, right + "&type=4", right + "&mobile_number=138-0013-8765", "appid=13800138765", "appid=" + appkey, right + "&os=13800138765",
		strings.Replace(right, "token="+token, "token=13800138765", 1)} {
		for _, path := range []string{"/vfmobile/verify", "/ocl/getMobile", "/vfmobile/token", "/vfmobile/13800138765"} {
			send(path, "application/x-www-form-urlencoded", body)
			send(path, "application/json", body)
		}
	}
	e.carrier.set("proof 606 13800138765 " + token)
	send("/vfmobile/verify", "application/x-www-form-urlencoded", strings.ReplaceAll(right, token, "other-proof"))

	var log bytes.Buffer
	out := obs.NewWriter(&log, time.Now, obs.WriterOptions{})
	requests := obs.NewRequests(out, slog.LevelDebug, obs.NewMetrics())
	for _, event := range e.events.all() {
		requests.Observe(event)
		event.Err = nil // printed by obs, which scrubs causes
		if text := fmt.Sprintf("%+v %#v", event, event); contains(text) != "" {
			t.Errorf("an event holds %s: %s", contains(text), text)
		}
	}
	must(t, out.Close())
	if found := contains(log.String()); found != "" || log.Len() == 0 {
		t.Errorf("the log holds %q:\n%s", found, log.String())
	}
	if !strings.Contains(log.String(), "138****8765") {
		t.Error("the masked number is missing")
	}
}

func contains(text string) string {
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			return canary
		}
	}
	return ""
}
