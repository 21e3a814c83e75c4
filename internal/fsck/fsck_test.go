package fsck

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/backup/backuptest"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/sqlite"
)

// server is the PostgreSQL server of this package's tests.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

var (
	quiet = slog.New(slog.DiscardHandler)
	start = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
)

func now() time.Time { return start }

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type engine interface {
	store.Engine
	Migrate(context.Context) error
}

func openSQLite(t *testing.T) engine {
	e, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: now, Log: quiet})
	ok(t, err)
	return e
}

func openPostgres(t *testing.T) engine {
	e, err := postgres.Open(t.Context(), postgres.Options{URL: server.URL(server.Database(t, "")), Now: now, Log: quiet})
	ok(t, err)
	return e
}

func newRing(t *testing.T) *keyring.Ring {
	t.Helper()
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, start)
	ok(t, err)
	return ring
}

// inside is a Source that looks from inside of a transaction.
type inside struct{ q store.SQL }

func (i inside) View(_ context.Context, f func(store.SQL) error) error { return f(i.q) }

var errUndo = errors.New("undo")

// damage breaks rows of a healthy database and gives what is found then. All
// of it is undone.
func damage(t *testing.T, e engine, ring *keyring.Ring, statements []string, args ...any) (found []string) {
	t.Helper()
	err := e.Update(t.Context(), func(q store.SQL) error {
		for i, sql := range statements {
			if i > 0 {
				args = nil
			}
			n, err := q.Exec(t.Context(), sql, args...)
			if err != nil {
				return err
			}
			if n == 0 && i == 0 {
				t.Errorf("%s: no row", sql)
			}
		}
		report, err := Run(t.Context(), Options{Source: inside{q}, Ring: ring, Now: start, Messages: 90 * 24 * time.Hour})
		if err != nil {
			return err
		}
		for _, f := range report.Findings {
			found = append(found, f.String())
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatalf("%s: %v", statements, err)
	}
	return found
}

// breakage is one thing that is broken by hand, and exactly what is found. In
// both, names stand for the ids of backuptest.World. A statement that begins
// with "sqlite:" or "postgres:" is for that engine.
type breakage struct {
	name string
	sql  []string
	want []string
}

var breakages = []breakage{
	{"an event that nobody looks at", []string{`UPDATE event SET id = 5, due = NULL`}, []string{"event: event 5 of kind 1 is in state 0, nobody looks at it"}},
	{"an event that was told", []string{`UPDATE event SET id = 5, state = 1`}, []string{"event: event 5 of kind 1 is in state 1, somebody looks at it"}},
	{"an event of no app", []string{`UPDATE event SET app = 77`}, []string{"event: app 77 of 1 rows does not exist in app"}},
	{"a reply of no app", []string{`UPDATE reply SET app = 77`}, []string{"reply: app 77 of 1 rows does not exist in app"}},
	{"a reply that is not found", []string{`UPDATE reply SET id = 5, idx_a = idx_b, idx_b = NULL`}, []string{"reply: 5 is not found by the number that it has"}},
	{"a dead message that nobody forgets", []string{`UPDATE message SET state = 8, due = 1 WHERE id = EXPIRED`}, []string{"message: message EXPIRED is in state 8, somebody looks at it, without a text"}},
	{"a balance", []string{`UPDATE account SET balance = balance + 3 WHERE id = 257`}, []string{
		"balance: app 1 general available is 98, and the ledger's rows sum to 95",
		"balance: all balances sum to 3, not to zero"}},
	{"an entry is lost", []string{`DELETE FROM ledger WHERE kind = 3 AND ref = DELIVERED`}, []string{
		"charge: message DELIVERED of price 1 and money state 2 was reserved 1, settled 0, refunded 0 and 0",
		"balance: app 1 general held is 2, and the ledger's rows sum to 3",
		"balance: app 1 general revenue is 3, and the ledger's rows sum to 2"}},
	{"an entry of no account", []string{`INSERT INTO ledger (id, debit, credit, amount, kind, ref) VALUES (5, 770, 771, 4, 3, 0)`}, []string{
		"balance: app 3 general held does not exist, and the ledger's rows sum to -4",
		"balance: app 3 general revenue does not exist, and the ledger's rows sum to 4"}},
	{"an entry between two owners", []string{`UPDATE ledger SET credit = 515 WHERE kind = 3 AND ref = DELIVERED`}, []string{
		"ledger: entry ENTRY moves 1 from account 258 to 515 as kind 3, which is no transfer",
		"balance: app 1 general revenue is 3, and the ledger's rows sum to 2",
		"balance: app 2 general revenue does not exist, and the ledger's rows sum to 1"}},
	{"an entry of a wrong kind", []string{`UPDATE ledger SET kind = 1 WHERE kind = 3 AND ref = DELIVERED`}, []string{
		"ledger: entry ENTRY moves 1 from account 258 to 259 as kind 1, which is no transfer",
		"charge: message DELIVERED of price 1 and money state 2 was reserved 1, settled 0, refunded 0 and 0"}},
	{"an account of another", []string{`UPDATE account SET app = 2 WHERE id = 259`}, []string{
		"account: account 259 is filed under tenant 1, app 2, pool 0"}},
	{"a balance below zero", []string{
		`UPDATE ledger SET amount = amount + 100 WHERE kind = 3 AND ref = DELIVERED`,
		`sqlite:PRAGMA ignore_check_constraints = 1`, `postgres:ALTER TABLE account DROP CONSTRAINT account_check`,
		`UPDATE account SET balance = balance - 100 WHERE id = 258`, `UPDATE account SET balance = balance + 100 WHERE id = 259`}, []string{
		"charge: message DELIVERED of price 1 and money state 2 was reserved 1, settled 101, refunded 0 and 0",
		"balance: app 1 general held is -98, below zero",
		"held: app 1 general held: what messages and codes reserved differs by 100 from what it holds"}},
	{"money held for nothing", []string{`UPDATE message SET price = 2 WHERE id = QUEUED`}, []string{
		"charge: message QUEUED of price 2 and money state 1 was reserved 1, settled 0, refunded 0 and 0",
		"held: app 1 general held: what messages and codes reserved differs by 1 from what it holds"}},
	{"a claim that holds more", []string{`UPDATE verification SET held = 3 WHERE state = 1`}, []string{
		"charge: code CLAIMED holds 3, the ledger says 2",
		"held: tenant 1 general held: what messages and codes reserved differs by 1 from what it holds"}},
	{"a second live code", []string{`UPDATE verification SET state = 0 WHERE message = DELIVERED`}, []string{
		"code: 2 live codes of app 1, purpose 1 for one number, from code PENDING on"}},
	{"a claim that nobody has", []string{`UPDATE verification SET claim = 0 WHERE state = 1`}, []string{
		"code: code CLAIMED is in state 1 with claim 0 and holds 2"}},
	{"a claim of a dead code", []string{`UPDATE verification SET claim_until = 5 WHERE id = PENDING`}, []string{
		"code: code PENDING is in state 0 with claim 0 and holds 0"}},
	{"a code without its message", []string{`UPDATE verification SET message = 77 WHERE id = PENDING`}, []string{
		"code: code PENDING is live and names message 77, which does not exist",
		"message: message QUEUED carries code PENDING, which names another message"}},
	{"a code of another message", []string{`UPDATE verification SET message = DELIVERED WHERE id = PENDING`}, []string{
		"code: code PENDING is live and names message DELIVERED, which carries another",
		"message: message QUEUED carries code PENDING, which names another message"}},
	{"a message whose code is gone", []string{`DELETE FROM verification WHERE id = PENDING`}, []string{
		"message: message QUEUED carries code PENDING, which does not exist"}},
	{"a paid message that waits", []string{`UPDATE message SET state = 0, attempts = 0 WHERE id = SUBMITTED`}, []string{
		"message: message SUBMITTED of price 1 is in state 0 with money state 2"}},
	{"a sent message that is not paid", []string{`UPDATE message SET money = 1 WHERE id = SUBMITTED`}, []string{
		"charge: message SUBMITTED of price 1 and money state 1 was reserved 1, settled 1, refunded 0 and 0",
		"held: app 1 general held: what messages and codes reserved differs by 1 from what it holds",
		"message: message SUBMITTED of price 1 is in state 3 with money state 1"}},
	{"a state that there is not", []string{`UPDATE message SET state = 9 WHERE id = EXPIRED`}, []string{
		"message: message EXPIRED of price 1 is in state 9 with money state 3"}},
	{"a message that nobody looks at", []string{`UPDATE message SET due = NULL WHERE id = QUEUED`}, []string{
		"message: message QUEUED is in state 0, nobody looks at it, with a text"}},
	{"a text that was to be erased", []string{`UPDATE message SET body = phone WHERE id = DELIVERED`}, []string{
		"message: message DELIVERED is in state 4, nobody looks at it, with a text",
		"sealed: row DELIVERED of message: " + keyring.ErrTampered.Error()}},
	{"a receipt of no message", []string{`UPDATE receipt_ref SET message = DELIVERED + 1 WHERE message = SUBMITTED`}, []string{
		"receipt: a receipt of main names message DELIVERED+1, which does not exist"}},
	{"two users of a number", []string{`INSERT INTO users (id, tenant, idx_a, phone, test, network, last_login) SELECT 7, tenant, idx_a, phone, test, 0, 0 FROM users WHERE id = USER`}, []string{
		"user: 2 users of tenant 1 have one number, from user 7 on"}},
	{"two users of a number on the other side", []string{`UPDATE users SET idx_b = code_salt FROM verification WHERE verification.id = PENDING`}, []string{
		"user: 2 users of tenant 1 have one number, from user USER on"}},
	{"two live codes on the other side", []string{`UPDATE verification SET idx_a = NULL, idx_b = (SELECT code_salt FROM verification WHERE id = PENDING) WHERE state = 0`}, []string{
		"code: 2 live codes of app 1, purpose 1 for one number, from code PENDING on",
		"code: SECOND is not found by the number that it has",
		"code: PENDING is not found by the number that it has"}},
	{"two counters of a number", []string{`INSERT INTO failure (id, tenant, app, purpose, idx_a, scope, phone, recent, consecutive, total, last_wrong, locked_until, disabled)
		SELECT 7, tenant, app, purpose, idx_a, scope, phone, 0, 0, 0, 0, 0, disabled FROM failure`}, []string{
		"counter: 2 counters of app 1, purpose 1 are of one number, from 7 on"}},
	{"a user nobody finds", []string{`UPDATE users SET idx_a = NULL WHERE id = USER`}, []string{
		"user: user USER can not be found by any number",
		"user: USER is not found by the number that it has"}},
	{"a user whom another number finds", []string{`UPDATE users SET idx_a = code_salt FROM verification WHERE users.id = USER AND verification.id = PENDING`}, []string{
		"user: USER is not found by the number that it has"}},
	{"a counter that another number finds", []string{`UPDATE failure SET idx_a = code_salt FROM verification WHERE verification.id = PENDING`}, []string{
		"counter: FAILURE is not found by the number that it has"}},
	{"a code that another number finds", []string{`UPDATE verification SET idx_a = code_salt WHERE id = PENDING`}, []string{
		"code: PENDING is not found by the number that it has"}},
	{"a pepper that is gone", []string{`UPDATE verification SET code_key = 99 WHERE id = PENDING`}, []string{
		"code: 1 live codes are signed under the code key 99, which the keyring lacks"}},
	{"a number of another key", []string{`UPDATE failure SET phone = $1`}, []string{
		"sealed: row FAILURE of failure: " + keyring.ErrUnknownKey.Error()}},
	{"a message's number", []string{`UPDATE message SET phone = $1 WHERE id = DELIVERED`}, []string{
		"sealed: row DELIVERED of message: " + keyring.ErrUnknownKey.Error()}},
	{"a text", []string{`UPDATE message SET body = $1 WHERE id = SUBMITTED`}, []string{
		"sealed: row SUBMITTED of message: " + keyring.ErrUnknownKey.Error()}},
	{"test numbers", []string{`UPDATE app SET test_numbers = $1 WHERE id = 1`}, []string{
		"sealed: row 1 of app: test numbers: " + keyring.ErrUnknownKey.Error()}},
	{"a private key", []string{`UPDATE tunnel_peer SET private_key = preshared_key`}, []string{
		"sealed: row DEVICE of tunnel_peer: " + keyring.ErrTampered.Error()}},
	{"a preshared key", []string{`UPDATE tunnel_peer SET preshared_key = $1`}, []string{
		"sealed: row DEVICE of tunnel_peer: " + keyring.ErrUnknownKey.Error()}},
	{"no tenant", []string{`DELETE FROM tenant`}, []string{
		"app: tenant 1 of 2 rows does not exist in tenant",
		"users: tenant 1 of 2 rows does not exist in tenant"}},
	{"no app", []string{`DELETE FROM app WHERE id = 2`}, []string{
		"verification: app 2 of 1 rows does not exist in app",
		"message: app 2 of 1 rows does not exist in app"}},
	{"a key of no app", []string{`UPDATE credential SET app = 9`}, []string{"credential: app 9 of 1 rows does not exist in app"}},
	{"no user", []string{`DELETE FROM users WHERE id = USER`}, []string{
		"known: user_id USER of 1 rows does not exist in users",
		"device: user_id USER of 1 rows does not exist in users",
		"session: user_id USER of 1 rows does not exist in users",
		"profile: user_id USER of 1 rows does not exist in users"}},
	{"a session that was replaced by nothing", []string{`UPDATE session SET replaced = 5`}, []string{"session: a session of user USER is of kind 1, replaced at 5"}},
	{"a profile under no key", []string{`UPDATE profile SET body = $1`}, []string{"sealed: row USER of profile: read a profile: " + keyring.ErrUnknownKey.Error()}},
	{"a login in no app", []string{`UPDATE login_event SET app = 9`}, []string{"login_event: app 9 of 1 rows does not exist in app"}},
	{"an id of no user", []string{`UPDATE alias SET user_id = 9`}, []string{"alias: user_id 9 of 1 rows does not exist in users"}},
	{"an id in no app", []string{`UPDATE alias SET app = 9`}, []string{"alias: app 9 of 1 rows does not exist in app"}},
	{"known to no app", []string{`UPDATE known SET app = 9`}, []string{"known: app 9 of 1 rows does not exist in app"}},
	{"a device in no app", []string{`UPDATE device SET app = 9 WHERE id = DEVICE`}, []string{"device: app 9 of 1 rows does not exist in app"}},
	{"a counter in no app", []string{`UPDATE failure SET app = 9`}, []string{"failure: app 9 of 1 rows does not exist in app"}},
	{"no device", []string{`DELETE FROM device WHERE id = DEVICE`}, []string{
		"device_alias: device DEVICE of 1 rows does not exist in device",
		"tunnel_peer: device DEVICE of 1 rows does not exist in device"}},
	{"a user's network", []string{`UPDATE users SET network = 9 WHERE id = IMPORTED`}, []string{
		"users: network 9 of 1 rows does not exist in tunnel_network"}},
	{"a peer's network", []string{`UPDATE tunnel_peer SET network = 3`}, []string{
		"tunnel_peer: device DEVICE is in network 3, its user in 2"}},
	{"a peer in no network", []string{`DELETE FROM tunnel_network WHERE number = 2`}, []string{
		"users: network 2 of 1 rows does not exist in tunnel_network",
		"tunnel_peer: network 2 of 1 rows does not exist in tunnel_network"}},
	{"another tenant's message", []string{`UPDATE message SET tenant = 2 WHERE id = DELIVERED`}, []string{
		"message: row DELIVERED is of tenant 2, its app 1 of tenant 1"}},
	{"another tenant's user", []string{`UPDATE users SET tenant = 2 WHERE id = IMPORTED`, `INSERT INTO tenant (id, name, created) VALUES (2, 'second', 0)`}, []string{
		"alias: user IMPORTED of tenant 2 is known to app 1 of tenant 1",
		"device: user IMPORTED of tenant 2 is known to app 1 of tenant 1"}},
	{"an id of the future", []string{`UPDATE failure SET id = 9000000000000000000`}, []string{
		"id: row 9000000000000000000 of failure has an id that no node can have made"}},
	{"an id below zero", []string{`UPDATE failure SET id = -4`}, []string{
		"id: row -4 of failure has an id that no node can have made"}},
	{"no revision", []string{`DELETE FROM revision`}, []string{"revision: there are 0 rows, not one"}},
}

// TestEachCheckFindsItsDamage breaks one thing at a time in a healthy database
// and sees exactly that.
func TestEachCheckFindsItsDamage(t *testing.T) {
	for name, open := range map[string]func(*testing.T) engine{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			defer func() { ok(t, e.Close()) }()
			ok(t, e.Migrate(t.Context()))
			ring := newRing(t)
			w, err := backuptest.Fill(t.Context(), e, ring, start)
			ok(t, err)
			healthy, err := Run(t.Context(), Options{Source: e, Ring: ring, Now: start, Messages: 90 * 24 * time.Hour})
			ok(t, err)
			if len(healthy.Findings) != 0 || healthy.Opened != 19 || len(healthy.Ledger) != 7 {
				t.Fatalf("a healthy database: %+v", healthy)
			}
			// The unique indexes would not let two rows of one number in.
			ok(t, e.Update(t.Context(), func(q store.SQL) error {
				for _, index := range []string{"users_a", "users_b", "failure_a"} {
					if _, err := q.Exec(t.Context(), "DROP INDEX "+index); err != nil {
						return err
					}
				}
				return nil
			}))
			foreign, err := newRing(t).SealPhone(phone(backuptest.Zhang))
			ok(t, err)
			foreign[2] = 200 // of a key that no ring here has
			names := idsOf(t, e, w)
			for _, b := range breakages {
				var statements, args = []string(nil), []any(nil)
				for _, sql := range b.sql {
					if engine, rest, only := strings.Cut(sql, ":"); only && (engine == "sqlite" || engine == "postgres") {
						if engine != name {
							continue
						}
						sql = rest
					}
					statements = append(statements, names.Replace(sql))
				}
				if strings.Contains(statements[0], "$1") {
					args = []any{foreign}
				}
				got := strings.Join(damage(t, e, ring, statements, args...), "\n")
				if want := names.Replace(strings.Join(b.want, "\n")); got != want {
					t.Errorf("%s: found\n%s\nwant\n%s", b.name, got, want)
				}
			}
		})
	}
}

// idsOf replaces names by ids.
func idsOf(t *testing.T, e engine, w *backuptest.World) *strings.Replacer {
	t.Helper()
	id := func(n int64) string { return strconv.FormatInt(n, 10) }
	one := func(sql string) (n int64) {
		ok(t, e.View(t.Context(), func(q store.SQL) error {
			return q.Query(t.Context(), sql, func(r store.Scanner) error { return r.Scan(&n) })
		}))
		return n
	}
	delivered := id(int64(w.Delivered))
	return strings.NewReplacer("QUEUED", id(int64(w.Queued)), "SUBMITTED", id(int64(w.Submitted)), "EXPIRED", id(int64(w.Expired)),
		"DELIVERED+1", id(int64(w.Delivered)+1), "DELIVERED", delivered, "IMPORTED", id(int64(w.Imported)), "USER", id(int64(w.User)), "DEVICE", id(int64(w.Device)),
		"PENDING", id(int64(w.Live[0])), "SECOND", id(int64(w.Live[1])), "CLAIMED", id(int64(w.Live[2])),
		"FAILURE", id(one(`SELECT id FROM failure`)), "ENTRY", id(one(`SELECT id FROM ledger WHERE kind = 3 AND ref = `+delivered)))
}

func phone(e164 string) core.Phone { return core.PhoneFromE164(e164) }

// TestSampleAndLimits: without Sample every row is opened, with it the newest
// ones; a check does not tell more than it can be read.
func TestSampleAndLimits(t *testing.T) {
	e := openSQLite(t)
	defer func() { ok(t, e.Close()) }()
	ok(t, e.Migrate(t.Context()))
	ring := newRing(t)
	_, err := backuptest.Fill(t.Context(), e, ring, start)
	ok(t, err)
	ok(t, e.Update(t.Context(), func(q store.SQL) error {
		for i := range 60 {
			if _, err := q.Exec(t.Context(), `INSERT INTO credential (id, app, dialect, hash, created, valid_until) VALUES ($1, $2, 'yunbox', $3, 0, 0)`,
				int64(100+i), int64(100+i), []byte{byte(i)}); err != nil {
				return err
			}
		}
		return nil
	}))
	report, err := Run(t.Context(), Options{Source: e, Ring: ring, Now: start, Sample: 2})
	ok(t, err)
	if report.Opened != 14 { // 2 users, 1 counter, 2 messages, 1 peer, 2 apps, 1 reply, 1 recipient, 1 opt-out, 1 number check, 1 signing key, 1 profile
		t.Errorf("%d rows were opened, want 14", report.Opened)
	}
	if n := len(report.Findings); n != 51 || report.Findings[50].String() != "credential: and 10 more" {
		t.Errorf("%d findings, the last is %s", n, report.Findings[n-1])
	}
	report, err = Run(t.Context(), Options{Source: e, Now: start})
	ok(t, err)
	if report.Opened != 0 {
		t.Errorf("%d rows were opened without a keyring", report.Opened)
	}
}

// TestDamagedFile: a page that is overwritten is found by SQLite itself.
func TestDamagedFile(t *testing.T) {
	folder := t.TempDir()
	o := sqlite.Options{Folder: folder, Now: now, Log: quiet}
	e, err := sqlite.Open(t.Context(), o)
	ok(t, err)
	ok(t, e.Migrate(t.Context()))
	ring := newRing(t)
	_, err = backuptest.Fill(t.Context(), e, ring, start)
	ok(t, err)
	page := int64(0)
	ok(t, e.View(t.Context(), func(q store.SQL) error {
		return q.Query(t.Context(), `SELECT rootpage FROM sqlite_schema WHERE name = 'ledger'`, func(r store.Scanner) error { return r.Scan(&page) })
	}))
	ok(t, e.Close())
	f, err := os.OpenFile(filepath.Join(folder, "yanma.db"), os.O_WRONLY, 0)
	ok(t, err)
	_, err = f.WriteAt(make([]byte, 4096), (page-1)*4096)
	ok(t, err)
	ok(t, f.Close())
	r, err := sqlite.OpenReader(t.Context(), o, false)
	ok(t, err)
	defer func() { ok(t, r.Close()) }()
	report, err := Run(t.Context(), Options{Source: r, Ring: ring, Now: start})
	ok(t, err)
	if len(report.Findings) < 2 || report.Findings[0].Check != "file" {
		t.Fatalf("%v", report.Findings)
	}
	cannot := false
	for _, f := range report.Findings {
		cannot = cannot || f.Check == "ledger" && strings.HasPrefix(f.Text, "could not be checked: ")
	}
	if !cannot {
		t.Errorf("the checks of the ledger do not say that they could not be made: %v", report.Findings)
	}
}
