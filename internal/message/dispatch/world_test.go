package dispatch

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	// noon in China.
	epoch = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	byMe  = tenant.By{Actor: "test"}
)

var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

func (c *clock) move(d time.Duration) { c.set(c.now().Add(d)) }

// carrier is the outbox: what was handed to it is on disk.
type carrier struct {
	mu   sync.Mutex
	sent []outbox.Outgoing
}

func (c *carrier) HandOff(out outbox.Outgoing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, out)
}

func (c *carrier) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent)
}

func (c *carrier) last() outbox.Outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent[len(c.sent)-1]
}

type database interface {
	store.Engine
	Migrate(ctx context.Context) error
}

// world is one app on a real database: three templates, approved, and a
// signature, which is the default.
type world struct {
	*Service
	t         testing.TB
	clock     *clock
	engine    *storetest.Faulty
	batcher   *store.Batcher
	ring      *keyring.Ring
	directory *tenant.Directory
	admin     *tenant.Admin
	messages  *catalogue.Admin
	catalogue *catalogue.Catalogue
	limiter   *memory.Limiter
	carrier   *carrier
	app       *tenant.App

	code, notice, market *message.Template
	sign                 *message.Signature
}

func onBoth(t *testing.T, test func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, openSQLite(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newWorld(t, openPostgres(t))) })
}

func openSQLite(t testing.TB) database {
	e, err := sqlite.Open(context.Background(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: quiet})
	ok(t, err)
	return e
}

func openPostgres(t *testing.T) database {
	e, err := postgres.Open(context.Background(), postgres.Options{URL: server.URL(server.Database(t, "")), Now: time.Now, Log: quiet})
	ok(t, err)
	return e
}

func newWorld(t testing.TB, e database) *world {
	t.Helper()
	t.Cleanup(func() { ok(t, e.Close()) })
	ctx := context.Background()
	ok(t, e.Migrate(ctx))
	w := &world{t: t, clock: &clock{at: epoch}, engine: &storetest.Faulty{Engine: e}, carrier: &carrier{}}
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, epoch)
	ok(t, err)
	w.ring, w.limiter, w.catalogue = ring, memory.New(w.clock.now), catalogue.New()
	w.batcher = store.NewBatcher(w.engine, w.clock.now, quiet, store.Options{})
	w.batcher.Start()
	t.Cleanup(w.batcher.Stop)
	w.directory = tenant.NewDirectory(tenant.DirectoryOptions{Database: w.engine, Keys: ring, Now: w.clock.now, Log: quiet,
		Defaults: tenant.Defaults{Rules: guard.DefaultRules(), SMSPrice: 1}})
	w.directory.Beside(w.catalogue.Read)
	ok(t, w.directory.Refresh(ctx))
	w.admin = tenant.NewAdmin(w.directory, nil, rand.Reader)
	ids := core.NewIDs(w.clock.now, 1)
	words, err := message.ParseWords([]byte("# no gambling\n博彩\n"))
	ok(t, err)
	w.messages = catalogue.NewAdmin(catalogue.Options{Apps: w.admin, Directory: w.directory, Catalogue: w.catalogue, Database: w.engine, IDs: ids,
		Now: w.clock.now, Words: words, Approve: true})
	w.Service = New(Options{Store: w.batcher, Database: w.engine, Outbox: w.carrier, Limiter: w.limiter, Ring: ring, IDs: ids, Catalogue: w.catalogue,
		Now: w.clock.now, Random: rand.Reader, Log: quiet, Words: words})
	w.fill(ctx)
	return w
}

func (w *world) fill(ctx context.Context) {
	owner, err := w.admin.CreateTenant(ctx, byMe, "acme")
	ok(w.t, err)
	signature := "验码"
	view, _, err := w.admin.CreateApp(ctx, byMe, tenant.Spec{Tenant: owner.ID, Name: "shop", Settings: tenant.Patch{Signature: &signature}})
	ok(w.t, err)
	_, err = w.messages.AddSignature(ctx, byMe, catalogue.NewSignature{App: view.ID, Text: "极光推送", Kind: 1})
	ok(w.t, err)
	for to, n := range map[**message.Template]catalogue.NewTemplate{
		&w.code:   {App: view.ID, Ref: "10", Kind: message.KindCode, Text: "验证码{{code}}", TTL: 10 * time.Minute},
		&w.notice: {App: view.ID, Ref: "11", Kind: message.KindNotice, Text: "您好，{{name}}"},
		&w.market: {App: view.ID, Ref: "12", Kind: message.KindMarket, Text: "全场五折"},
	} {
		_, err := w.messages.AddTemplate(ctx, byMe, n)
		ok(w.t, err)
		*to, err = w.catalogue.Template(view.ID, n.Ref)
		ok(w.t, err)
	}
	w.app, _ = w.directory.App(view.ID)
	w.sign, err = w.catalogue.Signature(w.app, "")
	ok(w.t, err)
	w.topUp(core.PoolGeneral, 1000)
}

func (w *world) topUp(pool core.Pool, amount core.Credits) {
	w.t.Helper()
	ok(w.t, w.batcher.Do(context.Background(), &billing.TopUp{IDs: w.o.IDs, Payer: billing.PayerOf(w.app.Tenant, w.app.ID, false, pool), Amount: amount}))
}

func (w *world) request(t *message.Template) Request {
	return Request{App: w.app, Template: t, Signature: w.sign}
}

func named(n int, name string) Recipient {
	return Recipient{Phone: number(n), Params: map[string]string{"name": name}, Form: FormNational}
}

func number(n int) core.Phone { return core.PhoneFromE164(fmt.Sprintf("+86138%08d", n)) }

// balances are what the app's pools can spend.
func (w *world) balances() map[string]int64 {
	w.t.Helper()
	have := map[string]int64{}
	w.read(`SELECT id, balance FROM account`, func(r store.Scanner) error {
		var id, balance int64
		err := r.Scan(&id, &balance)
		if _, pool, kind := billing.Split(store.AccountID(id)); kind == billing.Available {
			have[pool.String()] = balance
		}
		return err
	})
	return have
}

func (w *world) wantBalances(want map[string]int64) {
	w.t.Helper()
	if got := w.balances(); !maps.Equal(got, want) {
		w.t.Errorf("balances %v, want %v", got, want)
	}
}

// stored is a message as the test looks at it.
type stored struct {
	id, state, price, status int64
	template, code           string
}

func (w *world) stored() (all []stored) {
	w.t.Helper()
	w.read(`SELECT id, state, price, status, template, code FROM message ORDER BY id`, func(r store.Scanner) error {
		var m stored
		err := r.Scan(&m.id, &m.state, &m.price, &m.status, &m.template, &m.code)
		all = append(all, m)
		return err
	})
	return all
}

func (w *world) count(sql string) (n int64) {
	w.t.Helper()
	w.read(sql, func(r store.Scanner) error { return r.Scan(&n) })
	return n
}

func (w *world) read(sql string, row func(store.Scanner) error) {
	w.t.Helper()
	ok(w.t, w.engine.View(context.Background(), func(q store.SQL) error { return q.Query(context.Background(), sql, row) }))
}

// handedOff are the ids of the messages that the carrier got, sorted.
func (w *world) handedOff() []int64 {
	w.carrier.mu.Lock()
	defer w.carrier.mu.Unlock()
	var ids []int64
	for _, out := range w.carrier.sent {
		ids = append(ids, int64(out.Row.ID))
	}
	slices.Sort(ids)
	return ids
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind core.Kind, field string) {
	t.Helper()
	if core.KindOf(err) != kind || err == nil || core.AsError(err).Field != field {
		t.Errorf("%v, want %s %s", err, kind, field)
	}
}
