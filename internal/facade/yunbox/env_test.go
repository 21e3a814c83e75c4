package yunbox_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/facade/yunbox"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
	"yanma.dev/yanma/internal/verify"
)

// Keys of the two apps of an env's one tenant.
const (
	mainKey  = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY"
	otherKey = "zY1xW9vU7tS5rQ3pN1mL9kJ7hG5fE3dB"
)

// env is the façade on the real use-cases and a real database. What stands in
// for the rest of the installation: the two apps (a list instead of the
// operator's tables), the phone (texts are read where the outbox takes them),
// the tunnel gateway (a webhook that can be told to fail) and the clock.
type env struct {
	server  *httptest.Server
	events  *events
	clock   *facadetest.Clock
	engine  *faulty
	batcher *store.Batcher
	ids     *core.IDs
	apps    *apps
	phones  *facadetest.Phones
	gateway *facadetest.Gateway
	ring    *keyring.Ring
	limiter *memory.Limiter
	tunnel  tunnel.Config
	devices *account.Devices
	handler atomic.Pointer[facade.Handler]
}

func start(t testing.TB) *env {
	t.Helper()
	ctx := context.Background()
	e := &env{clock: facadetest.NewClock(time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)), apps: newApps(), phones: &facadetest.Phones{},
		gateway: &facadetest.Gateway{}, events: &events{}}
	quiet := slog.New(slog.DiscardHandler)
	folder := t.TempDir()
	engine, err := sqlite.Open(ctx, sqlite.Options{Folder: folder, Now: e.clock.Now, Log: quiet})
	must(t, err)
	must(t, engine.Migrate(ctx))
	engine.Start()
	t.Cleanup(func() { _ = engine.Close() })
	e.engine = &faulty{Engine: engine}
	e.ring, err = keyring.Create(filepath.Join(folder, "keyring.json"), rand.Reader, e.clock.Now())
	must(t, err)
	e.ids, e.limiter = core.NewIDs(e.clock.Now, 0), memory.New(e.clock.Now)
	e.batcher = store.NewBatcher(e.engine, e.clock.Now, quiet, store.Options{})
	e.batcher.Start()
	t.Cleanup(e.batcher.Stop)
	hook := httptest.NewServer(e.gateway)
	t.Cleanup(hook.Close)
	e.tunnel = tunnelConfig(hook.URL)
	e.wire(t)
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.handler.Load().ServeHTTP(w, r) }))
	t.Cleanup(e.server.Close)
	e.setBalance(t, 1000)
	return e
}

// wire puts the use-cases together, again after the tunnel was configured anew.
func (e *env) wire(t testing.TB) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	networks, err := tunnel.New(tunnel.Options{Config: e.tunnel, Store: e.engine, Sealer: e.ring, Now: e.clock.Now, Random: rand.Reader})
	must(t, err)
	t.Cleanup(networks.Close)
	aliases := account.NewAliases(e.ring, e.engine)
	e.devices = account.NewDevices(account.DeviceOptions{Store: e.engine, Tunnel: networks, Ring: e.ring, Aliases: aliases, IDs: e.ids,
		Now: e.clock.Now, Log: quiet})
	codes := verify.New(verify.Options{Store: e.batcher, Outbox: carrier{e.phones}, Limiter: e.limiter, Networks: networks, Ring: e.ring,
		Aliases: aliases, IDs: e.ids, Now: e.clock.Now, Random: rand.Reader, Log: quiet, Policy: guard.DefaultFailurePolicy()})
	dialect := yunbox.New(yunbox.Options{Apps: e.apps, Verify: codes, Users: aliases, Devices: e.devices, Tunnels: networks,
		Limiter: e.limiter, Subjects: e.ring, Rules: guard.DefaultRules(), Now: e.clock.Now})
	calls := idempotency.New(idempotency.Options{Store: e.batcher, Keys: e.ring, IDs: e.ids})
	handler, err := facade.New(facade.Config{Mounts: []facade.Mount{{Facade: dialect}}, Calls: calls, Now: e.clock.Now, Random: rand.Reader, Observer: e.events})
	must(t, err)
	e.handler.Store(handler)
}

// tunnelConfig has the values that contracts/yunbox.md §8 shows.
func tunnelConfig(hook string) tunnel.Config {
	c := tunnel.DefaultConfig()
	c.Provisioner = tunnel.ProvisionerWebhook
	c.DNS = []netip.Addr{netip.MustParseAddr("10.77.0.1")}
	c.Endpoint = "vpn.example.com:51820"
	c.GatewayPublicKey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="
	c.Webhook = tunnel.Webhook{URL: hook, Secret: core.NewSecret("a secret of the webhook"), Timeout: 5 * time.Second}
	return c
}

// Addr is where the façade listens.
func (e *env) Addr() string { return e.server.Listener.Addr().String() }

// Value knows the keys, the newest code of a number, and one that is wrong.
func (e *env) Value(name string, args []string) (string, bool) {
	switch name {
	case "key":
		return mainKey, true
	case "other_key":
		return otherKey, true
	}
	return e.phones.Value(name, args)
}

// Do carries out what the exchanges ask for.
func (e *env) Do(t *testing.T, directive string, args []string) {
	t.Helper()
	line := strings.Join(append([]string{directive}, args...), " ")
	switch directive {
	case "advance":
		d, err := time.ParseDuration(args[0])
		must(t, err)
		e.clock.Advance(d)
	case "balance":
		e.setBalance(t, credits(t, args[0]))
	case "expect-balance":
		if got := e.balance(t, 1); got != credits(t, args[0]) {
			t.Fatalf("%s: the app has %d", line, got)
		}
	case "provisioning":
		e.gateway.Be(args[0])
	case "provisioner":
		e.tunnel.Provisioner = tunnel.Provisioner(args[0])
		e.wire(t)
	case "forget-keys":
		e.tunnel.ForgetKeyAfterHandOut = args[0] == "on"
		e.wire(t)
	case "import":
		e.importUser(t, args[0], args[1], args[2])
	case "store":
		e.engine.down.Store(args[0] == "down")
	default:
		change := appDirective(t, directive, args)
		if change == nil {
			t.Fatalf("%s: there is no such directive", line)
		}
		e.apps.change(change)
	}
}

// appDirective is a setting of both apps.
func appDirective(t *testing.T, directive string, args []string) func(*tenant.App) {
	t.Helper()
	on := args[0] == "on"
	switch directive {
	case "sms-price":
		return func(a *tenant.App) { a.SMSPrice = credits(t, args[0]) }
	case "login-price":
		return func(a *tenant.App) { a.LoginPrice = credits(t, args[0]) }
	case "test-numbers":
		return func(a *tenant.App) {
			a.TestNumbers = nil
			if on {
				a.TestNumbers = builtIn
			}
		}
	case "app":
		return func(a *tenant.App) { a.Disabled = args[0] == "disable" }
	case "allow-source":
		return func(a *tenant.App) { a.AllowedSources = []netip.Prefix{netip.MustParsePrefix(args[0])} }
	case "countries":
		return func(a *tenant.App) {
			a.Phones = guard.PhonePolicy{Countries: map[string]bool{}}
			for _, country := range args {
				a.Phones.Countries[country] = true
			}
		}
	case "require-key-on-get":
		return func(a *tenant.App) { a.RequireKeyOnGet = on }
	case "device-cap":
		return func(a *tenant.App) { a.DeviceCap = int(credits(t, args[0])) }
	}
	return nil
}

// importUser moves a user with one device into the first app.
func (e *env) importUser(t testing.TB, uid, number, device string) {
	t.Helper()
	ctx := context.Background()
	e.apps.change(func(a *tenant.App) { a.ImportedUsers = a.ID == 1 })
	app, _ := e.apps.App(1)
	phone, err := guard.ParsePhone(number, app.Phones)
	must(t, err)
	importer := account.NewImporter(account.ImporterOptions{Store: e.batcher, View: e.engine, Ring: e.ring, IDs: e.ids, Devices: e.devices})
	user, err := importer.ImportUser(ctx, app, phone, uid)
	must(t, err)
	must(t, importer.ImportDevice(ctx, app, user, device, time.Time{}))
}

func (e *env) payer(app core.AppID) billing.Payer {
	return billing.PayerOf(1, app, false, core.PoolGeneral)
}

// setBalance makes it what both apps can spend.
func (e *env) setBalance(t testing.TB, want core.Credits) {
	t.Helper()
	for app := core.AppID(1); app <= 2; app++ {
		if change := want - e.balance(t, app); change != 0 {
			must(t, e.batcher.Do(context.Background(), &billing.TopUp{IDs: e.ids, Payer: e.payer(app), Amount: change}))
		}
	}
}

func (e *env) balance(t testing.TB, app core.AppID) core.Credits {
	t.Helper()
	c := &readBalance{payer: e.payer(app)}
	must(t, e.batcher.Do(context.Background(), c))
	return c.balance
}

// readBalance is a command that changes nothing.
type readBalance struct {
	payer   billing.Payer
	balance core.Credits
}

func (c *readBalance) Want(b *store.Batch) { billing.Want(b, c.payer) }

func (c *readBalance) Decide(b *store.Batch) error {
	row, _ := b.Accounts.Get(billing.Account(c.payer.Owner, c.payer.Pool, billing.Available))
	c.balance = row.Balance
	return nil
}

// builtIn is contracts/README.md §8.
var builtIn = []tenant.TestNumber{{Literal: "12345678910", Code: "4433"}}

// apps is a directory of two apps.
type apps struct {
	mu  sync.Mutex
	all []*tenant.App
}

func newApps() *apps {
	a := &apps{}
	for id := core.AppID(1); id <= 2; id++ {
		a.all = append(a.all, &tenant.App{ID: id, Tenant: 1, Dialects: []tenant.Dialect{tenant.DialectYunbox},
			Template: message.CodeTemplate{Signature: "验码"}, CodeLength: 6, CodeLife: 300 * time.Second, Callers: guard.CallersBackend,
			Limits: guard.DefaultRules(), Unchallenged: guard.DefaultRules().Unchallenged(), TestNumbers: builtIn, DeviceCap: 100})
	}
	return a
}

func (a *apps) Apps() []*tenant.App {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all
}

func (a *apps) App(id core.AppID) (*tenant.App, bool) {
	all := a.Apps()
	if id < 1 || int(id) > len(all) {
		return nil, false
	}
	return all[id-1], true
}

func (a *apps) AppByKey(_ tenant.Dialect, key string) (*tenant.App, bool) {
	switch key {
	case mainKey:
		return a.App(1)
	case otherKey:
		return a.App(2)
	}
	return nil, false
}

func (a *apps) change(f func(*tenant.App)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	changed := make([]*tenant.App, len(a.all))
	for i, app := range a.all {
		fresh := *app
		f(&fresh)
		changed[i] = &fresh
	}
	a.all = changed
}

// carrier takes messages where the outbox does.
type carrier struct{ *facadetest.Phones }

func (c carrier) HandOff(out outbox.Outgoing) { c.Receive(out.To.E164(), out.Text) }

// faulty is a database that can go away.
type faulty struct {
	store.Engine
	down atomic.Bool
}

var errDown = errors.New("the database of 13800138000 is down")

func (f *faulty) Begin(ctx context.Context) (store.Tx, error) {
	if f.down.Load() {
		return nil, errDown
	}
	return f.Engine.Begin(ctx)
}

func (f *faulty) View(ctx context.Context, read func(store.SQL) error) error {
	if f.down.Load() {
		return errDown
	}
	return f.Engine.View(ctx, read)
}

func (f *faulty) Update(ctx context.Context, write func(store.SQL) error) error {
	if f.down.Load() {
		return errDown
	}
	return f.Engine.Update(ctx, write)
}

// events keeps what the façade tells its observer.
type events struct {
	mu   sync.Mutex
	seen []facade.Event
}

func (e *events) Observe(event facade.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, event)
}

func (e *events) all() []facade.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]facade.Event(nil), e.seen...)
}

func credits(t *testing.T, text string) core.Credits {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	must(t, err)
	return core.Credits(n)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
