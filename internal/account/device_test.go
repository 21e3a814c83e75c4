package account

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
)

var deviceStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// deviceWorld is Devices on a real database.
type deviceWorld struct {
	*Devices
	t       *testing.T
	seconds atomic.Int64
	db      *sqlite.Engine
	ring    *keyring.Ring
	gateway *backEnd // nil without one
	newIDs  *core.IDs
}

func (w *deviceWorld) clock() time.Time {
	return deviceStart.Add(time.Duration(w.seconds.Load()) * time.Second)
}

// backEnd is a gateway that writes down what it is told and then answers.
type backEnd struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	answer http.HandlerFunc
}

func (b *backEnd) answers(f http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = f
}

func (b *backEnd) told() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bodies)
}

func yes(http.ResponseWriter, *http.Request) {}

func newBackEnd(t *testing.T) *backEnd {
	b := &backEnd{answer: yes}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.bodies = append(b.bodies, string(body))
		answer := b.answer
		b.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// onlyDevices answers yes to users and passes devices on.
func onlyDevices(b *backEnd, answer http.HandlerFunc) {
	b.answers(func(w http.ResponseWriter, r *http.Request) {
		told := b.told()
		if !strings.Contains(told[len(told)-1], `"event":"user"`) {
			answer(w, r)
		}
	})
}

func newDeviceWorld(t *testing.T, outside bool) *deviceWorld {
	t.Helper()
	w := &deviceWorld{t: t}
	w.newIDs = core.NewIDs(w.clock, 0)
	var err error
	w.db, err = sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	if err := w.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.ring, err = keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, deviceStart); err != nil {
		t.Fatal(err)
	}
	if outside {
		w.gateway = newBackEnd(t)
	}
	w.Devices = w.on(w.db)
	w.addUser(11, 1)
	return w
}

// on is Devices on another view of the database.
func (w *deviceWorld) on(db DeviceStore) *Devices {
	w.t.Helper()
	config := tunnel.DefaultConfig()
	if w.gateway != nil {
		config.Provisioner = tunnel.ProvisionerWebhook
		config.Endpoint, config.GatewayPublicKey = "vpn.example.com:51820", "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="
		config.Webhook.URL, config.Webhook.Secret = w.gateway.URL, core.NewSecret("a secret of the test")
	}
	s, err := tunnel.New(tunnel.Options{Config: config, Store: db, Sealer: w.ring, Now: w.clock, Random: rand.Reader})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return NewDevices(DeviceOptions{Store: db, Tunnel: s, Ring: w.ring, Aliases: NewAliases(w.ring, db),
		IDs: w.newIDs, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
}

func (w *deviceWorld) addUser(user core.UserID, of core.TenantID) {
	w.t.Helper()
	w.exec(`INSERT INTO users (id, tenant, test, network, last_login) VALUES ($1, $2, 0, 0, 0)`, int64(user), int64(of))
}

func (w *deviceWorld) exec(sql string, args ...any) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(q store.SQL) error { _, err := q.Exec(w.t.Context(), sql, args...); return err })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *deviceWorld) count(sql string) (n int64) {
	w.t.Helper()
	err := w.db.View(w.t.Context(), func(q store.SQL) error {
		return q.Query(w.t.Context(), sql, func(r store.Scanner) error { return r.Scan(&n) })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// rows are devices and peers: one each for an active or pending device.
func (w *deviceWorld) wantRows(devices int64) {
	w.t.Helper()
	d, p := w.count(`SELECT COUNT(*) FROM device WHERE deleted = 0`), w.count(`SELECT COUNT(*) FROM tunnel_peer`)
	if d != devices || p != devices {
		w.t.Errorf("%d devices and %d peers, want %d of each", d, p, devices)
	}
}

func (w *deviceWorld) mustCreate(app *tenant.App, user core.UserID) string {
	w.t.Helper()
	text, err := w.Create(w.t.Context(), app, user)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *deviceWorld) list(app *tenant.App, user core.UserID) []string {
	w.t.Helper()
	texts, err := w.List(w.t.Context(), user, app.ID, 10)
	if err != nil {
		w.t.Fatal(err)
	}
	return texts
}

// address is the IPv4 address of a device.
func (w *deviceWorld) address(text string) netip.Addr {
	w.t.Helper()
	device, err := w.Find(w.t.Context(), text)
	if err != nil {
		w.t.Fatal(err)
	}
	config, err := w.tunnel.Config(w.t.Context(), device.ID, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return config.Addresses[0].Addr()
}

func demoApp() *tenant.App  { return &tenant.App{ID: 1, Tenant: 1, DeviceCap: 100} }
func otherApp() *tenant.App { return &tenant.App{ID: 2, Tenant: 1, DeviceCap: 100} }

func wantDeviceKind(t *testing.T, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

// contracts/yunbox.md §9 row 16: 12 devices, the 10 newest, newest first. All
// are made in one instant, so the order is that of the ids.
func TestListTenNewestFirst(t *testing.T) {
	w := newDeviceWorld(t, false)
	if got := w.list(demoApp(), 11); got == nil || len(got) != 0 {
		t.Errorf("no devices: %#v, want an empty list", got)
	}
	var made []string
	for i := range 12 {
		if i == 6 {
			w.seconds.Add(1)
		}
		made = append(made, w.mustCreate(demoApp(), 11))
	}
	slices.Reverse(made)
	if got := w.list(demoApp(), 11); !slices.Equal(got, made[:10]) {
		t.Errorf("got %q\nwant %q", got, made[:10])
	}
	if got := w.list(otherApp(), 11); len(got) != 0 {
		t.Errorf("another app sees %q", got)
	}
}

func TestCreatedDeviceIsFound(t *testing.T) {
	w := newDeviceWorld(t, false)
	text := w.mustCreate(demoApp(), 11)
	if !ValidDeviceID(text, false) {
		t.Errorf("%q is not of the issued syntax", text)
	}
	d, err := w.Find(t.Context(), text)
	if err != nil || d.Tenant != 1 || d.App != 1 || d.User != 11 || d.Text != text || !d.Created.Equal(deviceStart) {
		t.Errorf("found %+v, %v", d, err)
	}
	for app := core.AppID(1); app <= 2; app++ {
		// The same device number under another app's alias is another text, and names nothing.
		other := devicePrefix + core.EncodeID128(w.ring.Alias(keyring.AliasDevice, 1, app+1, int64(d.ID)))
		_, err := w.Find(t.Context(), other)
		wantDeviceKind(t, err, core.KindNotFound)
	}
	_, err = w.tunnel.Config(t.Context(), d.ID, text)
	wantDeviceKind(t, err, core.KindProvisioningRefused) // records only
}

func TestFindSyntax(t *testing.T) {
	w := newDeviceWorld(t, false)
	for text, want := range map[string]core.Kind{
		"dv00041061050r3gg28a1c60t3gf":   core.KindNotFound,
		"dv7zzzzzzzzzzzzzzzzzzzzzzzzz":   core.KindNotFound,
		"dv8zzzzzzzzzzzzzzzzzzzzzzzzz":   core.KindNotFound, // an imported id could be this
		"abc":                            core.KindNotFound, // or this
		"":                               core.KindInvalidID,
		"dv 0041061050r3gg28a1c60t3gf":   core.KindInvalidID,
		"dv/../x":                        core.KindInvalidID,
		"设备":                             core.KindInvalidID,
		"a\x00b":                         core.KindInvalidID,
		strings.Repeat("a", 65):          core.KindInvalidID,
		"' OR 1=1 --":                    core.KindInvalidID,
		"dv00041061050r3gg28a1c60t3gf\n": core.KindInvalidID,
		"dv00041061050r3gg28a1c60t3gfdv00041061050r3g": core.KindNotFound,
	} {
		if _, err := w.Find(t.Context(), text); core.KindOf(err) != want || err == nil {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	for text, want := range map[string]bool{
		"dv00041061050r3gg28a1c60t3gf":  true,
		"dv014d2pf2dbsqqzxq5tk1v58cgg":  true,
		"dv7zzzzzzzzzzzzzzzzzzzzzzzzz":  true,
		"dv8zzzzzzzzzzzzzzzzzzzzzzzzz":  false,
		"DV00041061050r3gg28a1c60t3gf":  false,
		"dv00041061050R3GG28A1C60T3GF":  false,
		"dv00041061050r3gg28a1c60t3gi":  false,
		"dv00041061050r3gg28a1c60t3gl":  false,
		"dv00041061050r3gg28a1c60t3go":  false,
		"dv00041061050r3gg28a1c60t3gu":  false,
		"dv00041061050r3gg28a1c60t3g":   false,
		"dv00041061050r3gg28a1c60t3gff": false,
		"yb00041061050r3gg28a1c60t3gf":  false,
	} {
		if got := ValidDeviceID(text, false); got != want {
			t.Errorf("%q valid: %v, want %v", text, got, want)
		}
	}
}

func TestCreateForNobody(t *testing.T) {
	for _, outside := range []bool{false, true} {
		w := newDeviceWorld(t, outside)
		_, err := w.Create(t.Context(), demoApp(), 12)
		wantDeviceKind(t, err, core.KindNotFound)
		w.addUser(13, 2) // another tenant's
		_, err = w.Create(t.Context(), demoApp(), 13)
		wantDeviceKind(t, err, core.KindNotFound)
		w.wantRows(0)
	}
}

// Of parallel calls exactly as many succeed as the cap allows, each with
// addresses of its own.
func TestParallelCreatesKeepTheCap(t *testing.T) {
	for _, outside := range []bool{false, true} {
		t.Run(fmt.Sprintf("webhook %v", outside), func(t *testing.T) {
			w := newDeviceWorld(t, outside)
			var wait sync.WaitGroup
			var made, refused atomic.Int64
			for range 110 {
				wait.Go(func() {
					_, err := w.Create(t.Context(), demoApp(), 11)
					switch {
					case err == nil:
						made.Add(1)
					case core.KindOf(err) == core.KindProvisioningRefused:
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wait.Wait()
			if made.Load() != 100 || refused.Load() != 10 {
				t.Errorf("%d made, %d refused; want 100 and 10", made.Load(), refused.Load())
			}
			w.wantRows(100)
			if n := w.count(`SELECT COUNT(DISTINCT host) FROM tunnel_peer`); n != 100 {
				t.Errorf("%d distinct hosts", n)
			}
			if n := w.count(`SELECT COUNT(DISTINCT network) FROM tunnel_peer`); n != 1 {
				t.Errorf("%d networks for one user", n)
			}
			if low, high := w.count(`SELECT MIN(host) FROM tunnel_peer`), w.count(`SELECT MAX(host) FROM tunnel_peer`); low != 2 || high != 101 {
				t.Errorf("hosts %d to %d, want the lowest ones: 2 to 101", low, high)
			}
			if n := w.count(`SELECT COUNT(*) FROM device WHERE lease_until > 0`); n != 0 {
				t.Errorf("%d devices still pending", n)
			}
		})
	}
}

// 125 addresses, two apps with a cap of 100 each: the pool ends before the caps.
func TestAddressesExhausted(t *testing.T) {
	w := newDeviceWorld(t, false)
	for range 100 {
		w.mustCreate(demoApp(), 11)
	}
	_, err := w.Create(t.Context(), demoApp(), 11)
	wantDeviceKind(t, err, core.KindProvisioningRefused)
	for range 25 {
		w.mustCreate(otherApp(), 11)
	}
	_, err = w.Create(t.Context(), otherApp(), 11)
	wantDeviceKind(t, err, core.KindProvisioningRefused)
	w.wantRows(125)
}

func TestImport(t *testing.T) {
	for _, outside := range []bool{false, true} {
		w := newDeviceWorld(t, outside)
		w.addUser(12, 1)
		old := deviceStart.AddDate(-1, 0, 0)
		app := demoApp()
		app.DeviceCap = 1
		fresh := w.mustCreate(app, 11)
		const issuedElsewhere = "dv014d2pf2dbsqqzxq5tk1v58cgg"
		for i, text := range []string{"box-1.a_B", issuedElsewhere, "box-1.a_B"} { // the cap does not count; twice is once
			if err := w.Import(t.Context(), app, 11, ImportedDevice{Text: text, Created: old.Add(time.Duration(i))}); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := w.list(app, 11), []string{fresh, issuedElsewhere, "box-1.a_B"}; !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
		w.wantRows(3)
		d, err := w.Find(t.Context(), issuedElsewhere)
		if err != nil || d.User != 11 || d.Text != issuedElsewhere || !d.Created.Equal(old.Add(1)) {
			t.Errorf("found %+v, %v", d, err)
		}
		// It has one id: the one that we would have issued is not another.
		_, err = w.Find(t.Context(), devicePrefix+core.EncodeID128(w.ring.Alias(keyring.AliasDevice, 1, 1, int64(d.ID))))
		wantDeviceKind(t, err, core.KindNotFound)
		wantDeviceKind(t, w.Import(t.Context(), app, 12, ImportedDevice{Text: issuedElsewhere}), core.KindConflict)
		wantDeviceKind(t, w.Import(t.Context(), otherApp(), 11, ImportedDevice{Text: issuedElsewhere}), core.KindConflict)
		wantDeviceKind(t, w.Import(t.Context(), app, 99, ImportedDevice{Text: "box-2"}), core.KindNotFound)
		wantDeviceKind(t, w.Import(t.Context(), app, 11, ImportedDevice{Text: "a b"}), core.KindInvalidID)
		if err := w.Delete(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		wantDeviceKind(t, w.Import(t.Context(), app, 11, ImportedDevice{Text: issuedElsewhere}), core.KindConflict)
		w.wantRows(2)
	}
}

func TestDelete(t *testing.T) {
	w := newDeviceWorld(t, true)
	kept, gone := w.mustCreate(demoApp(), 11), w.mustCreate(demoApp(), 11)
	d, err := w.Find(t.Context(), gone)
	if err != nil {
		t.Fatal(err)
	}
	address := w.address(gone)
	w.gateway.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	wantDeviceKind(t, w.Delete(t.Context(), d), core.KindProvisioningRefused)
	// Gone for everybody, but the address is not free until the gateway agreed.
	if got := w.list(demoApp(), 11); !slices.Equal(got, []string{kept}) {
		t.Errorf("listed %q, want %q", got, kept)
	}
	_, err = w.Find(t.Context(), gone)
	wantDeviceKind(t, err, core.KindNotFound)
	w.gateway.answers(yes)
	if got := w.address(w.mustCreate(demoApp(), 11)); got == address {
		t.Errorf("address %v was given out again", got)
	}
	if err := w.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if told := w.gateway.told(); !strings.Contains(told[len(told)-1], `"event":"device_removed"`) || !strings.Contains(told[len(told)-1], gone) {
		t.Errorf("told %s", told[len(told)-1])
	}
	if got := w.address(w.mustCreate(demoApp(), 11)); got != address {
		t.Errorf("address %v, want %v back", got, address)
	}
	wantDeviceKind(t, w.Delete(t.Context(), Device{ID: 1}), core.KindNotFound)
}

// Devices of many users at once: every user a network of its own.
func TestParallelUsers(t *testing.T) {
	w := newDeviceWorld(t, false)
	var wait sync.WaitGroup
	for user := core.UserID(100); user < 140; user++ {
		w.addUser(user, 1)
		for range 2 {
			wait.Go(func() {
				if _, err := w.Create(t.Context(), demoApp(), user); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	if n := w.count(`SELECT COUNT(DISTINCT network) FROM users WHERE network > 0`); n != 40 {
		t.Errorf("%d networks for 40 users", n)
	}
	if n := w.count(`SELECT COUNT(*) FROM tunnel_peer p JOIN device d ON d.id = p.device JOIN users u ON u.id = d.user_id AND u.network = p.network`); n != 80 {
		t.Errorf("%d of 80 peers lie in their user's network", n)
	}
}

// FuzzDeviceID: no text makes Find panic or fail otherwise than it says, and
// what is valid has the issued form.
func FuzzDeviceID(f *testing.F) {
	for _, seed := range []string{"", "dv", "dv00041061050r3gg28a1c60t3gf", "dv8zzzzzzzzzzzzzzzzzzzzzzzzz", "DV00041061050r3gg28a1c60t3gf", "a\x00", "box-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		valid := ValidDeviceID(text, false)
		if valid {
			id, ok := core.DecodeID128(text[2:])
			if !ok || "dv"+core.EncodeID128(id) != text || !ValidDeviceID(text, true) {
				t.Errorf("%q is valid but not canonical", text)
			}
		}
		if ValidDeviceID(text, true) && (text == "" || len(text) > 64 || strings.ContainsAny(text, " /\\\"'\n\x00")) {
			t.Errorf("%q is importable", text)
		}
	})
}
