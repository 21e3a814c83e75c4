package httpsms_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/httpsms"
	"yanma.dev/yanma/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Secrets of the tests; none of them may be in an outcome or a log line.
const (
	testAccount  = "account-canary"
	testPassword = "password-canary-0001"
	testSecret   = "receipt-secret-canary-0001"
	testKey      = "receipt-key-canary-0001"
	testURL      = "https://sms.example.net/receipts"
)

// asked is what a carrier's documentation lets it read out of a request.
type asked struct {
	to   string
	id   string // an id of ours that the carrier keeps
	hook string // where it is to report, if the request says
}

// kind is one carrier's interface as its documentation describes it: the other
// side of a wire, written apart from it.
type kind struct {
	config func(base string) httpsms.Config
	// parse authenticates and reads a request for a message.
	parse func(r *http.Request, body []byte) (asked, error)
	// answer writes what the carrier says; id is that of an accepted message.
	answer func(w http.ResponseWriter, b providertest.Behaviour, id string)
	// report and text are the posts that the carrier makes. u is where to.
	report func(u, id string) *http.Request
	text   func(u string, from core.Phone, text string) *http.Request
	// prepare makes the suite's message one that the provider carries.
	prepare func(m *provider.Message)
	ownIDs  bool
}

// carrier is providertest.Carrier: an HTTP server that behaves as told.
type carrier struct {
	t     *testing.T
	kind  kind
	mux   *http.ServeMux // our receipts' path
	posts sync.WaitGroup

	mu       sync.Mutex
	up       bool
	conns    map[net.Conn]bool
	script   func(core.Phone) providertest.Behaviour
	taken    map[string]int
	stored   map[string]int
	refused  map[string]int
	hookOf   map[string]string
	next     int
	now      int
	peak     int
	problems []string
}

func newCarrier(t *testing.T, k kind) (*carrier, string) {
	c := &carrier{t: t, kind: k, up: true, conns: map[net.Conn]bool{}, taken: map[string]int{}, stored: map[string]int{},
		refused: map[string]int{}, hookOf: map[string]string{}, mux: http.NewServeMux()}
	server := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Config.ConnState = func(conn net.Conn, s http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch s {
		case http.StateNew:
			c.conns[conn] = true
		case http.StateClosed, http.StateHijacked:
			delete(c.conns, conn)
		default:
		}
	}
	server.Start()
	t.Cleanup(func() {
		c.posts.Wait()
		c.Drop()
		server.Close()
		for _, p := range c.problems {
			t.Errorf("the carrier cannot read a request: %s", p)
		}
	})
	return c, server.URL
}

// harness makes rigs of a kind.
func (k kind) harness() providertest.Harness {
	return providertest.Harness{Beside: true, Load: 3, New: func(t *testing.T, sink provider.Sink, opt providertest.Options) providertest.Rig {
		c, base := newCarrier(t, k)
		cfg := k.config(base)
		cfg.Window, cfg.ResponseTimeout = opt.Window, opt.ResponseTimeout()
		client := newClient(t, cfg, deps(sink, c))
		c.mount(client)
		var p provider.Provider = client
		if k.prepare != nil {
			p = prepared{client, k.prepare}
		}
		return providertest.Rig{Provider: p, Carrier: c}
	}}
}

// prepared gives the suite's messages a template.
type prepared struct {
	provider.Provider
	prepare func(*provider.Message)
}

func (p prepared) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	own := *m
	p.prepare(&own)
	p.Provider.Submit(ctx, &own, done)
}

func newClient(t *testing.T, cfg httpsms.Config, d httpsms.Deps) *httpsms.Client {
	t.Helper()
	cfg.Name = "test"
	if cfg.ResponseTimeout == 0 {
		cfg.ResponseTimeout = providertest.ResponseTimeout
	}
	cfg.ReceiptURL, cfg.ReceiptSecret = testURL, core.NewSecret(testSecret)
	cfg.ReconnectMin, cfg.ReconnectMax = 2*time.Millisecond, 20*time.Millisecond
	client, err := httpsms.New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func deps(sink provider.Sink, c *carrier) httpsms.Deps {
	d := httpsms.Deps{Sink: sink, Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)}
	if c != nil {
		d.Dial = c.dial
	}
	return d
}

// dial is the way to the carrier: it refuses while the carrier is down.
func (c *carrier) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	if !up {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func (c *carrier) mount(client *httpsms.Client) {
	hooks := httpsms.NewHooks([]*httpsms.Client{client})
	c.mux.Handle("/receipts/{provider}/{secret}", hooks)
	c.mux.Handle("/receipts/{provider}/{secret}/{kind}", hooks)
}

func (c *carrier) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	in, err := c.kind.parse(r, body)
	if err != nil {
		c.mu.Lock()
		c.problems = append(c.problems, err.Error())
		c.mu.Unlock()
		w.WriteHeader(http.StatusTeapot)
		return
	}
	b, id := c.take(in)
	defer func() {
		if b == providertest.Silent {
			c.left()
		}
	}()
	switch b {
	case providertest.Drop:
		c.left()
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return
	case providertest.Silent:
		<-r.Context().Done()
		return
	case providertest.Hold:
		select {
		case <-time.After(providertest.HoldFor):
		case <-r.Context().Done():
		}
	default:
	}
	c.left()
	c.kind.answer(w, b, id)
}

// take notes a request, and says what to do with it.
func (c *carrier) take(in asked) (providertest.Behaviour, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := in.to
	if len(to) == 11 {
		to = "86" + to
	}
	to = "+" + strings.TrimPrefix(to, "+")
	b := c.script(core.PhoneFromE164(to))
	if b != providertest.Reject && b != providertest.Throttle {
		c.taken[to]++
	}
	c.next++
	id := fmt.Sprintf("carrier-%d", c.next)
	if c.kind.ownIDs {
		id = in.id
	}
	c.hookOf[id] = in.hook
	c.now++
	c.peak = max(c.peak, c.now)
	return b, id
}

func (c *carrier) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
}

func (c *carrier) Script(f func(core.Phone) providertest.Behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = f
}

func (c *carrier) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
}

func (c *carrier) SetUp(up bool) {
	c.mu.Lock()
	c.up = up
	c.mu.Unlock()
	c.Drop()
}

// Report posts until it is told that the receipt is stored.
func (c *carrier) Report(partID string) {
	c.mu.Lock()
	u := c.hookOf[partID]
	c.mu.Unlock()
	if u == "" {
		u = testURL + "/test/" + testSecret
	}
	c.posts.Go(func() {
		for range 1000 {
			if status, _ := c.post(c.kind.report(u, partID)); status == http.StatusOK {
				c.count(c.stored, partID)
				return
			}
			c.count(c.refused, partID)
		}
	})
}

func (c *carrier) count(in map[string]int, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in[id]++
}

func (c *carrier) post(r *http.Request) (status int, body string) {
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (c *carrier) Reported(partID string) (stored, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stored[partID], c.refused[partID]
}

func (c *carrier) SendText(from core.Phone, text string) error {
	if status, _ := c.post(c.kind.text(testURL+"/test/"+testSecret+"/text", from, text)); status != http.StatusOK {
		return fmt.Errorf("status %d", status)
	}
	return nil
}

func (c *carrier) Taken(to core.Phone) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[to.E164()]
}

func (c *carrier) Peak() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peak
}

// formPost is a POST of a form.
func formPost(u string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, u, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func jsonPost(u, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, u, bytes.NewReader([]byte(body)))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// want compares members of a request with what the documentation says.
func want(r *http.Request, form url.Values, members map[string]string) error {
	for name, value := range members {
		if got := form.Get(name); got != value {
			return fmt.Errorf("%s %s: %s is %q, want %q", r.Method, r.URL.Path, name, got, value)
		}
	}
	return nil
}

var errSignature = errors.New("the signature is wrong")
