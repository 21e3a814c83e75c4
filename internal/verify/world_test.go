package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
)

var (
	quiet = slog.New(slog.DiscardHandler)
	epoch = time.Date(2026, 3, 1, 4, 0, 0, 123_456_789, time.UTC)
	phone = core.PhoneFromE164("+8613800138000")
	other = core.PhoneFromE164("+8613900139000")
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

// phones is the outbox: what was handed to it is on disk, and its code is what
// the person reads.
type phones struct {
	mu   sync.Mutex
	sent []outbox.Outgoing
}

func (p *phones) HandOff(out outbox.Outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, out)
}

func (p *phones) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent)
}

var digitsInText = regexp.MustCompile(`\d{4,10}`)

func codeIn(text string) core.Code { return core.CodeFromDigits(digitsInText.FindString(text)) }

// last is the code of the newest message.
func (p *phones) last(tb testing.TB) core.Code {
	tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) == 0 {
		tb.Fatal("nothing was sent")
	}
	return codeIn(p.sent[len(p.sent)-1].Text)
}

// networks is the tunnel: outside tells whether a first login has to call it.
type networks struct {
	mu        sync.Mutex
	outside   bool
	numbers   map[core.UserID]int64
	asked     int
	provision func(u tunnel.UserNetwork) error // nil: it works
	answer    func() error                     // after it worked; nil: it arrives
}

func (n *networks) Outside() bool { return n.outside }

func (n *networks) ProvisionUser(_ context.Context, u tunnel.UserNetwork) (int64, error) {
	n.mu.Lock()
	n.asked++
	provision, answer := n.provision, n.answer
	n.mu.Unlock()
	if provision != nil {
		if err := provision(u); err != nil {
			return 0, err
		}
	}
	n.mu.Lock()
	number, ok := n.numbers[u.User]
	if !ok {
		number = int64(len(n.numbers) + 1)
		n.numbers[u.User] = number
	}
	n.mu.Unlock()
	if answer != nil {
		if err := answer(); err != nil {
			return 0, err
		}
	}
	return number, nil
}

// world is a service on an engine, with one app.
type world struct {
	*Service
	clock    *clock
	engine   store.Engine
	batcher  *store.Batcher
	phones   *phones
	networks *networks
	limiter  *memory.Limiter
	app      *tenant.App
}

// setting is what a test wants to be different.
type setting struct {
	engine  store.Engine                      // default: in memory
	wrap    func(store.Engine) store.Engine   // around it
	random  io.Reader                         // default: crypto/rand
	ring    *keyring.Ring                     // default: a new one
	limiter func(guard.Limiter) guard.Limiter // around the one in memory
	checker func(codeChecker) codeChecker     // around the keyring
	store   func(Store) Store                 // around the batcher
	log     *slog.Logger                      // default: silent
	policy  *guard.FailurePolicy              // default: the contract's
	batch   int                               // commands in one commit
	edit    func(*tenant.App)                 // the app
}

const plenty = 1_000_000

func newWorld(tb testing.TB, s setting) *world {
	tb.Helper()
	w := newEmptyWorld(tb, s)
	w.topUp(tb, plenty)
	return w
}

func newEmptyWorld(tb testing.TB, s setting) *world {
	tb.Helper()
	c := &clock{at: epoch}
	if s.engine == nil {
		s.engine = storetest.NewMemory()
	}
	if s.ring == nil {
		s.ring = newRing(tb)
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	if s.log == nil {
		s.log = quiet
	}
	policy := guard.DefaultFailurePolicy()
	if s.policy != nil {
		policy = *s.policy
	}
	w := &world{clock: c, engine: s.engine, phones: &phones{}, networks: &networks{numbers: map[core.UserID]int64{}},
		limiter: memory.New(c.now), app: newApp(2)}
	if s.wrap != nil {
		w.engine = s.wrap(s.engine)
	}
	w.batcher = store.NewBatcher(w.engine, c.now, s.log, store.Options{MaxBatch: s.batch})
	w.batcher.Start()
	tb.Cleanup(w.batcher.Stop)
	ids := core.NewIDs(c.now, 1)
	o := Options{Store: w.batcher, Outbox: w.phones, Limiter: w.limiter, Networks: w.networks, Ring: s.ring,
		Aliases: account.NewAliases(s.ring, s.engine), IDs: ids, Now: c.now, Random: s.random, Log: s.log, Policy: policy}
	if s.limiter != nil {
		o.Limiter = s.limiter(o.Limiter)
	}
	if s.store != nil {
		o.Store = s.store(o.Store)
	}
	w.Service = New(o)
	if s.checker != nil {
		w.checker = s.checker(w.checker)
	}
	if s.edit != nil {
		s.edit(w.app)
	}
	return w
}

func newRing(tb testing.TB) *keyring.Ring {
	tb.Helper()
	ring, err := keyring.Create(filepath.Join(tb.TempDir(), "keyring.json"), rand.Reader, epoch)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

// newApp is an app of tenant 1 without frequency limits.
func newApp(id core.AppID) *tenant.App {
	return &tenant.App{ID: id, Tenant: 1, Name: "demo", Template: message.CodeTemplate{Signature: "Yanma"}, CodeLength: 6,
		CodeLife: 5 * time.Minute, SMSPrice: 5, Limits: guard.NoLimits(), Unchallenged: guard.NoLimits()}
}

// withLimits gives an app the limits of contracts/README.md §6.
func withLimits(a *tenant.App) {
	a.Limits = guard.DefaultRules()
	a.Unchallenged = a.Limits.Unchallenged()
}

// onDisk opens SQLite in a folder.
func onDisk(tb testing.TB, folder string) *sqlite.Engine {
	tb.Helper()
	e, err := sqlite.Open(tb.Context(), sqlite.Options{Folder: folder, Now: time.Now, Log: quiet})
	if err != nil {
		tb.Fatal(err)
	}
	if err := e.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}

func (w *world) topUp(tb testing.TB, amount core.Credits) {
	tb.Helper()
	w.do(tb, &billing.TopUp{IDs: w.ids, Payer: payerOf(w.app, core.PoolGeneral), Amount: amount})
}

func (w *world) do(tb testing.TB, c store.Command) {
	tb.Helper()
	if err := w.batcher.Do(context.Background(), c); err != nil {
		tb.Fatal(err)
	}
}

// send asks for a code that must come, and reads it.
func (w *world) send(tb testing.TB, p core.Phone) core.Code {
	tb.Helper()
	if _, err := w.start(p); err != nil {
		tb.Fatal(err)
	}
	return w.phones.last(tb)
}

func (w *world) start(p core.Phone) (Started, error) {
	return w.Start(context.Background(), StartRequest{App: w.app, Phone: p, Purpose: core.PurposeLogin, Channel: core.ChannelSMS})
}

func (w *world) login(p core.Phone, code core.Code) (LoggedIn, error) {
	return w.Login(context.Background(), LoginRequest{App: w.app, Phone: p, Code: code})
}

func (w *world) loginFrom(p core.Phone, code core.Code, address string) error {
	_, err := w.Login(context.Background(), LoginRequest{App: w.app, Phone: p, Code: code, EndUser: netip.MustParseAddr(address)})
	return err
}

// wrongOf is a code of the same length that is not the code.
func wrongOf(c core.Code) core.Code {
	raw := []byte(c.Digits())
	raw[len(raw)-1] = '0' + (raw[len(raw)-1]-'0'+1)%10
	return core.CodeFromDigits(string(raw))
}

func wantKind(tb testing.TB, err error, kind core.Kind) {
	tb.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Kind != kind {
		tb.Fatalf("answer %v, want %s", err, kind)
	}
}

func wantOK(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("answer %v, want success", err)
	}
}

// rows is what is in the engine in memory.
func (w *world) rows() storetest.Rows { return memoryOf(w.engine).Rows() }

func memoryOf(e store.Engine) *storetest.Memory {
	if f, ok := e.(*storetest.Faulty); ok {
		e = f.Engine
	}
	return e.(*storetest.Memory)
}

// balance is one account of the app.
func (w *world) balance(kind billing.Kind) core.Credits {
	p := payerOf(w.app, core.PoolGeneral)
	return w.rows().Accounts[billing.Account(p.Owner, p.Pool, kind)].Balance
}

// checkLedger: every balance is what its transfers say, all sum to zero, and
// only funding is below zero.
func checkLedger(tb interface {
	Helper()
	Fatalf(string, ...any)
}, r storetest.Rows) {
	tb.Helper()
	var sum core.Credits
	booked := map[store.AccountID]core.Credits{}
	for _, l := range r.Ledger {
		booked[l.Debit] -= l.Amount
		booked[l.Credit] += l.Amount
	}
	for id, a := range r.Accounts {
		sum += a.Balance
		if a.Balance != booked[id] {
			tb.Fatalf("account %d has %d, its transfers say %d", id, a.Balance, booked[id])
		}
		if a.Balance < 0 && billing.Kind(id&15) != billing.Funding {
			tb.Fatalf("account %d is at %d", id, a.Balance)
		}
	}
	if sum != 0 {
		tb.Fatalf("all balances sum to %d", sum)
	}
}

// refuse is a back end that answers every call with an error.
func refuse(err error) func(tunnel.UserNetwork) error {
	return func(tunnel.UserNetwork) error { return err }
}
