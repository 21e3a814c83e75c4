package operator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/guard/sentry"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// deadline of a connection: nothing but a hanging call reaches it.
const deadline = time.Minute

const token = "operator-token-of-the-tests"

// world is a server on a real database behind a real listener.
type world struct {
	*client.Client
	url       string
	http      *http.Client
	engine    *storetest.Faulty
	ring      *keyring.Ring
	batcher   *store.Batcher
	rotation  *rotation.Service
	settled   chan struct{} // while it is not nil, jobs wait for it
	directory *tenant.Directory
	limiter   *memory.Limiter // the public listener's, too
	carrier   *carrier
	users     *users
	log       *syncBuffer
	events    *events
	clock     *clock
	sentry    *sentry.Guard
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// events writes what is observed of requests as a log would.
type events struct{ log *slog.Logger }

func (e *events) Observe(v facade.Event) {
	reason := ""
	if v.Err != nil {
		reason = v.Err.Error()
	}
	e.log.Info("request", "id", v.RequestID, "facade", v.Facade, "route", v.Route, "status", v.Status, "code", v.Code,
		"error", reason, "stack", string(v.Stack))
}

// carrier is a provider that answers what it was told to.
type carrier struct {
	mu      sync.Mutex
	outcome provider.Outcome
	sent    []provider.Message
	silent  bool
}

func (c *carrier) Name() string                { return "carrier/1" }
func (c *carrier) Start(context.Context) error { return nil }
func (c *carrier) Stop(context.Context) error  { return nil }
func (c *carrier) Health() provider.Health {
	return provider.Health{Up: true, Detail: "1 of 2 bound: rx 1 connecting", Window: 3,
		Links: []provider.LinkHealth{{Name: "tx 1", Up: true, Detail: "bound", Window: 3}, {Name: "rx 1", Detail: "connecting"}}}
}
func (c *carrier) Submit(_ context.Context, m *provider.Message, done func(provider.Outcome)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, *m)
	if !c.silent {
		go done(c.outcome)
	}
}

// users takes every imported user, or fails.
type users struct {
	mu   sync.Mutex
	n    core.UserID
	fail error
}

func (u *users) ImportUser(context.Context, *tenant.App, core.Phone, string) (core.UserID, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n++
	return u.n, u.fail
}

func (u *users) ImportUserName(context.Context, *tenant.App, core.UserID, string) error { return nil }

func (u *users) ImportDevice(context.Context, *tenant.App, core.UserID, string, time.Time) error {
	return nil
}

func newWorld(t *testing.T) *world { return newWorldWithin(t, deadline) }

// newWorldWithin is newWorld with another deadline of connections.
func newWorldWithin(t *testing.T, deadline time.Duration) *world {
	t.Helper()
	folder := t.TempDir()
	w := &world{clock: &clock{at: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}, log: &syncBuffer{},
		carrier: &carrier{outcome: provider.Outcome{Class: provider.Accepted, PartIDs: []string{"4711"}}}, users: &users{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.events = &events{log: log}
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Folder: folder, Now: w.clock.now, Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, engine.Close()) })
	must(t, engine.Migrate(context.Background()))
	w.engine = &storetest.Faulty{Engine: engine}
	w.ring, err = keyring.Create(filepath.Join(folder, "keyring.json"), rand.Reader, w.clock.now())
	must(t, err)
	batcher := store.NewBatcher(w.engine, w.clock.now, log, store.Options{})
	batcher.Start()
	t.Cleanup(batcher.Stop)
	w.directory = tenant.NewDirectory(tenant.DirectoryOptions{Database: w.engine, Keys: w.ring, Now: w.clock.now, Log: log,
		Defaults: tenant.Defaults{Rules: guard.DefaultRules(), SMSPrice: 1}})
	templates := catalogue.New()
	w.directory.Beside(w.beside(templates))
	w.limiter = memory.New(w.clock.now)
	w.batcher = batcher
	admin := tenant.NewAdmin(w.directory, w.users, rand.Reader)
	w.startRotation(t, admin, log)
	ids := core.NewIDs(w.clock.now, 0)
	words, err := message.ParseWords([]byte("博彩\n"))
	must(t, err)
	messages := catalogue.NewAdmin(catalogue.Options{Apps: admin, Directory: w.directory, Catalogue: templates, Database: w.engine, IDs: ids,
		Now: w.clock.now, Words: words})
	handler, err := New(Config{
		Token: core.NewSecret(token), Messages: messages, Catalogue: templates, Admin: admin, Directory: w.directory,
		Signing: oauth.NewKeys(w.engine, w.ring, w.clock.now, rand.Reader),
		Ring:    w.ring, Rotation: w.rotation, Failures: guard.DefaultFailurePolicy(),
		Database: w.engine, Keys: w.ring, Commands: batcher, IDs: ids, Replies: twoReplies{}, Sentry: w.newSentry(ids, log), OptOuts: optIns{w}, Users: w.newUsers(ids, log),
		Calls: idempotency.New(idempotency.Options{Store: batcher, Keys: w.ring, IDs: ids}), Providers: []provider.Provider{w.carrier},
		Limiter: w.limiter, Rules: guard.DefaultRules(), Subjects: w.ring,
		Version: "test", Store: batcher.Stats, Outbox: func() outbox.Stats { return outbox.Stats{Submitted: 7} },
		Metrics: text("metrics"), Healthz: text("healthy"), Readyz: text("ready"),
		Now: w.clock.now, Random: rand.Reader, Observer: w.events,
	})
	must(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout, server.Config.WriteTimeout = deadline, deadline
	server.Start()
	t.Cleanup(server.Close)
	w.url, w.http = server.URL, &http.Client{Transport: newContract(t, server.URL)}
	t.Cleanup(w.http.CloseIdleConnections)
	w.Client = client.New(server.URL, core.NewSecret(token), w.http)
	return w
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
}

// contract holds every exchange to openapi.yaml: requests that succeed, and
// every answer.
type contract struct {
	t      *testing.T
	router routers.Router
}

func newContract(t *testing.T, url string) *contract {
	t.Helper()
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.PlainBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI())
	must(t, err)
	must(t, doc.Validate(context.Background()))
	doc.Servers = openapi3.Servers{{URL: url}}
	router, err := legacy.NewRouter(doc)
	must(t, err)
	return &contract{t: t, router: router}
}

func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(got))
	if strings.HasPrefix(r.URL.Path, "/admin/") {
		c.check(r, sent, answer, got)
	}
	return answer, nil
}

func (c *contract) check(r *http.Request, sent []byte, answer *http.Response, got []byte) {
	c.t.Helper()
	if answer.Header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("%s %s: Cache-Control %q (requirement row 15)", r.Method, r.URL.Path, answer.Header.Get("Cache-Control"))
	}
	if len(answer.Header.Get("X-Request-Id")) != 26 {
		c.t.Errorf("%s %s: X-Request-Id %q", r.Method, r.URL.Path, answer.Header.Get("X-Request-Id"))
	}
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			c.t.Errorf("%s %s is not described and answers %d", r.Method, r.URL.Path, answer.StatusCode)
		}
		return
	}
	request := r.Clone(r.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	in := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if answer.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			c.t.Errorf("%s %s: the request is not as described: %v", r.Method, r.URL, err)
		}
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: in,
		Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(got)), Options: in.Options})
	if err != nil {
		c.t.Errorf("%s %s: the answer %d is not as described: %v\n%s", r.Method, r.URL, answer.StatusCode, err, got)
	}
}

// call sends a raw request with the token.
func (w *world) call(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, w.url+path, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = []string{headers[i+1]}
	}
	answer, err := w.http.Do(r)
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer, string(b)
}

// app makes a tenant with one app.
func (w *world) app(t *testing.T, name string) (tenant.AppView, string) {
	t.Helper()
	made, err := w.CreateTenant(context.Background(), name)
	must(t, err)
	app, key, err := w.CreateApp(context.Background(), tenant.Spec{Tenant: made.ID, Name: name, Settings: tenant.Patch{Signature: new("验码")}})
	must(t, err)
	return app, key.Reveal()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// problem reads the native error shape.
func problemOf(t *testing.T, body string) (code, message string) {
	t.Helper()
	var e struct {
		Error struct{ Code, Message string }
	}
	must(t, json.Unmarshal([]byte(body), &e))
	return e.Error.Code, e.Error.Message
}
