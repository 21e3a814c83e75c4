package httpcall

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, o Options) *Client {
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func post(t *testing.T, c *Client, u string, within time.Duration) (Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	r, err := http.NewRequest(http.MethodPost, u, strings.NewReader("to=13800138000"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(ctx, r)
}

const patience = 30 * time.Second

// raw is a server that reads one request on each connection and then does what
// it is told.
func raw(t *testing.T, then func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				then(conn)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return "http://" + l.Addr().String()
}

func write(conn net.Conn, s string) { _, _ = io.WriteString(conn, s) }

// TestHostileAnswers: each is bounded, counts as sent, and its reason repeats
// nothing of what came.
func TestHostileAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		then   func(net.Conn)
		within time.Duration
		reason string
	}{
		{"closed in place of an answer", func(net.Conn) {}, patience, "connection closed"},
		{"no HTTP", func(c net.Conn) { write(c, "13800138000 is not HTTP\r\n\r\n") }, patience, "the answer is not HTTP, or its header is too long"},
		{"a header line of nonsense", func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\n13800138000\r\n\r\n") }, patience, "the answer is not HTTP, or its header is too long"},
		{"a huge header", func(c net.Conn) {
			write(c, "HTTP/1.1 200 OK\r\n")
			for range 200 {
				write(c, "X-Filler: "+strings.Repeat("x", 1000)+"\r\n")
			}
			write(c, "\r\n")
		}, patience, "the answer is not HTTP, or its header is too long"},
		{"an endless body", func(c net.Conn) {
			write(c, "HTTP/1.1 200 OK\r\n\r\n")
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 4096)); err != nil {
					return
				}
			}
		}, patience, "the answer is too long"},
		{"a body that is cut", func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.") }, patience, "connection closed"},
		{"a slow body", func(c net.Conn) {
			write(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.")
			_, _ = io.Copy(io.Discard, c) // until the client hangs up
		}, 50 * time.Millisecond, "timeout"},
		{"a slow header", func(c net.Conn) {
			write(c, "HTTP/1.1 200 OK\r\nContent-")
			_, _ = io.Copy(io.Discard, c)
		}, 50 * time.Millisecond, "timeout"},
		{"endless interim answers", func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n"); err != nil {
					return
				}
			}
		}, patience, "the answer is not HTTP, or its header is too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := post(t, client(t, Options{MaxAnswer: 10_000}), raw(t, test.then), test.within)
			if !Sent(err) || Reason(err) != test.reason {
				t.Errorf("sent %v, reason %q, want %q (%v)", Sent(err), Reason(err), test.reason, err)
			}
		})
	}
}

// TestRedirectIsAnAnswer: nothing is asked of where it points to.
func TestRedirectIsAnAnswer(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	a, err := post(t, client(t, Options{}), server.URL, patience)
	if err != nil || a.Status != http.StatusTemporaryRedirect || calls.Load() != 1 {
		t.Errorf("%d, %v, %d calls", a.Status, err, calls.Load())
	}
}

// TestNotSent: what has not left says so.
func TestNotSent(t *testing.T) {
	refuses := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}, Err: syscall.ECONNREFUSED}
	}
	never := func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request reached somebody else") }))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(secure.Certificate())
	plain := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	plain.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	plain.Start()
	defer plain.Close()
	to := func(addr string) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	}
	for _, test := range []struct {
		name, url string
		o         Options
		within    time.Duration
		reason    string
	}{
		{"refused", "http://carrier.example/", Options{Dial: refuses}, patience, "connection refused"},
		{"no answer to the dial", "http://carrier.example/", Options{Dial: never}, 20 * time.Millisecond, "timeout"},
		{"no answer to the dial, in the connection's own time", "http://carrier.example/", Options{Dial: never, ConnectTimeout: 20 * time.Millisecond}, patience, "timeout"},
		{"a certificate that nobody vouches for", secure.URL, Options{}, patience, "the certificate is not the server's, or not trusted"},
		{"a certificate of somebody else", "https://carrier.invalid/", Options{Roots: trusted, Dial: to(secure.Listener.Addr().String())}, patience,
			"the certificate is not the server's, or not trusted"},
		{"no TLS", "https://carrier.example/", Options{Dial: to(plain.Listener.Addr().String())}, patience, "no TLS between us"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := client(t, test.o)
			_, err := post(t, c, test.url, test.within)
			var own *Error
			if !errors.As(err, &own) || own.Sent || Reason(err) != test.reason || strings.Contains(err.Error(), "192.0.2.1") {
				t.Errorf("%v: sent %v, reason %q, want %q", err, Sent(err), Reason(err), test.reason)
			}
			u, _ := url.Parse(test.url)
			ctx, cancel := context.WithTimeout(t.Context(), test.within)
			defer cancel()
			if err := c.Reach(ctx, u); err == nil || Reason(err) != test.reason {
				t.Errorf("Reach: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	a, err := post(t, client(t, Options{Roots: roots}), server.URL, patience)
	if err != nil || string(a.Body) != "HTTP/1.1" {
		t.Errorf("%q, %v", a.Body, err)
	}
}

// TestSentOnce: a kept connection that breaks with the second request on it.
// net/http would send a GET again by itself.
func TestSentOnce(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var requests atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
				t.Errorf("%s with a body: %d %v", method, r.ContentLength, r.TransferEncoding)
			}
			if requests.Add(1) > 1 {
				panic(http.ErrAbortHandler)
			}
		}))
		c := client(t, Options{})
		for i := range 2 {
			r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Do(t.Context(), r)
			if sent := Sent(err); sent != (i == 1) {
				t.Errorf("%s %d: sent %v, %v", method, i, sent, err)
			}
		}
		if n := requests.Load(); n != 2 {
			t.Errorf("%s: %d requests, want 2", method, n)
		}
		server.Close()
	}
}

// TestIdempotencyKeyIsSentAgain: who can be asked twice is.
func TestIdempotencyKeyIsSentAgain(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	c := client(t, Options{})
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "1")
		if _, err := c.Do(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// TestConnectionsAreKept: many calls one after the other use one connection.
func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := client(t, Options{IdleTimeout: patience})
	for range 50 {
		if _, err := post(t, c, server.URL, patience); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestGivenUpBeforeTheWrite: whoever is told that nothing was sent can rely on it.
func TestGivenUpBeforeTheWrite(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	conn := &counted{Conn: near}
	turn := &use{conn: conn, before: conn.written()}
	if turn.sent() {
		t.Error("sent before anything was written")
	}
	if _, err := conn.Write([]byte("late")); !errors.Is(err, errSealed) {
		t.Errorf("the late write: %v", err)
	}
}
