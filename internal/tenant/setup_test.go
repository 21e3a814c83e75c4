package tenant

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
)

// world is one node on a real database.
type world struct {
	engine    *sqlite.Engine
	faults    *faults
	ring      *keyring.Ring
	clock     *clock
	directory *Directory
	admin     *Admin
	users     *userRows
	log       *bytes.Buffer
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

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// faults is an engine that fails when told to, its views too.
type faults struct {
	*storetest.Faulty
	away atomic.Bool
}

func (f *faults) View(ctx context.Context, do func(store.SQL) error) error {
	if f.away.Load() {
		return errors.New("away")
	}
	return f.Faulty.View(ctx, do)
}

// commitFaults is the fault pair of a commit.
var commitFaults = map[string]storetest.Fault{"not persisted": storetest.FailCommitLost, "persisted": storetest.FailCommitKept}

func newWorld(t testing.TB) *world {
	t.Helper()
	folder := t.TempDir()
	w := &world{clock: &clock{at: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}, log: &bytes.Buffer{}, users: newUserRows()}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Folder: folder, Now: w.clock.now, Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, engine.Close()) })
	must(t, engine.Migrate(context.Background()))
	ring, err := keyring.Create(filepath.Join(folder, "keyring.json"), rand.Reader, w.clock.now())
	must(t, err)
	w.engine, w.ring, w.faults = engine, ring, &faults{Faulty: &storetest.Faulty{Engine: engine}}
	w.directory, w.admin = w.node()
	return w
}

// node is a directory and an admin on the world's database.
func (w *world) node() (*Directory, *Admin) {
	d := NewDirectory(DirectoryOptions{Database: w.faults, Keys: w.ring, Now: w.clock.now,
		Defaults: Defaults{Rules: guard.DefaultRules(), SMSPrice: 1}, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	return d, NewAdmin(d, w.users, rand.Reader)
}

// userRows takes imported users in memory.
type userRows struct {
	mu      sync.Mutex
	uids    map[core.Phone]string
	phones  map[string]core.Phone
	ids     map[string]core.UserID
	devices map[string]core.UserID
	order   map[core.UserID][]string
	names   map[core.UserID]string
	fail    error
}

func newUserRows() *userRows {
	return &userRows{uids: map[core.Phone]string{}, phones: map[string]core.Phone{}, ids: map[string]core.UserID{},
		devices: map[string]core.UserID{}, order: map[core.UserID][]string{}}
}

func (u *userRows) ImportUserName(_ context.Context, _ *App, user core.UserID, name string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.names == nil {
		u.names = map[core.UserID]string{}
	}
	u.names[user] = name
	return u.fail
}

func (u *userRows) ImportUser(_ context.Context, _ *App, phone core.Phone, uid string) (core.UserID, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fail != nil {
		return 0, u.fail
	}
	if have, ok := u.uids[phone]; ok && have != uid {
		return 0, core.E(core.KindConflict, "")
	}
	if have, ok := u.phones[uid]; ok && have != phone {
		return 0, core.E(core.KindConflict, "")
	}
	u.uids[phone], u.phones[uid] = uid, phone
	if u.ids[uid] == 0 {
		u.ids[uid] = core.UserID(len(u.ids) + 1)
	}
	return u.ids[uid], nil
}

func (u *userRows) ImportDevice(_ context.Context, _ *App, user core.UserID, id string, _ time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if have, ok := u.devices[id]; ok {
		if have != user {
			return core.E(core.KindConflict, "")
		}
		return nil
	}
	u.devices[id] = user
	u.order[user] = append(u.order[user], id)
	return nil
}

// app makes a tenant with one app.
func (w *world) app(t testing.TB, name string) (AppView, string) {
	t.Helper()
	tenant, err := w.admin.CreateTenant(context.Background(), by, name)
	must(t, err)
	view, key, err := w.admin.CreateApp(context.Background(), by, Spec{Tenant: tenant.ID, Name: name, Settings: Patch{Signature: new("验码")}})
	must(t, err)
	return view, key.Reveal()
}

var by = By{Actor: "tester", Request: "request-1"}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Fatalf("error = %v, want %v", err, kind)
	}
}

// dump is every table as text, to look for what must not be there.
func (w *world) dump(t testing.TB) string {
	t.Helper()
	var all bytes.Buffer
	must(t, w.engine.View(context.Background(), func(q store.SQL) error {
		for _, sql := range []string{`SELECT settings || name FROM app`, `SELECT name FROM tenant`,
			`SELECT old_value || new_value || object || action || actor FROM audit`} {
			err := q.Query(context.Background(), sql, func(r store.Scanner) error {
				var s string
				err := r.Scan(&s)
				all.WriteString(s + "\n")
				return err
			})
			if err != nil {
				return err
			}
		}
		for _, sql := range []string{`SELECT hash FROM credential`, `SELECT test_numbers FROM app`} {
			err := q.Query(context.Background(), sql, func(r store.Scanner) error {
				var b []byte
				err := r.Scan(&b)
				all.Write(b)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return all.String()
}
