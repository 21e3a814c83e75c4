package submail_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/facade/submail"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
)

// The pairs of the contract: §3.1's and §4.1's.
const (
	appid     = "10001"
	appkey    = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	vectorID  = "10002"
	vectorKey = "testkey"
	origin    = "https://www.example.com"
)

// now is the time of the contract's examples: timestamp 1700000000.
var now = time.Unix(1_700_000_000, 0)

// env is the façade on the real use-cases, tenants and database. What stands in
// is the carrier, behind numberverify's port, and the clock.
type env struct {
	server    *httptest.Server
	events    *events
	clock     *facadetest.Clock
	engine    *faulty
	batcher   *store.Batcher
	ids       *core.IDs
	ring      *keyring.Ring
	limiter   *memory.Limiter
	directory *tenant.Directory
	admin     *tenant.Admin
	numbers   *numberverify.Service
	carrier   *carrier
	tenantID  core.TenantID
	app       core.AppID
	strict    bool
	rules     guard.Rules
	window    time.Duration
	routes    []numberverify.Route
	handler   atomic.Pointer[facade.Handler]
}

var by = tenant.By{Actor: "test"}

func start(t testing.TB) *env {
	t.Helper()
	ctx := context.Background()
	e := &env{clock: facadetest.NewClock(now), events: &events{}, rules: guard.DefaultRules()}
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
	e.directory = tenant.NewDirectory(tenant.DirectoryOptions{Database: e.engine, Keys: e.ring, Now: e.clock.Now, Log: quiet,
		Defaults: tenant.Defaults{Rules: guard.DefaultRules(), VerifyPrice: 1, FetchPrice: 1}})
	must(t, e.directory.Refresh(ctx))
	e.admin = tenant.NewAdmin(e.directory, nil, rand.Reader)
	e.seed(t)
	e.carrier = &carrier{env: e, answer: "number:13800138000"}
	e.routes = []numberverify.Route{{Gateway: e.carrier, Device: &numberverify.DeviceRoute{
		Carriers: []numberverify.Carrier{numberverify.CarrierMobile, numberverify.CarrierUnicom, numberverify.CarrierTelecom},
		Mode:     numberverify.ModeSim, Method: http.MethodPost, URL: "http://127.0.0.1/sim/carrier/token"}}}
	e.wire(t)
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.handler.Load().ServeHTTP(w, r) }))
	t.Cleanup(e.server.Close)
	e.setBalance(t, 1000)
	return e
}

// seed makes one tenant with one app that has both pairs.
func (e *env) seed(t testing.TB) {
	ctx := context.Background()
	account, err := e.admin.CreateTenant(ctx, by, "shop")
	must(t, err)
	signature, dialects, origins := "验码", []tenant.Dialect{tenant.DialectSubmail}, []string{origin}
	app, _, err := e.admin.CreateApp(ctx, by, tenant.Spec{Tenant: account.ID, Name: "shop", Settings: tenant.Patch{Signature: &signature, Dialects: &dialects, Origins: &origins}})
	must(t, err)
	e.tenantID, e.app = account.ID, app.ID
	report, err := e.admin.ImportSubmail(ctx, by, e.app, strings.NewReader(fmt.Sprintf(
		"{\"type\":\"app\",\"appid\":%q,\"appkey\":%q}\n{\"type\":\"app\",\"appid\":%q,\"appkey\":%q}\n", appid, appkey, vectorID, vectorKey)), false)
	must(t, err)
	if report.Keys != 2 || !report.Applied {
		t.Fatalf("import: %+v", report)
	}
}

// seedOther makes a second app of the tenant, with money of its own.
func (e *env) seedOther(t testing.TB) {
	ctx := context.Background()
	signature, dialects := "验码", []tenant.Dialect{tenant.DialectSubmail}
	app, _, err := e.admin.CreateApp(ctx, by, tenant.Spec{Tenant: e.tenantID, Name: "other", Settings: tenant.Patch{Signature: &signature, Dialects: &dialects}})
	must(t, err)
	_, err = e.admin.ImportSubmail(ctx, by, app.ID, strings.NewReader(`{"type":"app","appid":"20001","appkey":"other-appkey"}`), false)
	must(t, err)
	must(t, e.batcher.Do(ctx, &billing.TopUp{IDs: e.ids, Payer: billing.PayerOf(e.tenantID, app.ID, false, core.PoolGeneral), Amount: 100}))
}

// noCodes: the plan has no step behind silent here; internal/app has them all.
func noCodes(*tenant.App, core.Phone, core.Channel) bool { return false }

// wire puts the use-cases together, again after a setting of the installation.
func (e *env) wire(t testing.TB) {
	t.Helper()
	e.numbers = numberverify.New(numberverify.Options{Store: e.batcher, Ring: e.ring, IDs: e.ids, Now: e.clock.Now,
		Log: slog.New(slog.DiscardHandler), Routes: e.routes})
	dialect := submail.New(submail.Options{Apps: e.directory, Numbers: e.numbers, Keys: e.ring, Limiter: e.limiter, Subjects: e.ring,
		Rules: e.rules, Now: e.clock.Now, Window: e.window, StrictStatus: e.strict, Carries: noCodes})
	calls := idempotency.New(idempotency.Options{Store: e.batcher, Keys: e.ring, IDs: e.ids})
	handler, err := facade.New(facade.Config{Mounts: []facade.Mount{{Facade: dialect}}, Calls: calls, Now: e.clock.Now, Random: rand.Reader, Observer: e.events})
	must(t, err)
	e.handler.Store(handler)
}

// Addr is where the façade listens.
func (e *env) Addr() string { return e.server.Listener.Addr().String() }

// Value knows signatures: {{sign 1700000000 TOKEN}} with the app's key,
// {{sign_with KEY 1700000000 TOKEN}} with another.
func (e *env) Value(name string, args []string) (string, bool) {
	switch {
	case name == "sign" && len(args) == 2:
		return sign(appkey, args[0], args[1]), true
	case name == "sign_with" && len(args) == 3:
		return sign(args[0], args[1], args[2]), true
	}
	return "", false
}

func sign(key, timestamp, token string) string {
	sum := sha256.Sum256([]byte(key + timestamp + token))
	return hex.EncodeToString(sum[:])
}

// Do carries out what the exchanges ask for.
func (e *env) Do(t *testing.T, directive string, args []string) {
	t.Helper()
	ctx := context.Background()
	line := strings.Join(append([]string{directive}, args...), " ")
	var err error
	switch directive {
	case "advance":
		d, bad := time.ParseDuration(args[0])
		must(t, bad)
		e.clock.Advance(d)
	case "balance":
		e.setBalance(t, credits(t, args[0]))
	case "expect-balance":
		if got := e.balance(t); got != credits(t, args[0]) {
			t.Fatalf("%s: the app has %d", line, got)
		}
	case "carrier": // how it answers from now on
		e.carrier.set(strings.Join(args, " "))
	case "expect-asked": // how often since the last look, and whom
		if got := e.carrier.look(); got != strings.Join(args, " ") {
			t.Fatalf("%s: it was asked %q", line, got)
		}
	case "app":
		if args[0] == "disable" {
			_, err = e.admin.DisableApp(ctx, by, e.app)
		} else {
			_, err = e.admin.EnableApp(ctx, by, e.app)
		}
	case "account":
		off := args[0] == "disable"
		_, err = e.admin.UpdateTenant(ctx, by, e.tenantID, tenant.TenantPatch{Disabled: &off})
	case "deny":
		_, err = e.admin.UpdateTenant(ctx, by, e.tenantID, tenant.TenantPatch{Denied: &args})
	case "dialects":
		dialects := []tenant.Dialect{}
		for _, name := range args {
			dialects = append(dialects, tenant.Dialect(name))
		}
		e.set(t, tenant.Patch{Dialects: &dialects})
	case "allow-source":
		e.set(t, tenant.Patch{AllowedSources: &args})
	case "countries":
		e.set(t, tenant.Patch{Countries: &args})
	case "limit":
		limits := tenant.Limits{}
		if len(args) > 0 {
			limits["number_checks"] = args
		}
		e.set(t, tenant.Patch{Limits: &limits})
	case "revoke":
		_, err = e.admin.RevokeSubmail(ctx, by, e.app)
	case "rotate": // OVERLAP; the new key is {{sign_with}}'s
		d, bad := time.ParseDuration(args[0])
		must(t, bad)
		_, _, err = e.admin.RotateSubmail(ctx, by, e.app, appid, tenant.Rotation{OldValidUntil: e.clock.Now().Add(d)})
	case "import": // APPID KEY
		_, err = e.admin.ImportSubmail(ctx, by, e.app, strings.NewReader(fmt.Sprintf(`{"type":"app","appid":%q,"appkey":%q}`, args[0], args[1])), false)
	case "other-app": // 20001, other-appkey
		e.seedOther(t)
	case "gateways": // none, all, or of others only
		e.setGateways(t, args[0])
	case "http-status":
		e.strict = args[0] == "strict"
		e.wire(t)
	case "window":
		e.window, err = time.ParseDuration(args[0])
		e.wire(t)
	case "store":
		e.engine.down.Store(args[0] == "down")
	default:
		t.Fatalf("%s: there is no such directive", line)
	}
	must(t, err)
}

func (e *env) set(t testing.TB, p tenant.Patch) {
	t.Helper()
	_, err := e.admin.UpdateApp(context.Background(), by, e.app, p)
	must(t, err)
}

func (e *env) setGateways(t *testing.T, which string) {
	all := []numberverify.Route{{Gateway: e.carrier}}
	switch which {
	case "none":
		all = nil
	case "others":
		all[0].Apps = []core.AppID{e.app + 1}
	}
	e.routes = all
	e.wire(t)
}

func (e *env) limitsOff(t testing.TB) {
	e.rules = guard.NoLimits()
	e.wire(t)
}

func (e *env) payer() billing.Payer {
	return billing.PayerOf(e.tenantID, e.app, false, core.PoolGeneral)
}

func (e *env) setBalance(t testing.TB, want core.Credits) {
	t.Helper()
	if change := want - e.balance(t); change != 0 {
		must(t, e.batcher.Do(context.Background(), &billing.TopUp{IDs: e.ids, Payer: e.payer(), Amount: change}))
	}
}

func (e *env) balance(t testing.TB) core.Credits {
	t.Helper()
	c := &readBalance{payer: e.payer()}
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

// carrier is all three networks. It answers as it is told:
//
//	number:13800138000    the SIM has this number
//	proof 606 token check failed    an error: class, code, description
//	timeout               none in time
//	lapsed                an answer when the reservation has lapsed already
//	store-down            an answer, and the database goes away
type carrier struct {
	env *env

	mu     sync.Mutex
	answer string
	asked  []string
}

func (c *carrier) set(answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// look says whom it was asked as, since the last look.
func (c *carrier) look() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := strings.Join(c.asked, " ")
	c.asked = nil
	if asked == "" {
		return "nobody"
	}
	return asked
}

// Name is the gateway's.
func (c *carrier) Name() string { return "scripted" }

// Can does everything for everybody.
func (c *carrier) Can(numberverify.Carrier) numberverify.Can {
	return numberverify.Can{Match: true, Fetch: true}
}

// Match compares with the SIM's number.
func (c *carrier) Match(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	phone, err := c.number(ctx, q)
	if err != nil {
		return numberverify.Answer{}, err
	}
	if phone == q.Phone {
		return numberverify.Answer{Outcome: numberverify.OutcomeMatch, Code: "000", Counted: true}, nil
	}
	return numberverify.Answer{Outcome: numberverify.OutcomeMismatch, Code: "001", Counted: true}, nil
}

// Fetch tells the SIM's number.
func (c *carrier) Fetch(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	phone, err := c.number(ctx, q)
	return numberverify.Answer{Outcome: numberverify.OutcomeNumber, Phone: phone, Code: "103000", Counted: true}, err
}

// Close has nothing to let go of.
func (c *carrier) Close() {}

func (c *carrier) number(ctx context.Context, q numberverify.Question) (core.Phone, error) {
	c.mu.Lock()
	c.asked = append(c.asked, q.Carrier.String())
	words := strings.Fields(c.answer)
	c.mu.Unlock()
	classes := map[string]numberverify.Class{}
	for _, class := range numberverify.Classes() {
		classes[class.String()] = class
	}
	switch {
	case strings.HasPrefix(words[0], "number:"):
		return guard.ParsePhone(strings.TrimPrefix(words[0], "number:"), guard.PhonePolicy{Countries: map[string]bool{"CN": true, "US": true}})
	case words[0] == "timeout":
		return core.Phone{}, numberverify.ErrTimeout(true)
	case words[0] == "lapsed":
		c.env.clock.Advance(2 * time.Minute)
		if err := c.env.numbers.Lapse(ctx, c.env.checks()); err != nil {
			return core.Phone{}, err
		}
		return core.PhoneFromE164("+8613800138000"), nil
	case words[0] == "store-down":
		c.env.engine.down.Store(true)
		return core.PhoneFromE164("+8613800138000"), nil
	}
	class, ok := classes[words[0]]
	if !ok {
		return core.Phone{}, errors.New("no such answer")
	}
	return core.Phone{}, &numberverify.Error{Class: class, Code: words[1], Desc: strings.Join(words[2:], " "), Sent: true}
}

// checks are the questions that are under way.
func (e *env) checks() (all []core.NumberCheckID) {
	_ = e.engine.View(context.Background(), func(q store.SQL) error {
		return q.Query(context.Background(), `SELECT id FROM number_check WHERE due IS NOT NULL`, func(r store.Scanner) error {
			var id int64
			err := r.Scan(&id)
			all = append(all, core.NumberCheckID(id))
			return err
		})
	})
	return all
}

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
