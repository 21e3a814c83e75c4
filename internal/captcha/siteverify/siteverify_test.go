package siteverify

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

const secret = "0x4AAAAAAA-secret"

// verifier answers as h does, over a real socket.
func verifier(t *testing.T, limit time.Duration, now func() time.Time, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := New(Options{URL: server.URL + "/turnstile/v0/siteverify", Secret: core.NewSecret(secret), Limit: limit, Now: now})
	t.Cleanup(c.Close)
	return c
}

var visitor = netip.MustParseAddr("203.0.113.7")

// TestQuestion: the form that Turnstile, hCaptcha and reCAPTCHA document.
func TestQuestion(t *testing.T) {
	c := verifier(t, 0, time.Now, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/turnstile/v0/siteverify" || r.FormValue("secret") != secret ||
			r.FormValue("remoteip") != "203.0.113.7" || r.URL.RawQuery != "" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Form)
		}
		if r.FormValue("response") == "good&token=" {
			_, _ = w.Write([]byte(`{"success":true,"challenge_ts":"2026-11-22T08:00:00Z","hostname":"example.com","error-codes":[]}`))
			return
		}
		_, _ = w.Write([]byte(`{"success":false,"error-codes":["timeout-or-duplicate"]}`))
	})
	for token, want := range map[string]bool{"good&token=": true, "bad": false} {
		if got, err := c.Verify(t.Context(), token, visitor); got != want || err != nil {
			t.Errorf("%s: %v, %v", token, got, err)
		}
	}
}

// TestFailsClosed: nothing but a yes is a yes, whether the fault is before the
// question is read or after it was answered.
func TestFailsClosed(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	cut := func(after string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.Write([]byte(after))
			_ = conn.Close()
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"an error":          answer(http.StatusInternalServerError, `{"success":true}`),
		"a redirect":        answer(http.StatusFound, `{"success":true}`),
		"no JSON":           answer(http.StatusOK, `true`),
		"no success":        answer(http.StatusOK, `{"Success ":true}`),
		"a text":            answer(http.StatusOK, `{"success":"true"}`),
		"too long":          answer(http.StatusOK, `{"success":true,"pad":"`+strings.Repeat("x", 17<<10)+`"}`),
		"cut before":        cut(""),
		"cut in the answer": cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true}"),
		"never answers":     func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm(); <-r.Context().Done() },
		"half of the answer": func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"success":true}`))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		c := verifier(t, 100*time.Millisecond, time.Now, h)
		passed, err := c.Verify(t.Context(), "a token", visitor)
		if passed || err == nil {
			t.Errorf("%s: %v, %v", name, passed, err)
		} else if text := err.Error(); strings.Contains(text, secret) || strings.Contains(text, "a token") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%s: the error says too much: %s", name, text)
		}
	}
	nobody := New(Options{URL: "http://127.0.0.1:1/", Secret: core.NewSecret(secret), Now: time.Now})
	defer nobody.Close()
	if passed, err := nobody.Verify(t.Context(), "a token", visitor); passed || err == nil {
		t.Errorf("nobody listens: %v, %v", passed, err)
	}
}

// TestBreaker: a verifier that fails is left alone for 15 s; a caller who leaves
// is no failure of its.
func TestBreaker(t *testing.T) {
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	asked := 0
	c := verifier(t, 0, func() time.Time { return clock }, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusBadGateway)
	})
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 10 {
		if _, err := c.Verify(gone, "t", visitor); err == nil || errors.Is(err, ErrResting) {
			t.Fatal(err)
		}
	}
	for range 5 {
		if _, err := c.Verify(t.Context(), "t", visitor); err == nil || errors.Is(err, ErrResting) {
			t.Fatal(err)
		}
	}
	before := asked
	if passed, err := c.Verify(t.Context(), "t", visitor); passed || !errors.Is(err, ErrResting) || asked != before {
		t.Errorf("asked %d times, then %v", asked-before, err)
	}
	clock = clock.Add(15 * time.Second)
	if _, err := c.Verify(t.Context(), "t", visitor); errors.Is(err, ErrResting) || asked != before+1 {
		t.Errorf("after its rest: %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	for url, good := range map[string]bool{"https://challenges.example.com/turnstile/v0/siteverify": true, "http://127.0.0.1:9/x": true, "http://[::1]/": true,
		"http://example.com/": false, "ftp://example.com/": false, "https://u:p@example.com/": false, "https:///x": false, "": false} {
		if err := CheckURL(url); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}
