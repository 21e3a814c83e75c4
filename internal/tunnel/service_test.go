package tunnel

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a test's time in seconds after start.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.seconds.Load()) * time.Second) }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// world is a service on a real database.
type world struct {
	*Service
	t     *testing.T
	clock *clock
	db    *sqlite.Engine
	ring  *keyring.Ring
}

func newWorld(t *testing.T, c Config) *world {
	t.Helper()
	w := &world{t: t, clock: new(clock)}
	var err error
	w.db, err = sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: w.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	if err := w.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.ring, err = keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, start)
	if err != nil {
		t.Fatal(err)
	}
	w.Service = w.service(c)
	return w
}

// service is another one on the same database.
func (w *world) service(c Config) *Service {
	w.t.Helper()
	s, err := New(Options{Config: c, Store: w.db, Sealer: w.ring, Now: w.clock.now, Random: rand.Reader})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return s
}

// commitUser does what verify's commit does.
func (w *world) commitUser(user core.UserID, network int64, test bool) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(q store.SQL) error {
		_, err := q.Exec(w.t.Context(), `INSERT INTO users (id, tenant, test, network, last_login) VALUES ($1, 1, $2, $3, 0)`, int64(user), test, network)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) provision(user core.UserID) (int64, error) {
	return w.ProvisionUser(w.t.Context(), UserNetwork{Tenant: 1, App: 1, User: user, UserText: "yb014d2pf2dbsqqzxq5tk1v58cgg"})
}

func (w *world) mustProvision(user core.UserID) int64 {
	w.t.Helper()
	number, err := w.provision(user)
	if err != nil {
		w.t.Fatal(err)
	}
	return number
}

// addDevice does what account does, in one transaction.
func (w *world) addDevice(s *Service, user core.UserID, device core.DeviceID) *Peer {
	w.t.Helper()
	peer, err := s.NewPeer(device)
	if err != nil {
		w.t.Fatal(err)
	}
	err = records.Update(w.t.Context(), w.db, func(q store.SQL) error {
		if err := records.InsertDevice(w.t.Context(), q, records.Device{ID: device, Tenant: 1, App: 1, User: user}); err != nil {
			return err
		}
		return s.AddPeer(w.t.Context(), q, user, peer)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return peer
}

func wantKind(t *testing.T, err error, kind core.Kind) {
	t.Helper()
	if err == nil || core.KindOf(err) != kind {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

// fourNetworks has one network for test users and three for others.
func fourNetworks() Config {
	c := DefaultConfig()
	c.IPv4Pool, c.IPv4Bits, c.TestNetworks = netip.MustParsePrefix("10.77.0.0/23"), 25, 1
	return c
}

func TestLeaseIsTheUsers(t *testing.T) {
	w := newWorld(t, fourNetworks())
	first := w.mustProvision(11)
	if first != 2 {
		t.Errorf("network %d; 1 is for test users, so the first is 2", first)
	}
	if again := w.mustProvision(11); again != first {
		t.Errorf("asked again within the lease: %d, then %d", first, again)
	}
	if other := w.mustProvision(12); other == first {
		t.Error("two users lease one network")
	}
	w.clock.advance(networkLease - time.Second)
	w.mustProvision(13)
	if _, err := w.provision(14); core.KindOf(err) != core.KindProvisioningRefused {
		t.Errorf("a running lease was taken away, or the pool is endless: %v", err)
	}
}

func TestLapsedLeaseComesBackUnlessAUserHasIt(t *testing.T) {
	w := newWorld(t, fourNetworks())
	kept, lapsed := w.mustProvision(11), w.mustProvision(12)
	w.commitUser(11, kept, false)
	w.clock.advance(networkLease)
	if got := w.mustProvision(13); got != lapsed {
		t.Errorf("network %d, want the lapsed %d", got, lapsed)
	}
	if got := w.mustProvision(14); got == kept || got == lapsed {
		t.Errorf("network %d is another user's", got)
	}
	if got := w.mustProvision(11); got != kept {
		t.Errorf("a user with network %d was given %d", kept, got)
	}
	w.clock.advance(24 * time.Hour)
	w.mustProvision(15)
	w.mustProvision(16)
	_, err := w.provision(17)
	wantKind(t, err, core.KindProvisioningRefused)
}

// verify may write the number to the row of another user than it was leased
// for, when two first logins of one person meet.
func TestNetworkWrittenToAnotherUserIsKept(t *testing.T) {
	w := newWorld(t, fourNetworks())
	number := w.mustProvision(11)
	w.commitUser(99, number, false)
	w.clock.advance(networkLease)
	if got := w.mustProvision(12); got == number {
		t.Error("a network that a user refers to was given to another one")
	}
}

// A network with a peer in it is never given to somebody else, whatever became
// of its user's row.
func TestNetworkWithAPeerIsKept(t *testing.T) {
	w := newWorld(t, fourNetworks())
	number := w.mustProvision(11)
	w.commitUser(11, number, false)
	w.addDevice(w.Service, 11, 1001)
	err := w.db.Update(t.Context(), func(q store.SQL) error {
		_, err := q.Exec(t.Context(), `UPDATE users SET network = 4 WHERE id = 11`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(networkLease)
	if got := w.mustProvision(12); got == number {
		t.Error("a network with a peer was given to another user")
	}
}

func TestTwoUsersNeverShareANetwork(t *testing.T) {
	w := newWorld(t, fourNetworks())
	number := w.mustProvision(11)
	w.commitUser(11, number, false)
	err := w.db.Update(t.Context(), func(q store.SQL) error {
		_, err := q.Exec(t.Context(), `INSERT INTO users (id, tenant, test, network, last_login) VALUES (12, 1, $1, $2, 0)`, false, number)
		return err
	})
	if !errors.Is(err, store.ErrUnique) {
		t.Errorf("error %v, want ErrUnique", err)
	}
}

func TestTestUsersAreApart(t *testing.T) {
	w := newWorld(t, fourNetworks())
	test := UserNetwork{Tenant: 1, App: 1, User: 21, UserText: "yb1", Test: true}
	number, err := w.ProvisionUser(t.Context(), test)
	if err != nil || number != 1 {
		t.Fatalf("network %d, error %v; want 1", number, err)
	}
	test.User = 22
	_, err = w.ProvisionUser(t.Context(), test)
	wantKind(t, err, core.KindProvisioningRefused)
	if got := w.mustProvision(11); got != 2 {
		t.Errorf("network %d, want 2", got)
	}
}

func TestParallelUsersGetDistinctNetworks(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	var mu sync.Mutex
	var wait sync.WaitGroup
	seen := map[int64]bool{}
	for user := core.UserID(1); user <= 60; user++ {
		wait.Go(func() {
			number, err := w.provision(user)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[number] {
				t.Errorf("network %d again, error %v", number, err)
			}
			seen[number] = true
		})
	}
	wait.Wait()
}

func TestPreparePoolsCannotChangeOnceUsed(t *testing.T) {
	w := newWorld(t, fourNetworks())
	other := fourNetworks()
	other.IPv4Bits = 26
	if err := w.service(other).Prepare(t.Context()); err != nil {
		t.Fatalf("nothing is given out yet, but: %v", err)
	}
	w.mustProvision(11)
	w.mustProvision(12)
	if err := w.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := w.service(other)
	if err := s.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "ipv4_bits 25") {
		t.Errorf("other bits: %v", err)
	}
	if _, err := s.ProvisionUser(t.Context(), UserNetwork{User: 13}); err == nil {
		t.Error("a network was given out of another pool")
	}
	larger, smaller := fourNetworks(), fourNetworks()
	larger.IPv4Pool, smaller.IPv4Pool = netip.MustParsePrefix("10.77.0.0/16"), netip.MustParsePrefix("10.77.0.0/24")
	if err := w.service(larger).Prepare(t.Context()); err != nil {
		t.Errorf("a larger pool: %v", err)
	}
	if err := w.service(smaller).Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "2 networks") {
		t.Errorf("a pool too small for what is given out: %v", err)
	}
}

func TestConfigHandsOutThePeer(t *testing.T) {
	w := newWorld(t, webhookConfig("http://127.0.0.1:1/"))
	w.commitUser(11, 0, false)
	peer := w.addDevice(w.Service, 11, 1001)
	for range 2 {
		c, err := w.Config(t.Context(), 1001, "dv00041061050r3gg28a1c60t3gf")
		if err != nil {
			t.Fatal(err)
		}
		if c.PrivateKey.IsZero() || c.PresharedKey.IsZero() || c.PublicKey != gatewayKey || c.Endpoint != "vpn.example.com:51820" {
			t.Errorf("incomplete: %+v", c)
		}
		if a := peer.Addresses(); len(c.Addresses) != 2 || c.Addresses[0] != a[0] || c.Addresses[1] != a[1] || a[0].String() != "10.0.128.2/32" {
			t.Errorf("addresses %v and %v, want 10.0.128.2/32 …", c.Addresses, a)
		}
	}
	_, err := w.Config(t.Context(), 1002, "")
	wantKind(t, err, core.KindNotFound)
	_, err = w.service(DefaultConfig()).Config(t.Context(), 1001, "")
	wantKind(t, err, core.KindProvisioningRefused)
}

func TestForgottenKeyIsHandedOutOnce(t *testing.T) {
	c := webhookConfig("http://127.0.0.1:1/")
	c.ForgetKeyAfterHandOut = true
	w := newWorld(t, c)
	w.commitUser(11, 0, false)
	w.addDevice(w.Service, 11, 1001)
	var got atomic.Int64
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			c, err := w.Config(t.Context(), 1001, "")
			if err != nil {
				t.Error(err)
			}
			if !c.PrivateKey.IsZero() {
				got.Add(1)
			}
			if c.PresharedKey.IsZero() {
				t.Error("the preshared key was forgotten too")
			}
		})
	}
	wait.Wait()
	if got.Load() != 1 {
		t.Errorf("the private key was handed out %d times", got.Load())
	}
}

// Keys at rest open only under the keyring, for their own device and column.
func TestReq12_KeysAreSealedInTheirRow(t *testing.T) {
	w := newWorld(t, webhookConfig("http://127.0.0.1:1/"))
	w.commitUser(11, 0, false)
	peer := w.addDevice(w.Service, 11, 1001)
	w.addDevice(w.Service, 11, 1002)
	var row records.Peer
	err := w.db.View(t.Context(), func(q store.SQL) (err error) {
		row, _, err = records.PeerOfDevice(t.Context(), q, 1001)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(row.PrivateKey)+string(row.PresharedKey), peer.preshared.Reveal()) {
		t.Error("the preshared key is stored in the clear")
	}
	err = w.db.Update(t.Context(), func(q store.SQL) error {
		_, err := q.Exec(t.Context(), `UPDATE tunnel_peer SET private_key = $1 WHERE device = 1002`, row.PrivateKey)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Config(t.Context(), 1002, "")
	if !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("a key moved to another row: %v, want ErrTampered", err)
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	c := DefaultConfig()
	c.MTU = 1
	if _, err := New(Options{Config: c}); err == nil || !strings.HasPrefix(err.Error(), "tunnel: mtu:") {
		t.Errorf("error %v", err)
	}
}

func TestNoRandomNoPeer(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	w.random = strings.NewReader("short")
	if _, err := w.NewPeer(1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

// faulty is a store whose next update fails, before or after it was committed.
type faulty struct {
	Store
	mu                sync.Mutex
	failing, persists bool
}

var errFault = errors.New("the disk went away")

func (f *faulty) fail(persists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing, f.persists = true, persists
}

func (f *faulty) Update(ctx context.Context, do func(store.SQL) error) error {
	f.mu.Lock()
	failing, persists := f.failing, f.persists
	f.failing = false
	f.mu.Unlock()
	if failing && !persists {
		return errFault
	}
	err := f.Store.Update(ctx, do)
	if failing && err == nil {
		err = errFault
	}
	return err
}

// A lease whose commit failed, either way, is the same lease in the next try.
func TestLeaseFaultPair(t *testing.T) {
	for _, persists := range []bool{false, true} {
		w := newWorld(t, fourNetworks())
		f := &faulty{Store: w.db}
		w.store = f
		f.fail(persists)
		_, err := w.provision(11)
		wantKind(t, err, core.KindInternal)
		if !errors.Is(err, errFault) {
			t.Errorf("the cause is lost: %v", err)
		}
		if got := w.mustProvision(11); got != 2 {
			t.Errorf("persisted %v: network %d, want 2", persists, got)
		}
	}
}
