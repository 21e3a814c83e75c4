package yunbox_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/obs"
)

// shape is the only form that a failure has (contracts/yunbox.md §1).
var shape = regexp.MustCompile(`\A\{"code":"(-1|0\d{3})","msg":"[A-Za-z_ .:\-0-9]+"\}\z`)

// success is the only other form. HEAD has no body.
var success = regexp.MustCompile(`\A\{"status":"ok","(phone_no|yb_uid|device_id|device_ids)":["\[][^{}]*\}\z`)

// badBodies are what clients and attackers send (requirement row 44). KEY is
// the app's key.
var badBodies = []string{
	"", " ", "\x00", "null", "true", "0", "-", `"KEY"`, "[]", "[{}]", "{", "}", "{}", "{}{}", "{}\x00", "{},", `{"key"}`, `{"key":}`,
	"key=KEY&phone_no=13800138000", "<key>KEY</key>", "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nKEY\r\n--b--",
	"\xff\xfe{\x00}\x00", "\xfe\xff\x00{\x00}", "\xef\xbb\xbf", "\xef\xbb\xbf{}", "\xbc\xfc", "\x1f\x8b\x08\x00",
	`{"key":"KEY"}`, `{"key":"KEY","phone_no":"13800138000"}`, `{"KEY":"KEY","PHONE_NO":"13800138000"}`,
	`{"key":"KEY","phone_no":null}`, `{"key":"KEY","phone_no":1e400}`, `{"key":"KEY","phone_no":13800138000.0}`,
	`{"key":"KEY","phone_no":[],"user_input_code":{}}`, `{"key":{"key":"KEY"},"phone_no":"13800138000"}`,
	`{"key":"KEY","phone_no":"\u0000"}`, `{"key":"\u0000","phone_no":"1"}`, `{"key":"KEY","phone_no":"\ud800"}`,
	`{"key":"KEY","phone_no":"13800138000\u2028"}`, "{\"key\":\"KEY\",\"phone_no\":\"1\xc0\x80\"}", "{\"key\":\"KEY\",\"phone_no\":\"\xed\xa0\x80\"}",
	`{"key":"KEY","phone_no":"１３８００１３８０００","user_input_code":"１２３４"}`, `{"key":"KEY","phone_no":"+","user_input_code":"1234"}`,
	`{"key":"KEY","phone_no":"00","user_input_code":"1234"}`, `{"key":"KEY","phone_no":"+999999999999999999999","user_input_code":"1234"}`,
	`{"key":"KEY","phone_no":"' OR 1=1 --","user_input_code":"' OR 1=1 --"}`, `{"key":"KEY","phone_no":"%00","user_input_code":"%n%n%s"}`,
	`{"key":"KEY","phone_no":"13800138000\r\nX-Injected: 1","user_input_code":"12\r\n34"}`,
	`{"key":"KEY","phone_no":"12345678910","user_input_code":"٤٤٣٣"}`, `{"key":"KEY","phone_no":"13800138000","user_input_code":"000000"}`,
	`{"key":"KEY","key":"x","phone_no":"13800138000"}`, `{"__proto__":{"key":"KEY"},"constructor":1}`,
	`{"key":"KEY","phone_no":"` + strings.Repeat("1", 60000) + `"}`, `{"key":"` + strings.Repeat("K", 60000) + `","phone_no":"1"}`,
	`{"key":"KEY","x":` + strings.Repeat("[", 32000) + strings.Repeat("]", 32000) + `}`,
	strings.Repeat(`{"a":`, 10000), `{` + strings.Repeat(`"":1,`, 10000) + `"key":"KEY"}`, strings.Repeat(" ", 65536), strings.Repeat("x", 65537),
	`{"key":"KEY","phone_no":"1","x":"` + strings.Repeat("y", 1<<20) + `"}`,
}

var badHeaders = [][]string{
	nil,
	{"Content-Type", "application/json; charset=GBK"},
	{"Content-Type", "multipart/form-data"},
	{"Content-Type", "\x80\xff;;;="},
	{"Content-Encoding", "gzip"},
	{"X-API-Key", "KEY"},
	{"X-API-Key", strings.Repeat("k", 5000)},
	{"X-API-Key", "\xff\xfe"},
	{"X-End-User-IP", "999.1.1.1, ::", "X-Forwarded-For", "a, b,,,", "X-Request-Id", "../../etc"},
	{"Accept", ",;,application/json;;q=x,", "Cookie", "a=b", "Idempotency-Key", ""},
}

// badRoutes: UID is a user of the app, DEVICE one of its devices.
var badRoutes = []string{
	"/get-code", "/check-code", "/get-code/?a=%zz", "/u/UID/devices", "/u/UID/devices/DEVICE/tunnel", "/u/abc/devices",
	"/u/" + strings.Repeat("y", 8000) + "/devices", "/u/%00/devices", "/u/%ff%fe/devices/%ff/tunnel", "/u/../devices", "/u/%2e%2e%2f/devices",
	"/u/UID%0d%0a/devices", "/u/yb%F0%9F%98%80/devices", "/u/UID/devices/%27%20OR%201=1/tunnel", "/u/", "/u//////",
	"/u/yb7zzzzzzzzzzzzzzzzzzzzzzzzz/devices", "/u/ybzzzzzzzzzzzzzzzzzzzzzzzzzz/devices",
}

// prober sends bad requests and holds the answers to the dialect.
type prober struct {
	env         *env
	uid, device string
}

// probe reports what is wrong with the answer to one request.
func (p prober) probe(t *testing.T, method, route string, header []string, body string) {
	t.Helper()
	fill := strings.NewReplacer("KEY", mainKey, "UID", p.uid, "DEVICE", p.device)
	r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(fill.Replace(body)))
	r.Method = method
	path, query, _ := strings.Cut(fill.Replace(route), "?")
	r.URL.RawQuery = query
	if parsed, err := r.URL.Parse(path); err == nil && !strings.Contains(path, "..") {
		r.URL.Path, r.URL.RawPath = parsed.Path, parsed.RawPath
	} else {
		r.URL.Path, r.URL.RawPath = path, ""
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], fill.Replace(header[i+1]))
	}
	w := httptest.NewRecorder()
	p.env.server.Config.Handler.ServeHTTP(w, r)
	p.env.clock.Advance(2 * time.Minute) // no limit shall hide a fault

	answer := w.Body.String()
	what := fmt.Sprintf("%s %.80q %.40q %.80q = %d %.200q", method, route, header, body, w.Code, answer)
	isTunnel := w.Code == http.StatusOK && strings.HasPrefix(answer, "[Interface]\n")
	if w.Code >= http.StatusInternalServerError || !shape.MatchString(answer) && !success.MatchString(answer) && !isTunnel {
		t.Error("not the dialect's answer:", what)
	}
	for _, name := range []string{"X-Request-Id", "Cache-Control", "Content-Type"} {
		if w.Header().Get(name) == "" {
			t.Errorf("no %s: %s", name, what)
		}
	}
	if w.Header().Get("X-Injected") != "" || w.Header().Get("X-Request-Id") == "../../etc" || strings.Contains(answer, mainKey) {
		t.Error("input leaks into the answer:", what)
	}
}

func newProber(t testing.TB) prober {
	t.Helper()
	e := start(t)
	login := post(t, e, "/check-code", `{"key":"`+mainKey+`","phone_no":"12345678910","user_input_code":"4433"}`)
	uid := regexp.MustCompile(`yb[0-9a-z]{26}`).FindString(login)
	device := regexp.MustCompile(`dv[0-9a-z]{26}`).FindString(post(t, e, "/u/"+uid+"/devices", `{"key":"`+mainKey+`"}`))
	if uid == "" || device == "" {
		t.Fatalf("no user or device: %s", login)
	}
	return prober{env: e, uid: uid, device: device}
}

func post(t testing.TB, e *env, path, body string, header ...string) string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, e.server.URL+path, strings.NewReader(body))
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(text)
}

// TestReq44_BadInput sends every bad body to every route with every header:
// always the dialect's shape, never a 5xx, never anything of the input.
func TestReq44_BadInput(t *testing.T) {
	p := newProber(t)
	for _, route := range badRoutes {
		for _, body := range badBodies {
			p.probe(t, http.MethodPost, route, nil, body)
		}
		for _, header := range badHeaders {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "GARBAGE", ""} {
				if method == "HEAD" {
					continue // has no body to look at; TestReq43 has it
				}
				p.probe(t, method, route, header, `{"key":"KEY","phone_no":"1"}`)
			}
		}
	}
	for _, e := range p.env.events.all() {
		if e.Stack != nil {
			t.Fatalf("a handler panicked: %v\n%s", e.Err, e.Stack)
		}
	}
}

// FuzzReq44_Request looks for more of them.
func FuzzReq44_Request(f *testing.F) {
	for i, body := range badBodies {
		if len(body) < 1000 {
			f.Add("POST", badRoutes[i%len(badRoutes)], "X-API-Key", "KEY", body)
		}
	}
	p := newProber(f)
	f.Fuzz(func(t *testing.T, method, route, name, value, body string) {
		if method == http.MethodHead || !strings.HasPrefix(route, "/u/") {
			return // no body to look at; nobody's path
		}
		p.probe(t, method, route, []string{name, value}, body)
	})
}

// canaries are personal data and secrets that a request can hold.
var canaries = []string{mainKey, "13800138765", "8613800138765", "771234", "13912345678"}

// TestReq14_NothingPersonalInEvents puts them into every input, and reads the
// events and the log that obs makes of them.
func TestReq14_NothingPersonalInEvents(t *testing.T) {
	e := start(t)
	send := func(path, body string, header ...string) {
		post(t, e, path, strings.NewReplacer("KEY", mainKey).Replace(body), header...)
		e.clock.Advance(61 * time.Second)
	}
	for _, path := range []string{"/get-code", "/check-code", "/u/13800138765/devices", "/u/" + mainKey + "/devices", "/13800138765"} {
		send(path, `{"key":"KEY","phone_no":"13800138765","user_input_code":"771234"}`)
		send(path, `{"key":"KEY","phone_no":"138-0013-8765","user_input_code":"771234"}`)
		send(path, `{"key":"KEY","phone_no":"KEY","user_input_code":"KEY"}`)
		send(path, `{"key":"13912345678","phone_no":"771234","user_input_code":"13800138765"}`)
		send(path, `{"key":"KEY","phone_no":"+8613800138765\r\nlevel=ERROR","user_input_code":"771234"}`)
		send(path, `{"13800138765":"KEY"`, "X-API-Key", mainKey, "X-Request-Id", "13800138765", "X-Forwarded-For", "13800138765")
	}
	e.engine.down.Store(true) // its error text holds a number
	send("/get-code", `{"key":"KEY","phone_no":"13912345678"}`)
	send("/check-code", `{"key":"KEY","phone_no":"13912345678","user_input_code":"771234"}`)

	var log bytes.Buffer
	out := obs.NewWriter(&log, time.Now, obs.WriterOptions{})
	requests := obs.NewRequests(out, slog.LevelDebug, obs.NewMetrics())
	var masked int
	for _, event := range e.events.all() {
		requests.Observe(event)
		cause := event.Err
		event.Err = nil // printed by obs, which scrubs causes
		if text := fmt.Sprintf("%+v %#v", event, event); contains(text, canaries) != "" {
			t.Errorf("an event holds %s: %s", contains(text, canaries), text)
		}
		if cause != nil && contains(cause.Detail+cause.Field, canaries) != "" {
			t.Errorf("an error's detail holds %s", contains(cause.Detail, canaries))
		}
		if event.Phone.Masked() == "138****8765" {
			masked++
		}
	}
	must(t, out.Close())
	if found := contains(log.String(), append(canaries, "13800138000", "level=ERROR")); found != "" || log.Len() == 0 {
		t.Errorf("the log holds %q:\n%s", found, log.String())
	}
	if masked == 0 || !strings.Contains(log.String(), "138****8765") {
		t.Error("the masked number is missing")
	}
}

func contains(text string, canaries []string) string {
	for _, canary := range canaries {
		if strings.Contains(text, canary) {
			return canary
		}
	}
	return ""
}
