package numberverify

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	epoch = time.Date(2026, 3, 1, 4, 0, 0, 123_456_789, time.UTC)
	zhang = core.PhoneFromE164("+8613800138000")
	li    = core.PhoneFromE164("+8613900139000")
)

const (
	plenty      core.Credits = 1000
	verifyPrice core.Credits = 3
	fetchPrice  core.Credits = 5
)

// clock is set by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// scripted is a gateway that does what the test says.
type scripted struct {
	name string
	can  map[Carrier]Can
	act  func(ctx context.Context, q Question) (Answer, error)

	mu    sync.Mutex
	asked []Question
}

func (g *scripted) Name() string      { return g.name }
func (g *scripted) Can(c Carrier) Can { return g.can[c] }
func (g *scripted) Close()            {}
func (g *scripted) count() int        { g.mu.Lock(); defer g.mu.Unlock(); return len(g.asked) }
func (g *scripted) Match(ctx context.Context, q Question) (Answer, error) {
	return g.ask(ctx, q)
}
func (g *scripted) Fetch(ctx context.Context, q Question) (Answer, error) {
	return g.ask(ctx, q)
}

func (g *scripted) ask(ctx context.Context, q Question) (Answer, error) {
	g.mu.Lock()
	g.asked = append(g.asked, q)
	act := g.act
	g.mu.Unlock()
	return act(ctx, q)
}

func (g *scripted) set(act func(ctx context.Context, q Question) (Answer, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.act = act
}

func always(a Answer, err error) func(context.Context, Question) (Answer, error) {
	return func(context.Context, Question) (Answer, error) { return a, err }
}

var (
	match    = Answer{Outcome: OutcomeMatch, Code: "000", ID: "f11585580266414fbde9f755451fb7a7", Counted: true}
	mismatch = Answer{Outcome: OutcomeMismatch, Code: "001", Counted: true}
	everyone = map[Carrier]Can{CarrierMobile: {Match: true}, CarrierUnicom: {Match: true}, CarrierTelecom: {Match: true}}
)

// world is a service on a database in memory, with one gateway that matches.
type world struct {
	*Service
	clock   *clock
	memory  *storetest.Memory
	faulty  *storetest.Faulty
	batcher *store.Batcher
	app     *tenant.App
	other   *tenant.App
	gateway *scripted
	tokens  int
}

func newWorld(t *testing.T, edit func(*Options)) *world {
	t.Helper()
	w := &world{clock: &clock{at: epoch}, memory: storetest.NewMemory()}
	w.faulty = &storetest.Faulty{Engine: w.memory}
	w.batcher = store.NewBatcher(w.faulty, w.clock.now, quiet, store.Options{})
	w.batcher.Start()
	t.Cleanup(w.batcher.Stop)
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, epoch)
	wantOK(t, err)
	w.app = &tenant.App{ID: 1, Tenant: 1, VerifyPrice: verifyPrice, FetchPrice: fetchPrice}
	w.other = &tenant.App{ID: 2, Tenant: 1, VerifyPrice: verifyPrice}
	w.gateway = &scripted{name: "mobile", can: everyone, act: always(match, nil)}
	o := Options{Store: w.batcher, Ring: ring, IDs: core.NewIDs(w.clock.now, 1), Now: w.clock.now, Log: quiet, Routes: []Route{{Gateway: w.gateway}}}
	if edit != nil {
		edit(&o)
	}
	w.Service = New(o)
	w.Start()
	t.Cleanup(w.Stop)
	for _, app := range []*tenant.App{w.app, w.other} {
		w.topUp(t, app, plenty)
	}
	return w
}

func (w *world) topUp(t *testing.T, app *tenant.App, amount core.Credits) {
	t.Helper()
	wantOK(t, w.batcher.Do(t.Context(), &billing.TopUp{IDs: w.o.IDs, Amount: amount,
		Payer: billing.PayerOf(app.Tenant, app.ID, false, core.PoolGeneral)}))
}

// proof is a new one.
func (w *world) proof() Proof {
	w.tokens++
	return Proof{Token: core.NewSecret(fmt.Sprintf("STsid%010dABCDEFGHIJKLMNOPQRSTUV", w.tokens)), Carrier: CarrierMobile}
}

func (w *world) verify(t *testing.T, p Proof) (Verified, error) {
	t.Helper()
	return w.Verify(t.Context(), VerifyRequest{App: w.app, Proof: p, Phone: zhang, Browser: "x"})
}

func (w *world) balance(app *tenant.App, kind billing.Kind) core.Credits {
	return w.memory.Rows().Accounts[billing.Account(billing.OwnerApp(app.ID), core.PoolGeneral, kind)].Balance
}

// wantMoney: what the app can spend, what is held, what it spent; and the ledger
// is whole.
func (w *world) wantMoney(t *testing.T, available, held, spent core.Credits) {
	t.Helper()
	have := [3]core.Credits{w.balance(w.app, billing.Available), w.balance(w.app, billing.Held), w.balance(w.app, billing.Revenue)}
	if want := [3]core.Credits{available, held, spent}; have != want {
		t.Errorf("available, held, spent = %v, want %v", have, want)
	}
	sums := map[store.AccountID]core.Credits{}
	total := core.Credits(0)
	rows := w.memory.Rows()
	for _, l := range rows.Ledger {
		sums[l.Debit] -= l.Amount
		sums[l.Credit] += l.Amount
	}
	for id, a := range rows.Accounts {
		total += a.Balance
		if a.Balance != sums[id] {
			t.Errorf("account %s has %d, its entries sum to %d", billing.Name(id), a.Balance, sums[id])
		}
	}
	if total != 0 {
		t.Errorf("all balances sum to %d", total)
	}
}

// only is the one check that there is.
func (w *world) only(t *testing.T) store.NumberCheck {
	t.Helper()
	rows := w.memory.Rows().NumberChecks
	if len(rows) != 1 {
		t.Fatalf("%d number checks, want 1", len(rows))
	}
	for _, row := range rows {
		return row
	}
	return store.NumberCheck{}
}

func wantOK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Errorf("error %v, want %s", err, kind)
	}
}

// wantError: an *Error of the class, as a caller reads it.
func wantError(t *testing.T, err error, class Class, text string) {
	t.Helper()
	e, ok := AsError(err)
	if !ok || e.Class != class || e.Code+" "+e.Desc != text {
		t.Errorf("error %v, want class %s and %q", err, class, text)
	}
}

// eventually waits for what the loop in the background does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
