package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

const finger = "156aysdna213sac"

// desk is Sessions on SQLite, with one user and faults to inject.
type desk struct {
	*Sessions
	*storetest.Faulty
	app   *tenant.App
	mu    sync.Mutex
	clock time.Time
	ids   *core.IDs
	ring  *keyring.Ring
	batch *store.Batcher
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clock
}

func (d *desk) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = d.clock.Add(by)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{clock: time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC), Faulty: &storetest.Faulty{}}
	quiet := slog.New(slog.DiscardHandler)
	e, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: d.now, Log: quiet})
	if err == nil {
		err = e.Migrate(t.Context())
	}
	ok(t, err)
	t.Cleanup(func() { _ = e.Close() })
	d.Engine = e
	d.ring, err = keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, d.clock)
	ok(t, err)
	d.ids = core.NewIDs(d.now, 1)
	d.batch = store.NewBatcher(d.Faulty, d.now, quiet, store.Options{})
	d.batch.Start()
	t.Cleanup(d.batch.Stop)
	d.Sessions = NewSessions(SessionOptions{Store: d.batch, View: e, Once: records.NewOnce(e, d.now), Ring: d.ring, Aliases: NewAliases(d.ring, e),
		IDs: d.ids, Now: d.now, Random: rand.Reader, Log: quiet})
	settings := tenant.DefaultOneAccess()
	settings.ClientID = "DRrYIqauawN0I8myTMoDTPys6ezGZxnm"
	d.app = &tenant.App{ID: 2, Tenant: 1, OneAccess: &tenant.OneAccess{OneAccessSettings: settings}}
	return d
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// login writes user 1 and a session as a login does.
func (d *desk) login(t testing.TB) string { return d.loginOf(t, 1) }

func (d *desk) loginOf(t testing.TB, user core.UserID) string {
	t.Helper()
	fresh, err := DrawSession(rand.Reader, d.ids)
	ok(t, err)
	number, err := RealNumber(d.ring, 1, core.PhoneFromE164(fmt.Sprintf("+861520000000%d", user)))
	ok(t, err)
	ok(t, d.batch.Do(t.Context(), put(func(b *store.Batch) {
		if _, found := b.Users.Get(user); !found {
			b.PutUser(store.User{ID: user, Tenant: 1, Index: number.Index, Phone: number.Sealed})
		}
		b.PutSession(store.Session{Key: fresh.Key, Kind: store.SessionOpen, Family: fresh.Family, Tenant: 1, App: 2, User: user,
			Device: DeviceHash(d.ring, 2, finger), AuthTime: b.Now, Expires: b.Now.Add(d.app.OneAccess.SessionLife())})
	})))
	return fresh.Token.Reveal()
}

// put is a command that writes, and knows a few users.
type put func(*store.Batch)

func (p put) Want(b *store.Batch) {
	for user := range core.UserID(9) {
		b.Users.Want(user)
	}
}

func (p put) Decide(b *store.Batch) error { p(b); return nil }

func wantOver(t testing.TB, err error, field string) {
	t.Helper()
	if e := core.AsError(err); err == nil || e.Kind != core.KindUnauthenticated || e.Field != field {
		t.Fatalf("%v, want that %s is over", err, field)
	}
}

func (d *desk) count(t testing.TB, what string) (n int64) {
	t.Helper()
	ok(t, d.View(t.Context(), func(q store.SQL) error {
		return q.Query(context.Background(), "SELECT COUNT(*) FROM "+what, func(r store.Scanner) error { return r.Scan(&n) })
	}))
	return n
}

// TestReq29_OneLineage: a hundred refreshes of one token at once give one next
// token, which is what a repeated refresh gives, too.
func TestReq29_OneLineage(t *testing.T) {
	d := newDesk(t)
	first := d.login(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	given := map[string]int{}
	for range 100 {
		all.Go(func() {
			token, s, err := d.Refresh(context.Background(), d.app, first, finger)
			if err != nil || s.User != 1 {
				t.Errorf("%+v, %v", s, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			given[token.Reveal()]++
		})
	}
	all.Wait()
	if len(given) != 1 || d.count(t, "session") != 2 || d.count(t, "login_event WHERE kind = 10") != 1 {
		t.Fatalf("%d tokens, %d rows", len(given), d.count(t, "session"))
	}
	for next := range given {
		if len(next) != 32 || next == first {
			t.Errorf("the next token %q", next)
		}
		_, err := d.Find(t.Context(), d.app, next, finger)
		ok(t, err)
	}
}

// TestReq29_ReuseEndsTheFamily: contracts/oneaccess.md §8.2: an old token serves
// for 60 s, and ends everything when it is presented later. Another login of the
// user goes on.
func TestReq29_ReuseEndsTheFamily(t *testing.T) {
	d := newDesk(t)
	for user, how := range map[core.UserID]string{1: "find", 2: "refresh"} {
		first, apart := d.loginOf(t, user), d.loginOf(t, user)
		d.advance(time.Minute)
		second, session, err := d.Refresh(t.Context(), d.app, first, finger)
		ok(t, err)
		if session.Expires.Sub(d.now()) != 604800*time.Second || d.now().Sub(session.AuthTime) != time.Minute {
			t.Errorf("%+v", session)
		}
		third, _, err := d.Refresh(t.Context(), d.app, second.Reveal(), finger)
		ok(t, err)
		d.advance(RefreshGrace - 1)
		_, err = d.Find(t.Context(), d.app, first, finger)
		ok(t, err)
		d.advance(1)
		_, err = d.Find(t.Context(), &tenant.App{ID: 3, Tenant: 1}, first, finger)
		wantOver(t, err, "session_token")
		_, err = d.Find(t.Context(), d.app, third.Reveal(), finger)
		ok(t, err) // another app's call proves nothing
		if how == "find" {
			_, err = d.Find(t.Context(), d.app, first, "a thief's device")
		} else {
			_, _, err = d.Refresh(t.Context(), d.app, first, finger)
		}
		wantOver(t, err, "session_token")
		for _, token := range []string{first, second.Reveal(), third.Reveal()} {
			_, err = d.Find(t.Context(), d.app, token, finger)
			wantOver(t, err, "session_token")
		}
		_, err = d.Find(t.Context(), d.app, apart, finger)
		ok(t, err)
		of := fmt.Sprintf(" user_id = %d", user)
		if d.count(t, "session WHERE"+of) != 1 || d.count(t, "login_event WHERE kind = 9 AND"+of) != 1 {
			t.Errorf("%s: a token of the login is left, or the audit is wrong", how)
		}
	}
}

// TestReq29_Logout ends the tokens of a login, its tickets with it, at once.
func TestReq29_Logout(t *testing.T) {
	d := newDesk(t)
	token := d.login(t)
	s, err := d.Find(t.Context(), d.app, token, finger)
	ok(t, err)
	ticket, err := d.Ticket(t.Context(), s)
	ok(t, err)
	next, _, err := d.Refresh(t.Context(), d.app, token, finger)
	ok(t, err)
	ok(t, d.End(t.Context(), s))
	for _, ended := range []string{token, next.Reveal()} {
		_, err = d.Find(t.Context(), d.app, ended, finger)
		wantOver(t, err, "session_token")
		_, _, err = d.Refresh(t.Context(), d.app, ended, finger)
		wantOver(t, err, "session_token")
	}
	_, err = d.TakeTicket(t.Context(), d.app, ticket.Reveal(), finger)
	wantOver(t, err, "sso_ticket")
	ok(t, d.End(t.Context(), s)) // twice is fine
	if d.count(t, "session") != 0 || d.count(t, "login_event WHERE kind = 8") != 1 {
		t.Error("a row is left, or the audit is wrong")
	}
}

// TestSessionIsBound: to app, tenant, device and time; the database has no token
// that serves.
func TestSessionIsBound(t *testing.T) {
	d := newDesk(t)
	token := d.login(t)
	settings := d.app.OneAccess
	for name, c := range map[string]struct {
		app           *tenant.App
		token, finger string
	}{
		"another token":  {d.app, strings.Repeat("x", 32), finger},
		"no token":       {d.app, "", finger},
		"another device": {d.app, token, "another"},
		"no device":      {d.app, token, ""},
		"another app":    {&tenant.App{ID: 3, Tenant: 1, OneAccess: settings}, token, finger},
		"another tenant": {&tenant.App{ID: 2, Tenant: 2, OneAccess: settings}, token, finger},
	} {
		_, err := d.Find(t.Context(), c.app, c.token, c.finger)
		if e := core.AsError(err); err == nil || e.Field != "session_token" {
			t.Errorf("%s: %v", name, err)
		}
	}
	next, _, err := d.Refresh(t.Context(), d.app, token, finger)
	ok(t, err)
	ok(t, d.View(t.Context(), func(q store.SQL) error {
		return q.Query(context.Background(), "SELECT key_hash, next FROM session", func(r store.Scanner) error {
			var key, hidden []byte
			err := r.Scan(&key, &hidden)
			for _, secret := range []string{token, next.Reveal()} {
				if bytes.Contains(key, []byte(secret)) || bytes.Contains(hidden, []byte(secret)) {
					t.Error("a token in the clear")
				}
			}
			return err
		})
	}))
	d.advance(604800*time.Second - 1)
	_, err = d.Find(t.Context(), d.app, next.Reveal(), finger)
	ok(t, err)
	d.advance(1)
	_, err = d.Find(t.Context(), d.app, next.Reveal(), finger)
	wantOver(t, err, "session_token")
}

// TestTicket: contracts/oneaccess.md §8.2: one use, 300 s, the login's device.
func TestTicket(t *testing.T) {
	d := newDesk(t)
	s, err := d.Find(t.Context(), d.app, d.login(t), finger)
	ok(t, err)
	draw := func() string {
		ticket, err := d.Ticket(t.Context(), s)
		ok(t, err)
		text, cut := strings.CutPrefix(ticket.Reveal(), "ssoTicket-")
		if !cut || len(text) != 32 {
			t.Fatalf("ticket %q", ticket.Reveal())
		}
		return ticket.Reveal()
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	taken, ticket := 0, draw()
	for range 20 {
		all.Go(func() {
			if found, err := d.TakeTicket(context.Background(), d.app, ticket, finger); err == nil && found.User == 1 {
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if taken != 1 {
		t.Errorf("a ticket was taken %d times", taken)
	}
	ticket = draw()
	_, err = d.TakeTicket(t.Context(), d.app, ticket, "another device")
	wantOver(t, err, "sso_ticket")
	_, err = d.TakeTicket(t.Context(), d.app, ticket, finger)
	wantOver(t, err, "sso_ticket") // it was shown to somebody else
	late := draw()
	d.advance(TicketLife)
	_, err = d.TakeTicket(t.Context(), d.app, late, finger)
	wantOver(t, err, "sso_ticket")
}

// TestNonce: once in ten minutes, of a session; a refresh does not forget it.
func TestNonce(t *testing.T) {
	d := newDesk(t)
	token := d.login(t)
	s, err := d.Find(t.Context(), d.app, token, finger)
	ok(t, err)
	ok(t, d.Nonce(t.Context(), s, "n-1"))
	wantOver(t, d.Nonce(t.Context(), s, "n-1"), "nonce")
	ok(t, d.Nonce(t.Context(), s, "n-2"))
	_, next, err := d.Refresh(t.Context(), d.app, token, finger)
	ok(t, err)
	wantOver(t, d.Nonce(t.Context(), next, "n-1"), "nonce")
	other, err := d.Find(t.Context(), d.app, d.login(t), finger)
	ok(t, err)
	ok(t, d.Nonce(t.Context(), other, "n-1"))
	d.advance(10 * time.Minute)
	ok(t, d.Nonce(t.Context(), s, "n-1"))
}

// TestFaultsOfRefresh: after a commit that was lost the refresh works; after one
// whose answer was lost its repetition gives the token that was written.
func TestFaultsOfRefresh(t *testing.T) {
	d := newDesk(t)
	for i, c := range []struct {
		fault storetest.Fault
		kept  bool
	}{{storetest.FailBegin, false}, {storetest.FailCommitLost, false}, {storetest.FailCommitKept, true}} {
		user := core.UserID(i + 1)
		sessions := fmt.Sprintf("session WHERE user_id = %d", user)
		token := d.loginOf(t, user)
		d.Inject(c.fault)
		_, _, err := d.Refresh(t.Context(), d.app, token, finger)
		if core.KindOf(err) != core.KindInternal {
			t.Fatalf("%v", err)
		}
		if n := d.count(t, sessions); n != map[bool]int64{false: 1, true: 2}[c.kept] {
			t.Errorf("%d sessions", n)
		}
		next, _, err := d.Refresh(t.Context(), d.app, token, finger)
		ok(t, err)
		_, err = d.Find(t.Context(), d.app, next.Reveal(), finger)
		ok(t, err)
		if n := d.count(t, sessions); n != 2 {
			t.Errorf("%d sessions after the repetition", n)
		}
	}
}

// TestTokensAreUniform: contracts/oneaccess.md §2.4: each of 62 characters at
// each place alike.
func TestTokensAreUniform(t *testing.T) {
	const draws = 62 * 2000
	var seen [256]int
	text, err := DrawAlphanumerics(rand.Reader, draws)
	ok(t, err)
	for _, c := range []byte(text) {
		seen[c]++
	}
	square := 0.0
	for _, c := range []byte(alphanumerics) {
		square += float64((seen[c]-2000)*(seen[c]-2000)) / 2000
	}
	if square > 140 { // 61 degrees of freedom: beyond that once in 10^7 runs
		t.Errorf("χ² = %.0f", square)
	}
	if len(alphanumerics) != 62 {
		t.Errorf("%d characters", len(alphanumerics))
	}
	if _, err := DrawAlphanumerics(bytes.NewReader(nil), 32); err == nil {
		t.Error("a token without randomness")
	}
}
