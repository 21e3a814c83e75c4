package account

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// userWorld is the users' side of a real database, with its batcher.
type userWorld struct {
	*deviceWorld
	batcher  *store.Batcher
	aliases  *Aliases
	importer *Importer
}

func newUserWorld(t *testing.T) *userWorld {
	t.Helper()
	w := &userWorld{deviceWorld: newDeviceWorld(t, false)}
	w.batcher = store.NewBatcher(w.db, w.clock, slog.New(slog.DiscardHandler), store.Options{})
	w.batcher.Start()
	t.Cleanup(w.batcher.Stop)
	w.aliases = NewAliases(w.ring, w.db)
	w.importer = NewImporter(ImporterOptions{Store: w.batcher, View: w.db, Ring: w.ring, IDs: w.newIDs, Devices: w.Devices})
	return w
}

func (w *userWorld) do(c store.Command) {
	w.t.Helper()
	if err := w.batcher.Do(context.Background(), c); err != nil {
		w.t.Fatal(err)
	}
}

// loginCommand is a login of a use-case.
type loginCommand struct {
	number  Number
	fresh   core.UserID
	network int64
	user    store.User
	isNew   bool
}

func (c *loginCommand) Want(b *store.Batch) { WantUser(b, c.number) }
func (c *loginCommand) Decide(b *store.Batch) error {
	c.user, c.isNew = Login(b, c.number, c.fresh, c.network)
	return nil
}

var (
	alice = core.PhoneFromE164("+8613800138000")
	bob   = core.PhoneFromE164("+8613900139000")
)

func (w *userWorld) login(p core.Phone, network int64) *loginCommand {
	w.t.Helper()
	n, err := RealNumber(w.ring, 1, p)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &loginCommand{number: n, fresh: core.UserID(w.newIDs.Next()), network: network}
	w.do(c)
	return c
}

func TestLoginFindsOrMakes(t *testing.T) {
	w := newUserWorld(t)
	first := w.login(alice, 0)
	if !first.isNew || first.user.ID != first.fresh || first.user.Test || first.user.LastLogin != store.At(deviceStart) {
		t.Errorf("registered %+v", first.user)
	}
	w.seconds.Add(60)
	second := w.login(alice, 7)
	if second.isNew || second.user.ID != first.user.ID || second.user.Network != 7 || second.user.LastLogin != store.At(w.clock()) {
		t.Errorf("logged in %+v", second.user)
	}
	if third := w.login(alice, 8); third.user.Network != 7 {
		t.Errorf("the network is %d; devices use 7", third.user.Network)
	}
	if stranger := w.login(bob, 0); !stranger.isNew || stranger.user.ID == first.user.ID {
		t.Errorf("another number is %+v", stranger.user)
	}
}

var issuedSyntax = regexp.MustCompile(`^yb[0-7][0-9a-hjkmnp-tv-z]{25}$`) // contracts/yunbox.md §1.1

func TestAliasRoundTrip(t *testing.T) {
	w := newUserWorld(t)
	user := w.login(alice, 0).user
	seen := map[string]bool{}
	for _, app := range []core.AppID{1, 2, 1 << 31} {
		text := w.aliases.Text(1, app, user.ID)
		if !issuedSyntax.MatchString(text) || seen[text] || text != w.aliases.Text(1, app, user.ID) {
			t.Errorf("alias %q in app %d", text, app)
		}
		seen[text] = true
		for _, asks := range []core.AppID{0, app} {
			for _, imported := range []bool{false, true} {
				u, err := w.aliases.Resolve(t.Context(), text, asks, imported)
				if err != nil || u != (User{ID: user.ID, Tenant: 1, App: app}) {
					t.Errorf("%q asked by %d: %+v, %v", text, asks, u, err)
				}
			}
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	w := newUserWorld(t)
	user := w.login(alice, 0).user
	text := w.aliases.Text(1, 1, user.ID)
	for _, c := range []struct {
		name     string
		text     string
		app      core.AppID
		imported bool
		kind     core.Kind
	}{
		{"empty", "", 1, true, core.KindInvalidID},
		{"not ours", "abc", 1, false, core.KindInvalidID},
		{"not ours, but importable", "abc", 1, true, core.KindNotFound},
		{"upper case", strings.ToUpper(text), 1, false, core.KindInvalidID},
		{"one character more", text + "0", 1, false, core.KindInvalidID},
		{"a blank", text[:27] + " ", 1, true, core.KindInvalidID},
		{"a slash", "a/b", 1, true, core.KindInvalidID},
		{"full width", "１２３", 1, true, core.KindInvalidID},
		{"65 characters", strings.Repeat("a", 65), 1, true, core.KindInvalidID},
		{"64 characters", strings.Repeat("a", 64), 1, true, core.KindNotFound},
		{"a device's id", "dv" + text[2:], 1, false, core.KindInvalidID},
		{"nobody's", "yb014d2pf2dbsqqzxq5tk1v58cgg", 0, true, core.KindNotFound},
		{"of another app", w.aliases.Text(1, 2, user.ID), 1, false, core.KindNotFound},
		{"of another app, imported ids count", w.aliases.Text(1, 2, user.ID), 1, true, core.KindNotFound},
		{"of another tenant", w.aliases.Text(2, 1, user.ID), 1, false, core.KindNotFound},
		{"a user who is gone", w.aliases.Text(1, 1, user.ID+1), 1, false, core.KindNotFound},
	} {
		if u, err := w.aliases.Resolve(t.Context(), c.text, c.app, c.imported); core.KindOf(err) != c.kind || u != (User{}) {
			t.Errorf("%s: %+v, %v, want %s", c.name, u, err, c.kind)
		}
	}
}

type brokenView struct{}

func (brokenView) View(context.Context, func(store.SQL) error) error { return errDisk }

func TestResolveWithoutDatabase(t *testing.T) {
	w := newUserWorld(t)
	user := w.login(alice, 0).user
	for _, text := range []string{w.aliases.Text(1, 1, user.ID), "imported"} {
		if _, err := NewAliases(w.ring, brokenView{}).Resolve(t.Context(), text, 1, true); !errors.Is(err, errDisk) || core.KindOf(err) != core.KindInternal {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestImportUser(t *testing.T) {
	w := newUserWorld(t)
	app, second := demoApp(), otherApp()
	before := w.login(alice, 0).user // had a user before the import
	for range 2 {                    // twice is once
		id, err := w.importer.ImportUser(t.Context(), app, alice, "Alice_1.a-b")
		if err != nil || id != before.ID {
			t.Fatalf("imported as %d, %v, want %d", id, err, before.ID)
		}
	}
	made, err := w.importer.ImportUser(t.Context(), app, bob, "yb014d2pf2dbsqqzxq5tk1v58cgg") // of the issued syntax
	if err != nil {
		t.Fatal(err)
	}
	if again := w.login(bob, 0); again.isNew || again.user.ID != made {
		t.Errorf("the first login after the import is %+v", again.user)
	}
	for text, want := range map[string]core.UserID{"Alice_1.a-b": before.ID, "yb014d2pf2dbsqqzxq5tk1v58cgg": made, w.aliases.Text(1, 1, before.ID): before.ID} {
		for _, asks := range []core.AppID{0, 1} {
			if u, err := w.aliases.Resolve(t.Context(), text, asks, true); err != nil || u.ID != want || u.App != 1 {
				t.Errorf("%q asked by %d: %+v, %v", text, asks, u, err)
			}
		}
	}
	_, err = w.aliases.Resolve(t.Context(), "Alice_1.a-b", 2, true)
	wantDeviceKind(t, err, core.KindNotFound)
	_, err = w.aliases.Resolve(t.Context(), "alice_1.a-b", 1, true) // verbatim
	wantDeviceKind(t, err, core.KindNotFound)

	conflicts := func(app *tenant.App, p core.Phone, uid string, kind core.Kind) {
		t.Helper()
		_, err := w.importer.ImportUser(t.Context(), app, p, uid)
		wantDeviceKind(t, err, kind)
	}
	conflicts(app, alice, "Alice_2", core.KindConflict)   // the number has another id
	conflicts(app, bob, "Alice_1.a-b", core.KindConflict) // … and so has this one
	conflicts(app, core.PhoneFromE164("+8613700137000"), "Alice_1.a-b", core.KindConflict)
	conflicts(app, bob, "a b", core.KindInvalidID)
	conflicts(app, bob, "", core.KindInvalidID)
	if n := w.count(`SELECT COUNT(*) FROM users WHERE phone IS NOT NULL`); n != 2 {
		t.Errorf("%d users, want alice and bob", n)
	}

	// Another app of the tenant may have the same id: then it names nobody without a key.
	if id, err := w.importer.ImportUser(t.Context(), second, bob, "Alice_1.a-b"); err != nil || id != made {
		t.Fatal(id, err)
	}
	_, err = w.aliases.Resolve(t.Context(), "Alice_1.a-b", 0, true)
	wantDeviceKind(t, err, core.KindNotFound)
	if u, err := w.aliases.Resolve(t.Context(), "Alice_1.a-b", 2, true); err != nil || u.ID != made {
		t.Errorf("asked by its app: %+v, %v", u, err)
	}
}

// TestImportUsersAtOnce: the same record many times, and two numbers that want
// one id: one user each, and one winner.
func TestImportUsersAtOnce(t *testing.T) {
	w := newUserWorld(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	same, won := map[core.UserID]bool{}, 0
	for i := range 64 {
		all.Go(func() {
			id, err := w.importer.ImportUser(context.Background(), demoApp(), alice, "alice")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			same[id] = true
		})
		all.Go(func() {
			p := core.PhoneFromE164("+86139" + strings.Repeat(string(rune('0'+i%10)), 7) + string(rune('0'+i/10)))
			_, err := w.importer.ImportUser(context.Background(), demoApp(), p, "wanted")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case core.KindOf(err) != core.KindConflict:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(same) != 1 || won != 1 {
		t.Errorf("one number is %d users, one id has %d owners", len(same), won)
	}
	if n := w.count(`SELECT COUNT(*) FROM users WHERE phone IS NOT NULL`); n != 2 {
		t.Errorf("%d users, want 2: a refused import leaves none", n)
	}
}

func TestImportFaults(t *testing.T) {
	for _, c := range []struct {
		fault storetest.Fault
		kept  int64
	}{{storetest.FailCommitLost, 0}, {storetest.FailCommitKept, 1}, {storetest.FailWrite, 0}} {
		w := newUserWorld(t)
		f := &storetest.Faulty{Engine: w.db}
		batcher := store.NewBatcher(f, w.clock, slog.New(slog.DiscardHandler), store.Options{})
		batcher.Start()
		t.Cleanup(batcher.Stop)
		importer := NewImporter(ImporterOptions{Store: batcher, View: w.db, Ring: w.ring, IDs: w.newIDs, Devices: w.Devices})
		f.Inject(c.fault)
		_, err := importer.ImportUser(t.Context(), demoApp(), alice, "alice")
		wantDeviceKind(t, err, core.KindInternal)
		if n := w.count(`SELECT COUNT(*) FROM alias`); n != c.kept {
			t.Errorf("fault %d left %d aliases, want %d", c.fault, n, c.kept)
		}
		id, err := importer.ImportUser(t.Context(), demoApp(), alice, "alice") // run it again
		if err != nil || id != w.login(alice, 0).user.ID {
			t.Errorf("again: %d, %v", id, err)
		}
	}
}

func TestImportDevice(t *testing.T) {
	w := newUserWorld(t)
	user, err := w.importer.ImportUser(t.Context(), demoApp(), alice, "alice")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.importer.ImportDevice(t.Context(), demoApp(), user, "box-1", deviceStart.AddDate(-1, 0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.list(demoApp(), user); len(got) != 1 || got[0] != "box-1" {
		t.Errorf("devices %q", got)
	}
}

// TestTestNumberIsNoNumber: its row is found by a label, which no number has.
func TestTestNumberIsNoNumber(t *testing.T) {
	w := newUserWorld(t)
	n, err := TestNumber(w.ring, 1, 2, "+8613800138000")
	if err != nil || !n.Test || n.Index == w.ring.Index(alice) {
		t.Fatalf("%+v, %v", n, err)
	}
	if same, _ := TestNumber(w.ring, 1, 3, "+8613800138000"); same.Index == n.Index {
		t.Error("two apps share a test user")
	}
	for _, sealed := range [][]byte{n.Sealed, nil, []byte("garbage")} {
		index, err := IndexOf(w.ring, sealed)
		if (err == nil) != (len(sealed) > 20) || err == nil && index != n.Index {
			t.Errorf("the index of %d sealed bytes: %v", len(sealed), err)
		}
	}
	if _, err := w.ring.OpenPhone(n.Sealed); !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("a label opens as a number: %v", err)
	}
}
