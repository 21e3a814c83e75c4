package facadetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// echo answers a request with what it says.
type echo struct{ server *httptest.Server }

func newEcho(t *testing.T) *echo {
	e := &echo{server: httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Length", r.Header.Get("Content-Length"))
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))}
	t.Cleanup(e.server.Close)
	return e
}

func (e *echo) Addr() string { return e.server.Listener.Addr().String() }

func (e *echo) Value(name string, args []string) (string, bool) {
	return strings.Join(append([]string{"the"}, args...), "-"), name == "value"
}

func (e *echo) Do(t *testing.T, directive string, args []string) {
	if directive != "known" {
		t.Errorf("directive %s %v", directive, args)
	}
}

func TestRun(t *testing.T) {
	r := runner{suite: Suite{Always: []string{"Content-Type: text/plain"}, Patterns: map[string]string{"word": `[a-z]+`}},
		env: newEcho(t), values: map[string]string{}}
	r.run(t, txtar.Parse([]byte(`
-- setup --
# a comment
known directive
remember kept {{value a}}
-- 1 request --
POST / HTTP/1.1

"{{value}} {{value a b}} {{kept}} {{xy*3}} {{hex 0a41}}"
-- 1 response --
HTTP/1.1 200 OK
!X-None

"the the-a-b the-a xyxyxy 
A"
-- 2 request --
POST / HTTP/1.1
Transfer-Encoding: chunked

{"a":"one","b":"two","c":"one"}
-- 2 response --
HTTP/1.1 200 OK

{
  "a": "{{word.1}}", "b": "{{any_word}}",
  "c": "{{word.1}}"
}
-- 3 request x5 --
POST / HTTP/1.1

{{word.1}}
-- 3 response x2 --
HTTP/1.1 200 OK

{{word.1}}
-- 3 response x3 --
HTTP/1.1 200 OK

one
-- 4 request --
HEAD / HTTP/1.1
-- 4 response --
HTTP/1.1 200 OK
`)).Files)
	if r.values["word.1"] != "one" {
		t.Errorf("captured %v", r.values)
	}
}

// A runner that lets anything pass proves nothing.
func TestDifference(t *testing.T) {
	got := response{status: "HTTP/1.1 200 OK", header: http.Header{"A": {"1"}, "B": {"x"}}, body: `{"a":"one","b":"one"}` + "\n"}
	for _, c := range []struct{ want, why string }{
		{"HTTP/1.1 200 OK\nA: 1\n\n" + `{"a":"one","b":"one"}`, ""},
		{"HTTP/1.1 200 OK\na:1\n!C\n\n" + `{"a":"{{word}}","b":"{{word}}"}`, ""},
		{"HTTP/1.1 200 OK\nB: {{word.2}}\n\n" + `{"a":"{{word}}","b":"one"}`, ""},
		{"HTTP/1.1 200 OK\n\n" + `{"a":"{{unknown}}","b":"one"}`, "the body differs"},
		{"HTTP/1.1 200 OK\n\n" + `{"a":"{{digits}}","b":"one"}`, "the body differs"},
		{"HTTP/1.1 200 OK\n\n" + `{"b":"one","a":"one"}`, "the body differs"},
		{"HTTP/1.1 200 OK\n\n" + `{"a":"one"`, "the body differs"},
		{"HTTP/1.1 200 OK", "the body differs"},
		{"HTTP/1.1 200 OK\n\n" + `{"a":"one","b":"one"} `, "the body differs"},
		{"HTTP/1.1 201 Created\n\n" + `{"a":"one","b":"one"}`, `status "HTTP/1.1 200 OK"`},
		{"HTTP/1.1 200 OK\nA: 2\n\n" + `{"a":"one","b":"one"}`, `A is ["1"]`},
		{"HTTP/1.1 200 OK\nC: 2\n\n" + `{"a":"one","b":"one"}`, `C is []`},
		{"HTTP/1.1 200 OK\n!A\n\n" + `{"a":"one","b":"one"}`, "A must not be there"},
	} {
		r := runner{suite: Suite{Patterns: map[string]string{"word": `[a-z]+`, "digits": `[0-9]+`}}, env: &echo{}, values: map[string]string{}}
		if why := r.difference(r.parseWant(t, c.want), got); why != c.why {
			t.Errorf("%q: difference %q, want %q", c.want, why, c.why)
		} else if why != "" && len(r.values) > 0 {
			t.Errorf("%q: captured %v from an answer that does not match", c.want, r.values)
		}
	}
	r := runner{suite: Suite{Patterns: map[string]string{"word": `[a-z]+`}}, env: &echo{}, values: map[string]string{"word": "two"}}
	if why := r.difference(r.parseWant(t, "HTTP/1.1 200 OK\n\n"+`{"a":"{{word}}","b":"one"}`), got); why != "the body differs" {
		t.Errorf("a captured value is not compared: %q", why)
	}
}
