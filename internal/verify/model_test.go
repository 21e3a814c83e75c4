package verify

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// machine runs the same steps on the commands and on the oracle.
type machine struct {
	*world
	oracle oracle
	apps   []*tenant.App
	claims []heldClaim
	drawn  int
}

// heldClaim is a login that waits for the tunnel's back end.
type heldClaim struct {
	key     oracleNumberKey
	address string
	command *checkCode
	code    *oracleCode
	number  int
}

var (
	modelPhones    = []core.Phone{phone, other}
	modelAddresses = []string{"", "192.0.2.7", "2001:db8::1"}
	modelSteps     = []time.Duration{1, time.Second, 30*time.Second - 1, 30 * time.Second, 5*time.Minute - 1, 5 * time.Minute,
		15*time.Minute - 1, 15 * time.Minute, 24*time.Hour - 1, 24 * time.Hour, 90 * 24 * time.Hour}
)

// TestCodesAgainstOracle: every answer, counter, state and balance is what the
// contract says, whatever the order of sends, tries, claims and time.
func TestCodesAgainstOracle(tb *testing.T) {
	ring := newRing(tb)
	for range 10 { // ten times rapid's usual number of runs: they are cheap
		rapid.Check(tb, againstOracle(tb, ring))
	}
}

func againstOracle(tb *testing.T, ring *keyring.Ring) func(*rapid.T) {
	return func(t *rapid.T) {
		w := newEmptyWorld(tb, setting{ring: ring})
		defer w.batcher.Stop()
		w.networks.outside = rapid.Bool().Draw(t, "outside")
		m := &machine{world: w, apps: []*tenant.App{newApp(2), newApp(3)}}
		m.oracle = oracle{now: w.clock.now(), outside: w.networks.outside, numbers: map[oracleNumberKey]*oracleNumber{},
			users: map[core.Phone]*oracleUser{}, money: map[oraclePayer]*oracleMoney{"app 2": {}, "app 3": {}, "tenant 1": {}}}
		for _, a := range m.apps {
			a.LoginPrice = rapid.SampledFrom([]core.Credits{0, 7}).Draw(t, "login price")
			a.TenantPays = rapid.Bool().Draw(t, "tenant pays")
		}
		t.Repeat(map[string]func(*rapid.T){
			"top up":   m.topUpAny,
			"send":     m.sendAny,
			"right":    func(t *rapid.T) { m.tryAny(t, true) },
			"wrong":    func(t *rapid.T) { m.tryAny(t, false) },
			"old code": m.tryOld,
			"commit":   m.commitAny,
			"release":  m.releaseAny,
			"crash":    m.forgetAny,
			"time":     m.timeGoesBy,
			"sweep":    m.sweepAll,
			"setting":  m.changePayer,
			"":         m.compare,
		})
	}
}

func (m *machine) app(t *rapid.T) *tenant.App { return rapid.SampledFrom(m.apps).Draw(t, "app") }

func (m *machine) key(t *rapid.T, a *tenant.App) oracleNumberKey {
	return oracleNumberKey{a.ID, rapid.SampledFrom(modelPhones).Draw(t, "phone")}
}

func payerName(a *tenant.App) oraclePayer {
	switch {
	case a.TenantPays:
		return "tenant 1"
	case a.ID == 2:
		return "app 2"
	default:
		return "app 3"
	}
}

func parseAddress(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a
}

func (m *machine) topUpAny(t *rapid.T) {
	a := m.app(t)
	amount := rapid.SampledFrom([]core.Credits{3, 12, 1000}).Draw(t, "amount")
	if err := m.batcher.Do(context.Background(), &billing.TopUp{IDs: m.ids, Payer: payerOf(a, core.PoolGeneral), Amount: amount}); err != nil {
		t.Fatal(err)
	}
	m.oracle.money[payerName(a)].available += amount
}

func (m *machine) sendAny(t *rapid.T) {
	a := m.app(t)
	k := m.key(t, a)
	address := rapid.SampledFrom(modelAddresses).Draw(t, "address")
	started, err := m.Start(context.Background(), StartRequest{App: a, Phone: k.phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS,
		EndUser: parseAddress(address)})
	kind, wait := m.oracle.send(k, address, payerName(a), a.SMSPrice)
	m.expect(t, err, kind, wait)
	if kind == noKind {
		sent := m.phones.sent
		m.oracle.sent(k, started.Verification, codeIn(sent[len(sent)-1].Text), a.CodeLife)
	}
}

// tryAny answers a number's newest code, rightly or not.
func (m *machine) tryAny(t *rapid.T, right bool) {
	a := m.app(t)
	k := m.key(t, a)
	n := m.oracle.number(k)
	guess := core.CodeFromDigits("00000000") // of no code's length
	if len(n.codes) > 0 {
		guess = n.codes[len(n.codes)-1].digits
		if !right {
			guess = wrongOf(guess)
		}
	}
	m.try(t, a, k, guess)
}

// tryOld answers with any code that the number, or the other number, ever had.
func (m *machine) tryOld(t *rapid.T) {
	a := m.app(t)
	k := m.key(t, a)
	from := m.oracle.number(m.key(t, m.app(t)))
	if len(from.codes) == 0 {
		t.Skip("no code yet")
	}
	m.try(t, a, k, rapid.SampledFrom(from.codes).Draw(t, "code").digits)
}

func (m *machine) try(t *rapid.T, a *tenant.App, k oracleNumberKey, guess core.Code) {
	address := rapid.SampledFrom(modelAddresses).Draw(t, "address")
	c, err := m.check(LoginRequest{App: a, Phone: k.phone, Code: guess, EndUser: parseAddress(address)})
	if err != nil {
		t.Fatal(err)
	}
	err = m.batcher.Do(context.Background(), c)
	m.drawn++
	kind, code := m.oracle.check(k, address, guess, payerName(a), a.LoginPrice, m.drawn)
	if err == nil && c.verdict == wrong {
		err = core.E(core.KindWrongCode, "")
	}
	m.expect(t, err, kind, 0)
	if kind != noKind {
		return
	}
	if c.row.ID != code.id || (c.verdict == claimed) != (code.state == "claimed") {
		t.Fatalf("verdict %d on code %d, want code %d %s", c.verdict, c.row.ID, code.id, code.state)
	}
	if c.verdict == claimed {
		m.claims = append(m.claims, heldClaim{key: k, address: address, command: c, code: code, number: m.drawn})
	}
}

func (m *machine) takeClaim(t *rapid.T) heldClaim {
	if len(m.claims) == 0 {
		t.Skip("nobody waits")
	}
	i := rapid.IntRange(0, len(m.claims)-1).Draw(t, "claim")
	h := m.claims[i]
	m.claims = append(m.claims[:i:i], m.claims[i+1:]...)
	return h
}

func (m *machine) commitAny(t *rapid.T) {
	h := m.takeClaim(t)
	network := int64(h.number)
	err := m.batcher.Do(context.Background(), m.commit(h.command, network))
	m.expect(t, err, m.oracle.commit(h.key, h.address, h.code, h.number), 0)
}

func (m *machine) releaseAny(t *rapid.T) {
	h := m.takeClaim(t)
	if err := m.batcher.Do(context.Background(), m.release(h.command)); err != nil {
		t.Fatal(err)
	}
	m.oracle.undo(h.code, h.number)
}

// forgetAny is a crash between claim and commit.
func (m *machine) forgetAny(t *rapid.T) { m.takeClaim(t) }

func (m *machine) timeGoesBy(t *rapid.T) {
	m.clock.advance(rapid.SampledFrom(modelSteps).Draw(t, "time"))
	m.oracle.now = m.clock.now()
}

func (m *machine) sweepAll(t *rapid.T) {
	var all []core.VerificationID
	for id := range m.rows().Verifications {
		all = append(all, id)
	}
	if err := m.ReleaseLapsed(context.Background(), all); err != nil {
		t.Fatal(err)
	}
	m.oracle.sweep()
}

// changePayer is an operator who changes a setting between two requests.
func (m *machine) changePayer(t *rapid.T) {
	a := m.app(t)
	a.TenantPays = !a.TenantPays
}

func (m *machine) expect(t *rapid.T, err error, kind core.Kind, wait time.Duration) {
	t.Helper()
	if kind == noKind {
		if err != nil {
			t.Fatalf("answer %v, want success", err)
		}
		return
	}
	if e := core.AsError(err); err == nil || e.Kind != kind || e.RetryAfter != wait {
		t.Fatalf("answer %v after %v, want %s after %v", err, core.AsError(err).RetryAfter, kind, wait)
	}
}

var modelStates = map[string]store.VerificationState{"pending": store.VerificationPending, "claimed": store.VerificationClaimed,
	"verified": store.VerificationVerified, "expired": store.VerificationExpired, "exhausted": store.VerificationExhausted,
	"superseded": store.VerificationSuperseded}

// compare holds every row against the oracle.
func (m *machine) compare(t *rapid.T) {
	rows := m.rows()
	checkLedger(t, rows)
	codes, counters := 0, 0
	for k, n := range m.oracle.numbers {
		for _, c := range n.codes {
			codes++
			v := rows.Verifications[c.id]
			if v.State != modelStates[c.state] || int(v.Wrong) != c.wrong || v.Held != c.hold || v.App != k.app {
				t.Fatalf("code %d: %+v, want %+v", c.id, v, c)
			}
		}
		for scope, c := range n.counters {
			counters++
			m.compareCounters(t, rows, k, scope, c)
		}
	}
	if len(rows.Verifications) != codes || len(rows.Failures) != counters {
		t.Fatalf("%d codes and %d counters, want %d and %d", len(rows.Verifications), len(rows.Failures), codes, counters)
	}
	m.compareMoney(t, rows)
	m.compareUsers(t, rows)
}

func (m *machine) compareCounters(t *rapid.T, rows storetest.Rows, k oracleNumberKey, scope string, c *oracleCounters) {
	var hash uint64
	if scope != "strangers" {
		hash = m.scopeOf(parseAddress(scope))
	}
	for _, f := range rows.Failures {
		if f.App != k.app || f.Index.A != m.ring.Index(k.phone).A || f.Scope != hash {
			continue
		}
		if int(f.Recent) != c.five || int(f.Consecutive) != c.twenty || int(f.Total) != c.hundred || f.Disabled != c.disabled ||
			!f.LastWrong.Time().Equal(c.lastWrong) || (f.LockedUntil > 0) != !c.lockedUntil.IsZero() ||
			f.LockedUntil > 0 && !f.LockedUntil.Time().Equal(c.lockedUntil) {
			t.Fatalf("counters %+v, want %+v", f, c)
		}
		return
	}
	t.Fatalf("no counters of %v %s, want %+v", k, scope, c)
}

func (m *machine) compareMoney(t *rapid.T, rows storetest.Rows) {
	owners := map[oraclePayer]billing.Owner{"app 2": billing.OwnerApp(2), "app 3": billing.OwnerApp(3), "tenant 1": billing.OwnerTenant(1)}
	for name, want := range m.oracle.money {
		balance := func(k billing.Kind) core.Credits {
			return rows.Accounts[billing.Account(owners[name], core.PoolGeneral, k)].Balance
		}
		got := oracleMoney{balance(billing.Available), balance(billing.Held), balance(billing.Revenue)}
		if got != *want {
			t.Fatalf("%s has %+v, want %+v", name, got, *want)
		}
	}
}

func (m *machine) compareUsers(t *rapid.T, rows storetest.Rows) {
	if len(rows.Users) != len(m.oracle.users) {
		t.Fatalf("%d users, want %d", len(rows.Users), len(m.oracle.users))
	}
	for p, want := range m.oracle.users {
		for _, u := range rows.Users {
			if u.Index.A == m.ring.Index(p).A && (u.Network != 0) != want.network {
				t.Fatalf("user %+v, want a network: %v", u, want.network)
			}
		}
	}
}
