package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq43_YunboxThroughTheWholeServer runs the exchanges of the yunbox
// dialect against the server as it is wired: the public listener, SQLite, and
// an SMSC from whose PDUs the codes are read.
func TestReq43_YunboxThroughTheWholeServer(t *testing.T) {
	facadetest.Run(t, facadetest.Yunbox("../facade/yunbox/testdata/*.txtar", func(t *testing.T) facadetest.Env { return startWhole(t) }))
}

// whole is a server with everything around it: an SMSC, a tunnel gateway that
// can be told to fail, two apps of one tenant, and a clock that stands still.
type whole struct {
	*App
	config  config.Config
	clock   *facadetest.Clock
	phones  *facadetest.Phones
	center  *smsc.Server
	gateway *facadetest.Gateway
	gate    gate
	ids     [2]core.AppID
	keys    [2]string

	simulated bool // as in yanma dev
}

var operatorOfTests = tenant.By{Actor: "test"}

func startWhole(t *testing.T) *whole { return startWholeOn(t, "") }

// startWholeOn starts it on a database; "" is SQLite.
func startWholeOn(t *testing.T, database string) *whole {
	t.Helper()
	ctx := t.Context()
	// Ahead of the real time: the SMPP client's deadlines are on this clock, and
	// sockets know only the real one.
	w := &whole{clock: facadetest.NewClock(time.Now().Add(time.Hour)), phones: &facadetest.Phones{}, gateway: &facadetest.Gateway{}}
	center, err := smsc.New(smsc.Config{SystemID: "yanma", Password: core.NewSecret("password"), Handle: func(m smsc.Message) { w.phones.Receive(m.To, m.Text) },
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	ok(t, center.Start(ctx))
	w.center = center
	t.Cleanup(center.Stop)
	gateway := httptest.NewServer(w.gateway)
	t.Cleanup(gateway.Close)
	w.config = wholeConfig(t, center.Addr(), gateway.URL)
	w.config.Store.Database.Secret = core.NewSecret(database)
	w.open(t)
	t.Cleanup(func() { _ = w.Stop(context.Background()) })

	view, err := w.admin.CreateTenant(ctx, operatorOfTests, "tenant")
	ok(t, err)
	for i := range w.ids {
		tests := []tenant.TestNumber{{Literal: "12345678910", Code: "4433"}}
		signature := "验码"
		app, key, err := w.admin.CreateApp(ctx, operatorOfTests, tenant.Spec{Tenant: view.ID, Name: fmt.Sprint("app ", i),
			Settings: tenant.Patch{Signature: &signature, TestNumbers: &tests}})
		ok(t, err)
		w.ids[i], w.keys[i] = app.ID, key.Reveal()
	}
	w.setBalance(t, 1000)
	return w
}

func wholeConfig(t *testing.T, center, gateway string) config.Config {
	t.Helper()
	c, err := wholeConfigIn(t.TempDir(), center, gateway)
	ok(t, err)
	return c
}

// patient is how long the tests wait for PostgreSQL on a loaded machine.
const patient = 30 * time.Second

func wholeConfigIn(data, center, gateway string) (config.Config, error) {
	c := config.Defaults()
	c.Server.Listen, c.Operator.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Operator.Token = config.Secret{Secret: core.NewSecret("a token of an operator")}
	c.Store.Data = data
	c.Store.AnswerWithin = config.Duration(time.Minute) // a slow machine is no fault
	c.Prices.SMS, c.Prices.Login = 0, 0
	c.Captcha.Ahead = 1 // few are asked for
	c.Providers = []config.Provider{{Name: "carrier", Type: "smpp", Address: center, SystemID: "yanma",
		Password: config.Secret{Secret: core.NewSecret("password")}, Source: "YANMA"}}
	c.Tunnel.Provisioner, c.Tunnel.Endpoint = "webhook", "vpn.example.com:51820"
	c.Tunnel.GatewayPublicKey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="
	c.Tunnel.DNS = []netip.Addr{netip.MustParseAddr("10.77.0.1")}
	c.Tunnel.Webhook.URL, c.Tunnel.Webhook.Secret = gateway, config.Secret{Secret: core.NewSecret("a secret of the webhook")}
	return c.Complete()
}

// open opens and starts the server on its folder.
func (w *whole) open(t *testing.T) {
	t.Helper()
	log := obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{})
	t.Cleanup(func() { _ = log.Close() })
	a, err := Open(t.Context(), w.config, Deps{Now: w.clock.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test",
		Simulated: w.simulated, settled: w.gate.settled, slow: patient})
	ok(t, err)
	ok(t, a.Start(t.Context()))
	w.App = a
	ok(t, a.AwaitProviders(t.Context()))
}

// reopen stops the server and starts it on the same folder, configured anew.
func (w *whole) reopen(t *testing.T) {
	t.Helper()
	ok(t, w.Stop(context.Background()))
	w.open(t)
}

// Addr is where the server listens now.
func (w *whole) Addr() string { return w.public.Addr().String() }

// Value knows the keys, and reads codes from the texts that the SMSC got.
func (w *whole) Value(name string, args []string) (string, bool) {
	switch name {
	case "key":
		return w.keys[0], true
	case "other_key":
		return w.keys[1], true
	}
	w.delivered()
	return w.phones.Value(name, args)
}

// delivered waits until every message that was accepted has left.
func (w *whole) delivered() {
	for end := time.Now().Add(5 * time.Second); w.outbox.Stats().InFlight > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// Do carries out what the exchanges ask for.
func (w *whole) Do(t *testing.T, directive string, args []string) {
	t.Helper()
	on := args[0] == "on"
	switch directive {
	case "advance":
		w.delivered()
		d, err := time.ParseDuration(args[0])
		ok(t, err)
		w.clock.Advance(d)
	case "balance":
		w.setBalance(t, amount(t, args[0]))
	case "expect-balance":
		if got := w.balance(t, w.ids[0]); got != amount(t, args[0]) {
			t.Fatalf("balance %d, want %s", got, args[0])
		}
	case "provisioning":
		w.gateway.Be(args[0])
	case "provisioner":
		w.config.Tunnel.Provisioner = args[0]
		w.reopen(t)
	case "forget-keys":
		w.config.Tunnel.ForgetKeys = on
		w.reopen(t)
	case "import":
		w.importUser(t, args[0], args[1], args[2])
	case "store":
		ok(t, w.database.Close())
	case "app":
		change := w.admin.EnableApp
		if args[0] == "disable" {
			change = w.admin.DisableApp
		}
		for _, id := range w.ids {
			_, err := change(t.Context(), operatorOfTests, id)
			ok(t, err)
		}
	default:
		w.patch(t, patchOf(t, directive, args, on))
	}
}

// patchOf is the setting that a directive changes.
func patchOf(t *testing.T, directive string, args []string, on bool) (p tenant.Patch) {
	t.Helper()
	switch directive {
	case "sms-price":
		p.SMSPrice = tenant.PriceOf(amount(t, args[0]))
	case "login-price":
		p.LoginPrice = tenant.PriceOf(amount(t, args[0]))
	case "test-numbers":
		p.TestNumbers = &[]tenant.TestNumber{}
		if on {
			p.TestNumbers = &[]tenant.TestNumber{{Literal: "12345678910", Code: "4433"}}
		}
	case "allow-source":
		p.AllowedSources = &args
	case "countries":
		p.Countries = &args
	case "require-key-on-get":
		p.RequireKeyOnGet = &on
	case "device-cap":
		n := int(amount(t, args[0]))
		p.DeviceCap = &n
	default:
		t.Fatalf("%s %v: there is no such directive", directive, args)
	}
	return p
}

func (w *whole) patch(t *testing.T, p tenant.Patch) {
	t.Helper()
	for _, id := range w.ids {
		_, err := w.admin.UpdateApp(t.Context(), operatorOfTests, id, p)
		ok(t, err)
	}
}

// importUser moves a user with one device into the first app.
func (w *whole) importUser(t *testing.T, uid, phone, device string) {
	t.Helper()
	file := fmt.Sprintf("{\"type\":\"user\",\"phone\":%q,\"yb_uid\":%q}\n{\"type\":\"device\",\"yb_uid\":%q,\"device_id\":%q,\"created\":%q}\n",
		phone, uid, uid, device, w.clock.Now().UTC().Format(time.RFC3339))
	report, err := w.admin.ImportYunbox(t.Context(), operatorOfTests, w.ids[0], strings.NewReader(file), false)
	ok(t, err)
	if report.Failed > 0 || report.Devices != 1 {
		t.Fatalf("import: %+v", report)
	}
}

func (w *whole) payer(t *testing.T, id core.AppID) billing.Payer {
	t.Helper()
	app, found := w.directory.App(id)
	if !found {
		t.Fatalf("app %d is not in the directory", id)
	}
	return billing.PayerOf(app.Tenant, app.ID, app.TenantPays, core.PoolGeneral)
}

func (w *whole) setBalance(t *testing.T, want core.Credits) {
	t.Helper()
	for _, id := range w.ids {
		if change := want - w.balance(t, id); change != 0 {
			ok(t, w.store.Do(t.Context(), &billing.TopUp{IDs: w.App.ids, Payer: w.payer(t, id), Amount: change}))
		}
	}
}

func (w *whole) balance(t *testing.T, id core.AppID) core.Credits {
	t.Helper()
	c := &balanceOf{payer: w.payer(t, id)}
	ok(t, w.store.Do(t.Context(), c))
	return c.balance
}

// balanceOf is a command that changes nothing.
type balanceOf struct {
	payer   billing.Payer
	balance core.Credits
}

func (c *balanceOf) Want(b *store.Batch) { billing.Want(b, c.payer) }

func (c *balanceOf) Decide(b *store.Batch) error {
	row, _ := b.Accounts.Get(billing.Account(c.payer.Owner, c.payer.Pool, billing.Available))
	c.balance = row.Balance
	return nil
}

func amount(t *testing.T, text string) core.Credits {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	ok(t, err)
	return core.Credits(n)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
