package reply

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/provider"
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

const (
	zhang = "+8613800138000"
	li    = "+8613900139000"
)

// world is a database with messages of two apps.
type world struct {
	t    *testing.T
	db   *faulty
	ring *keyring.Ring
	ids  *core.IDs
	now  time.Time
	apps []App
	out  []string // who opted out
}

// faulty is a database whose next change fails: without a trace, or done and
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

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func onBoth(t *testing.T, test func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, openSQLite(t))) })
	t.Run("postgres", func(t *testing.T) {
		e, err := postgres.Open(ctx, postgres.Options{URL: server.URL(server.Database(t, "")), Now: time.Now, Log: quiet})
		ok(t, err)
		test(t, newWorld(t, e))
	})
}

type engine interface {
	store.Engine
	Migrate(context.Context) error
}

func openSQLite(t *testing.T) engine {
	e, err := sqlite.Open(ctx, sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: quiet})
	ok(t, err)
	return e
}

func newWorld(t *testing.T, e engine) *world {
	t.Cleanup(func() { ok(t, e.Close()) })
	ok(t, e.Migrate(ctx))
	w := &world{t: t, db: &faulty{Engine: e}, now: time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC), apps: []App{{ID: 1, Told: true}, {ID: 2, Sender: "10690001", Told: true}}}
	w.ids = core.NewIDs(func() time.Time { return w.now }, 1)
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, w.now)
	ok(t, err)
	w.ring = ring
	return w
}

func (w *world) service() *Service {
	s, err := New(Options{Database: w.db, Ring: w.ring, IDs: w.ids, Apps: func() []App { return w.apps }, Word: message.IsOptOut,
		OptOut: func(_ context.Context, _ store.SQL, _ core.AppID, _ core.MessageID, phone core.Phone) error {
			w.out = append(w.out, phone.E164())
			return nil
		}, Now: func() time.Time { return w.now }, Log: quiet})
	ok(w.t, err)
	w.t.Cleanup(s.Stop)
	return s
}

// sent puts a message that a carrier took.
func (w *world) sent(app core.AppID, carrier, number string) core.MessageID {
	w.t.Helper()
	sealed, err := w.ring.SealPhone(core.PhoneFromE164(number))
	ok(w.t, err)
	id := core.MessageID(w.ids.Next())
	tx, err := w.db.Begin(ctx)
	ok(w.t, err)
	defer tx.Rollback()
	var b store.Batch
	b.Begin(store.At(w.now))
	b.Messages.Put(id, store.Message{ID: id, App: app, Phone: sealed, Provider: carrier, State: store.MessageDelivered})
	ok(w.t, tx.Write(ctx, &b))
	ok(w.t, tx.Commit(ctx))
	return id
}

// comes hands texts over and waits for their answers.
func comes(s *Service, carrier string, texts ...provider.Inbound) (errs []error) {
	acks := make(chan error, len(texts))
	for _, in := range texts {
		s.Inbound(carrier, in, func(err error) { acks <- err })
	}
	s.Start()
	for range texts {
		errs = append(errs, <-acks)
	}
	return errs
}

func (w *world) stored() []View {
	w.t.Helper()
	views, err := w.service().List(ctx, 0, 0, 500)
	ok(w.t, err)
	return views
}

func (w *world) events() (rows []records.EventRow) {
	w.t.Helper()
	ok(w.t, w.db.View(ctx, func(q store.SQL) error {
		for _, app := range []core.AppID{1, 2} {
			some, _, err := records.EventPage(ctx, q, app, 0, 1000)
			if err != nil {
				return err
			}
			rows = append(rows, some...)
		}
		return nil
	}))
	return rows
}

func text(id, from, to, said string) provider.Inbound {
	return provider.Inbound{ID: id, From: core.PhoneFromE164(from), To: to, Text: said}
}

func TestATextIsKeptAndGivenToItsApp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.sent(2, "main", zhang)
		latest := w.sent(1, "main", zhang)
		w.sent(2, "other", zhang)
		s := w.service()
		for _, err := range comes(s, "main", text("1", zhang, "1069", "你好"), text("2", zhang, "10690001888", "td "), text("3", li, "1069", "who")) {
			ok(t, err)
		}
		views := w.stored()
		if len(views) != 3 {
			t.Fatalf("%d replies", len(views))
		}
		byText := map[string]View{}
		for _, v := range views {
			byText[v.Plain] = v
		}
		if v := byText["你好"]; v.App != 1 || v.Message != latest || v.OptOut || v.Number.E164() != zhang || v.Recipient != "1069" {
			t.Errorf("an answer to the latest message of the carrier: %+v", v.Reply)
		}
		if v := byText["td "]; v.App != 2 || !v.OptOut {
			t.Errorf("to the sender of app 2: %+v", v.Reply)
		}
		if v := byText["who"]; v.App != 0 || v.Message != 0 {
			t.Errorf("of nobody: %+v", v.Reply)
		}
		if events := w.events(); len(events) != 2 || events[0].Kind != store.EventReply || events[0].State != records.EventWaits {
			t.Errorf("events: %+v", events)
		}
		if len(w.out) != 1 || w.out[0] != zhang {
			t.Errorf("opted out: %v", w.out)
		}
		of, err := s.Of(ctx, core.PhoneFromE164(zhang), 10)
		if err != nil || len(of) != 2 {
			t.Errorf("replies of a number: %d, %v", len(of), err)
		}
		if st := s.Stats(); st.Stored != 3 || st.Failed != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// TestATextThatComesAgain is one reply where the carrier gives an id: in one
// turn, later, and after a commit whose answer was lost. Without an id each is
// one of its own.
func TestATextThatComesAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.apps = w.apps[:1]
		s := w.service()
		same := text("mo-1", zhang, "1069", "R")
		for _, err := range comes(s, "main", same, same) {
			ok(t, err)
		}
		ok(t, comes(s, "main", same)[0])
		if n := len(w.stored()); n != 1 {
			t.Errorf("%d replies", n)
		}
		ok(t, comes(s, "other", same)[0]) // another carrier's ids are its own
		w.db.after.Store(1)
		lost := text("mo-2", zhang, "1069", "R")
		if err := comes(s, "main", lost)[0]; err == nil {
			t.Error("acknowledged although nobody knows")
		}
		ok(t, comes(s, "main", lost)[0])
		w.db.before.Store(1)
		if err := comes(s, "main", text("mo-3", zhang, "1069", "R"))[0]; err == nil {
			t.Error("acknowledged although it is not stored")
		}
		ok(t, comes(s, "main", text("mo-3", zhang, "1069", "R"))[0])
		if n := len(w.stored()); n != 4 {
			t.Errorf("%d replies, want mo-1 of two carriers, mo-2 and mo-3", n)
		}
		if n := len(w.events()); n != 4 {
			t.Errorf("%d events", n)
		}
		for _, err := range comes(s, "main", text("", zhang, "1069", "R"), text("", zhang, "1069", "R")) {
			ok(t, err)
		}
		if n := len(w.stored()); n != 6 {
			t.Errorf("%d replies after two without an id", n)
		}
	})
}

func TestNothingIsStoredInTheClear(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	ok(t, comes(w.service(), "main", text("1", zhang, "1069", "a secret text"))[0])
	ok(t, w.db.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT phone, text FROM reply`, func(r store.Scanner) error {
			var phone, said []byte
			err := r.Scan(&phone, &said)
			if string(said) == "a secret text" || string(phone) == zhang || len(said) == 0 {
				t.Errorf("%q, %q", phone, said)
			}
			return err
		})
	}))
}

func TestStopTwiceRefusesTheRest(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	running := goleak.IgnoreCurrent()
	s := w.service()
	refused := make(chan error, 2)
	s.Inbound("main", text("1", zhang, "1069", "R"), func(err error) { refused <- err })
	s.Stop() // never started
	s.Stop()
	s.Inbound("main", text("2", zhang, "1069", "R"), func(err error) { refused <- err })
	for range 2 {
		if err := <-refused; !errors.Is(err, core.E(core.KindOverloaded, "")) {
			t.Errorf("%v", err)
		}
	}
	started := w.service()
	ok(t, comes(started, "main", text("3", zhang, "1069", "R"))[0])
	started.Stop()
	started.Stop()
	goleak.VerifyNone(t, running)
	if n := len(w.stored()); n != 1 {
		t.Errorf("%d replies", n)
	}
}
