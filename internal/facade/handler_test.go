package facade

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// events is an Observer that keeps what it sees.
type events struct {
	mu   sync.Mutex
	seen []Event
}

func (e *events) Observe(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, event)
}

func (e *events) last(t *testing.T) Event {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.seen) == 0 {
		t.Fatal("no event")
	}
	return e.seen[len(e.seen)-1]
}

// toy is a dialect whose error is its kind, and whose /echo answers its body.
func toy(name string, owns ...string) *Facade {
	f := &Facade{Name: name, Owns: append(owns, "/echo", "/things/")}
	f.Refuse = func(x *Exchange, err *core.Error) {
		x.Status, x.Event.Code = 400, err.Kind.String()
		x.Out = fmt.Appendf(x.Out, "%s: %s", f.Name, err.Kind)
	}
	echo := func(_ context.Context, x *Exchange) error {
		body, err := x.ReadBody()
		x.Out = append(x.Out, body...)
		return err
	}
	thing := func(_ context.Context, x *Exchange) error {
		x.Out = append(x.Out, x.Param("name")+"|"+x.Param("part")+"|"+x.Param("none")...)
		return nil
	}
	f.Routes = []Route{
		{Name: "echo", Method: "POST", Path: "/echo", BodyCap: 10, Handle: echo},
		{Name: "get-thing", Method: "GET", Path: "/things/{name}", Handle: thing},
		{Name: "put-thing", Method: "PUT", Path: "/things/{name}", Handle: thing},
		{Name: "get-part", Method: "GET", Path: "/things/{name}/parts/{part}", Handle: thing},
	}
	return f
}

type server struct {
	*httptest.Server
	events *events
}

func serve(t *testing.T, c Config) server {
	t.Helper()
	seen := &events{}
	c.Observer, c.Random = seen, rand.Reader
	if c.Now == nil {
		c.Now = time.Now
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return server{s, seen}
}

// ask sends one request; host "" is the server's.
func (s server) ask(t *testing.T, method, host, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(got)
}

const notFound = `{"error":{"code":"not_found","message":"There is nothing at this path."}}`

func TestRouting(t *testing.T) {
	s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}})
	for _, c := range []struct{ method, path, want, allow string }{
		{"POST", "/echo", "hi", ""},
		{"POST", "/echo/", "hi", ""},
		{"POST", "/echo?query=1", "hi", ""},
		{"POST", "/%65cho", "hi", ""},
		{"POST", "/echo//", notFound, ""},
		{"POST", "//echo", notFound, ""},
		{"POST", "/Echo", notFound, ""},
		{"POST", "/echo/more", notFound, ""},
		{"POST", "/things", "toy: unknown_path", ""},
		{"POST", "/things/", "toy: unknown_path", ""},
		{"GET", "/things/a/b", "toy: unknown_path", ""},
		{"GET", "/things/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "toy: unknown_path", ""}, // contracts/README.md §3.2
		{"GET", "/nobody/a/b/c/d/e/f/g/h/i/j/k/l/m/n", notFound, ""},
		{"GET", "/thingsandmore", notFound, ""},
		{"GET", "/things/a", "a||", ""},
		{"HEAD", "/things/a", "", ""},
		{"PUT", "/things/a", "a||", ""},
		{"GET", "/things/a%2Fb", "a/b||", ""},
		{"GET", "/things/%E9%AA%8C/parts/x", "验|x|", ""},
		{"GET", "/things//parts/x", "|x|", ""},
		{"GET", "/things/a/parts/x/", "a|x|", ""},
		{"GET", "/echo", "toy: method_not_allowed", "POST"},
		{"OPTIONS", "/echo", "toy: method_not_allowed", "POST"},
		{"DELETE", "/things/a", "toy: method_not_allowed", "GET, HEAD, PUT"},
		{"get", "/things/a", "toy: method_not_allowed", "GET, HEAD, PUT"},
		{"GET", "/nobody", notFound, ""},
		{"POST", "/", `{"error":{"code":"method_not_allowed","message":"This path does not take this method."}}`, "GET, HEAD"},
		{"GET", "/", `{"service":"yanma"}`, ""},
		{"HEAD", "/", "", ""},
	} {
		answer, got := s.ask(t, c.method, "", c.path, "hi")
		if got != c.want || answer.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s = %q, Allow %q, want %q, %q", c.method, c.path, got, answer.Header.Get("Allow"), c.want, c.allow)
		}
		if answer.Header.Get("Cache-Control") != "no-store" || len(answer.Header.Get("X-Request-Id")) != 26 {
			t.Errorf("%s %s: headers %v", c.method, c.path, answer.Header)
		}
	}
}

func TestHostsAndPrefixes(t *testing.T) {
	s := serve(t, Config{Mounts: []Mount{
		{Facade: toy("hosted"), Hosts: []string{"Sms.example.com", "::1"}},
		{Facade: toy("prefixed"), Prefix: "/jsms"},
	}})
	for _, c := range []struct{ host, path, want string }{
		{"sms.example.com", "/echo", "hosted: method_not_allowed"},
		{"SMS.EXAMPLE.COM:8080", "/echo", "hosted: method_not_allowed"},
		{"[::1]:8080", "/echo", "hosted: method_not_allowed"},
		{"other.example.com", "/echo", notFound},
		{"other.example.com", "/jsms/echo", "prefixed: method_not_allowed"},
		{"sms.example.com", "/jsms/things/a", "a||"},
		{"sms.example.com", "/jsms", notFound},
		{"sms.example.com", "/jsms/other", notFound},
		{"sms.example.com", "/jsms/things", "prefixed: unknown_path"},
	} {
		if _, got := s.ask(t, "GET", c.host, c.path, ""); got != c.want {
			t.Errorf("%s%s = %q, want %q", c.host, c.path, got, c.want)
		}
	}
}

func TestNewRefusesConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		mounts []Mount
		ok     bool
	}{
		"same paths":                {[]Mount{{Facade: toy("a")}, {Facade: toy("b")}}, false},
		"one below the other":       {[]Mount{{Facade: toy("a")}, {Facade: toy("b"), Prefix: "/things"}}, false},
		"same host in another case": {[]Mount{{Facade: toy("a"), Hosts: []string{"x"}}, {Facade: toy("b"), Hosts: []string{"X"}}}, false},
		"every host and one":        {[]Mount{{Facade: toy("a")}, {Facade: toy("b"), Hosts: []string{"x"}}}, false},
		"two hosts":                 {[]Mount{{Facade: toy("a"), Hosts: []string{"x"}}, {Facade: toy("b"), Hosts: []string{"y"}}}, true},
		"two prefixes":              {[]Mount{{Facade: toy("a"), Prefix: "/a"}, {Facade: toy("b"), Prefix: "/b"}}, true},
		"prefix without slash":      {[]Mount{{Facade: toy("a"), Prefix: "a"}}, false},
		"prefix with slash at end":  {[]Mount{{Facade: toy("a"), Prefix: "/a/"}}, false},
		"prefix with empty segment": {[]Mount{{Facade: toy("a"), Prefix: "//a"}}, false},
	} {
		if _, err := New(Config{Mounts: c.mounts}); (err == nil) != c.ok {
			t.Errorf("%s: error = %v, want ok = %v", name, err, c.ok)
		}
	}
}

func TestOverload(t *testing.T) {
	f := toy("toy")
	entered, leave := make(chan struct{}), make(chan struct{})
	f.Routes = append(f.Routes, Route{Name: "slow", Method: "GET", Path: "/things/slow/now", Handle: func(context.Context, *Exchange) error {
		entered <- struct{}{}
		<-leave
		return nil
	}})
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	s := serve(t, Config{Mounts: []Mount{{Facade: f}}, InFlight: 1, Native: mux})
	done := make(chan string)
	go func() {
		answer, err := http.Get(s.URL + "/things/slow/now")
		if err != nil {
			done <- err.Error()
			return
		}
		answer.Body.Close()
		done <- answer.Status
	}()
	<-entered
	if _, got := s.ask(t, "POST", "", "/echo", "hi"); got != "toy: overloaded" {
		t.Errorf("second request = %q", got)
	}
	if _, got := s.ask(t, "GET", "", "/healthz", ""); got != "fine" {
		t.Errorf("health = %q", got)
	}
	close(leave)
	if got := <-done; got != "200 OK" {
		t.Errorf("first request = %q", got)
	}
	if _, got := s.ask(t, "POST", "", "/echo", "hi"); got != "hi" {
		t.Errorf("third request = %q", got)
	}
}

func TestPanics(t *testing.T) {
	f := toy("toy")
	throw := func(v any) func(context.Context, *Exchange) error {
		return func(_ context.Context, x *Exchange) error {
			x.Out = append(x.Out, "half an ans"...)
			panic(v)
		}
	}
	var none map[string]int
	f.Routes = append(f.Routes,
		Route{Name: "text", Method: "GET", Path: "/things/panic/text", Handle: throw("13800138000")},
		Route{Name: "error", Method: "GET", Path: "/things/panic/error", Handle: throw(errors.New("13800138000"))},
		Route{Name: "runtime", Method: "GET", Path: "/things/panic/runtime", Handle: func(context.Context, *Exchange) error {
			none["x"] = 1
			return nil
		}})
	mux := http.NewServeMux()
	mux.HandleFunc("/native", func(http.ResponseWriter, *http.Request) { panic("13800138000") })
	s := serve(t, Config{Mounts: []Mount{{Facade: f}}, Native: mux})
	for path, want := range map[string]string{
		"/things/panic/text": "toy: internal", "/things/panic/error": "toy: internal", "/things/panic/runtime": "toy: internal",
		"/native": `{"error":{"code":"internal","message":"Unexpected system error."}}`,
	} {
		if _, got := s.ask(t, "GET", "", path, ""); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
		e := s.events.last(t)
		if e.Err == nil || e.Err.Kind != core.KindInternal || !bytes.Contains(e.Stack, []byte("handler_test.go")) {
			t.Errorf("%s: event %+v", path, e)
		}
		if text := fmt.Sprintf("%+v %s", e, e.Stack); strings.Contains(text, "13800138000") {
			t.Errorf("%s: the event shows what was thrown: %s", path, text)
		}
	}
}

func TestEvents(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	clock := start
	s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}, Now: func() time.Time {
		now := clock
		clock = clock.Add(time.Second)
		return now
	}})
	answer, _ := s.ask(t, "POST", "", "/echo", "12345678901")
	e := s.events.last(t)
	if e.Facade != "toy" || e.Route != "echo" || e.Status != 400 || e.Code != "body_too_large" || e.Err.Kind != core.KindBodyTooLarge ||
		e.RequestID != answer.Header.Get("X-Request-Id") || e.Source != netip.MustParseAddr("127.0.0.1") ||
		!e.Time.Equal(start) || e.Duration != time.Second {
		t.Errorf("event %+v", e)
	}
	s.ask(t, "POST", "", "/echo", "hi")
	if e := s.events.last(t); e.Status != 200 || e.Code != "" || e.Err != nil {
		t.Errorf("event %+v", e)
	}
	s.ask(t, "GET", "", "/nobody", "")
	if e := s.events.last(t); e.Facade != NativeFacade || e.Route != "" || e.Status != 404 || e.Code != "not_found" {
		t.Errorf("event %+v", e)
	}
}

// contracts/README.md §3.2: taken over only from a configured trusted proxy.
func TestRequestID(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	made := regexp.MustCompile(`^[0-7][0-9a-hjkmnp-tv-z]{25}$`)
	for _, c := range []struct {
		trusted []netip.Prefix
		inbound string
		taken   bool
	}{
		{nil, "abc", false},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "abc", false},
		{loopback, "", false},
		{loopback, "a b", false},
		{loopback, "a\tb", false},
		{loopback, "验", false},
		{loopback, strings.Repeat("a", 65), false},
		{loopback, strings.Repeat("a", 64), true},
		{loopback, "A-z_0.9", true},
	} {
		s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}, Trusted: c.trusted})
		answer, _ := s.ask(t, "POST", "", "/echo", "", "X-Request-Id", c.inbound, "X-Forwarded-For", "203.0.113.9")
		got := answer.Header.Get("X-Request-Id")
		if (got == c.inbound) != c.taken || !c.taken && !made.MatchString(got) {
			t.Errorf("inbound %q, trusted %v: id %q", c.inbound, c.trusted, got)
		}
	}
}

func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"":                     `""`,
		"+8613800138000":       `"+8613800138000"`,
		"验<&>'/\u2028":         "\"验<&>'/\u2028\"",
		"\"\\\n\r\t\b\x00\x7f": "\"\\\"\\\\\\n\\r\\t\\u0008\\u0000\x7f\"",
		"a\xffb\xc3":           "\"a\ufffdb\ufffd\"",
	} {
		if got := string(AppendString(nil, s)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", s, got, want)
		}
	}
}
