package callback

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
)

var (
	ctx    = context.Background()
	quiet  = slog.New(slog.DiscardHandler)
	server *postgrestest.Server
)

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

const number = "+8613800138000"

// world is a database with messages, a clock that the test sets, and apps'
// servers.
type world struct {
	t     *testing.T
	db    *faulty
	ring  *keyring.Ring
	ids   *core.IDs
	clock atomic.Int64

	mu      sync.Mutex
	targets []Target
}

func (w *world) now() time.Time { return time.Unix(0, w.clock.Load()) }

func (w *world) advance(d time.Duration) { w.clock.Add(int64(d)) }

// faulty is a database whose next changes fail: without a trace, or done and
// the answer lost.
type faulty struct {
	store.Engine
	before, after atomic.Int32
}

func (f *faulty) Update(ctx context.Context, do func(store.SQL) error) error {
	if f.before.Add(-1) >= 0 {
		return store.ErrNotCommitted
	}
	err := f.Engine.Update(ctx, do)
	if err == nil && f.after.Add(-1) >= 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

type engine interface {
	store.Engine
	Migrate(context.Context) error
}

func onBoth(t *testing.T, test func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, openSQLite(t))) })
	t.Run("postgres", func(t *testing.T) {
		e, err := postgres.Open(ctx, postgres.Options{URL: server.URL(server.Database(t, "")), Now: time.Now, Log: quiet})
		ok(t, err)
		test(t, newWorld(t, e))
	})
}

func openSQLite(t *testing.T) engine {
	e, err := sqlite.Open(ctx, sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: quiet})
	ok(t, err)
	return e
}

func newWorld(t *testing.T, e engine) *world {
	t.Cleanup(func() { ok(t, e.Close()) })
	ok(t, e.Migrate(ctx))
	w := &world{t: t, db: &faulty{Engine: e}}
	w.clock.Store(time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC).UnixNano())
	w.ids = core.NewIDs(w.now, 1)
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, w.now())
	ok(t, err)
	w.ring = ring
	return w
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// service is a server's; those of one world share its database.
func (w *world) service() *Service {
	s, err := New(Options{Database: w.db, Ring: w.ring, IDs: w.ids, Now: w.now, Random: rand.Reader, Log: quiet, Timeout: 5 * time.Second,
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Targets: func() []Target {
			w.mu.Lock()
			defer w.mu.Unlock()
			return append([]Target(nil), w.targets...)
		}})
	ok(w.t, err)
	w.t.Cleanup(s.Stop)
	return s
}

// work is one look at what is due, until all of it was called.
func work(s *Service) {
	s.pass()
	s.pages.Wait()
}

// plain is the encoder of the tests.
func plain(_ context.Context, e *Event, _ time.Time) (Request, error) {
	text := e.Kind.String() + " " + strconv.Itoa(e.Status) + " " + e.Phone.E164() + " " + e.Text + e.Note
	return Request{ContentType: "text/plain", Body: []byte(text)}, nil
}

// call is one that an app's server got.
type call struct{ id, body string }

// customer is an app's server.
type customer struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer atomic.Pointer[http.HandlerFunc]
}

func (w *world) customer(app core.AppID) *customer {
	c := &customer{}
	c.says(func(http.ResponseWriter, *http.Request) {})
	c.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.calls = append(c.calls, call{r.Header.Get("Yanma-Event"), string(body)})
		c.mu.Unlock()
		(*c.answer.Load())(rw, r)
	}))
	w.t.Cleanup(c.Close)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets = append(w.targets, Target{App: app, URL: c.URL, Encode: plain})
	return c
}

func (c *customer) says(h http.HandlerFunc) { c.answer.Store(&h) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (c *customer) got() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]call(nil), c.calls...)
}

// receipt puts a message and the event of its receipt, as a batch does.
func (w *world) receipt(app core.AppID, jsms uint16) core.EventID {
	w.t.Helper()
	sealed, err := w.ring.SealPhone(core.PhoneFromE164(number))
	ok(w.t, err)
	id, event := core.MessageID(w.ids.Next()), core.EventID(w.ids.Next())
	tx, err := w.db.Begin(ctx)
	ok(w.t, err)
	defer tx.Rollback()
	var b store.Batch
	b.Begin(store.At(w.now()))
	b.Messages.Put(id, store.Message{ID: id, App: app, Phone: sealed, State: store.MessageDelivered, Report: true})
	b.Events.Put(event, store.Event{ID: event, App: app, Kind: store.EventReceipt, Ref: int64(id), Status: jsms, At: b.Now})
	ok(w.t, tx.Write(ctx, &b))
	ok(w.t, tx.Commit(ctx))
	return event
}

// row is an event as it is on disk.
func (w *world) row(id core.EventID) records.EventRow {
	w.t.Helper()
	var found records.EventRow
	ok(w.t, w.db.View(ctx, func(q store.SQL) error {
		for _, app := range []core.AppID{1, 2} {
			rows, _, err := records.EventPage(ctx, q, app, 0, 10000)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.ID == id {
					found = r
				}
			}
		}
		return nil
	}))
	return found
}

// fixed resolves every name to the next of its addresses; the last one stays.
type fixed struct {
	mu        sync.Mutex
	addresses [][]netip.Addr
}

func (f *fixed) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.addresses[0]
	if len(f.addresses) > 1 {
		f.addresses = f.addresses[1:]
	}
	return next, nil
}

// dialled notes what is dialled and connects to nothing.
type dialled struct {
	mu  sync.Mutex
	all []string
}

func (d *dialled) dial(_ context.Context, _, address string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, address)
	return nil, io.EOF
}
