package verify

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq02_LifetimeToTheNanosecond: a code lives exactly as long as its app
// says, by the server's clock.
func TestReq02_LifetimeToTheNanosecond(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 5 * time.Minute, 10 * time.Minute} {
		for _, c := range []struct {
			offset time.Duration
			alive  bool
		}{{-1, true}, {0, false}, {1, false}} {
			t.Run(life.String()+" "+c.offset.String(), func(t *testing.T) {
				w := newWorld(t, setting{edit: func(a *tenant.App) { a.CodeLife = life }})
				started, err := w.start(phone)
				wantOK(t, err)
				if want := epoch.Add(life); !started.Expires.Equal(want) {
					t.Fatalf("expires %v, want %v", started.Expires, want)
				}
				w.clock.advance(life + c.offset)
				if _, err = w.login(phone, w.phones.last(t)); c.alive {
					wantOK(t, err)
				} else {
					wantKind(t, err, core.KindWrongCode)
				}
			})
		}
	}
}

// TestReq06_BoundToItsContext: a code is right only for its app, its number,
// its purpose and its own challenge. Every other answer is the same "wrong".
func TestReq06_BoundToItsContext(t *testing.T) {
	w := newWorld(t, setting{})
	otherApp := newApp(3)
	w.do(t, &billing.TopUp{IDs: w.ids, Payer: payerOf(otherApp, core.PoolGeneral), Amount: plenty})
	// The four places where the code could be replayed have a live code each.
	start := func(app *tenant.App, p core.Phone, purpose core.Purpose) core.Code {
		_, err := w.Start(context.Background(), StartRequest{App: app, Phone: p, Purpose: purpose, Channel: core.ChannelSMS})
		wantOK(t, err)
		return w.phones.last(t)
	}
	try := func(app *tenant.App, p core.Phone, purpose core.Purpose, code core.Code) error {
		c, err := w.check(LoginRequest{App: app, Phone: p, Code: code})
		wantOK(t, err)
		c.purpose = purpose
		if err := w.batcher.Do(context.Background(), c); err != nil || c.verdict == verified {
			return err
		}
		return core.E(core.KindWrongCode, "")
	}
	old := start(w.app, phone, core.PurposeLogin)
	code := start(w.app, phone, core.PurposeLogin) // another challenge in the same place
	start(otherApp, phone, core.PurposeLogin)
	start(w.app, other, core.PurposeLogin)
	start(w.app, phone, core.PurposeVerify)
	start(w.app, phone, core.PurposeRebind)
	for name, err := range map[string]error{
		"another app":       try(otherApp, phone, core.PurposeLogin, code),
		"another number":    try(w.app, other, core.PurposeLogin, code),
		"another purpose":   try(w.app, phone, core.PurposeVerify, code),
		"rebinding":         try(w.app, phone, core.PurposeRebind, code),
		"another challenge": try(w.app, phone, core.PurposeLogin, old),
		"no code there":     try(otherApp, other, core.PurposeLogin, code),
	} {
		if err == nil || err.Error() != core.E(core.KindWrongCode, "").Error() {
			t.Errorf("%s: %v, want the one answer for a wrong code", name, err)
		}
	}
	wantOK(t, try(w.app, phone, core.PurposeLogin, code))
}

// TestReq06_TagIsBoundToItsRow: a stored tag that is moved to another row does
// not make its code right there.
func TestReq06_TagIsBoundToItsRow(t *testing.T) {
	ring := newRing(t)
	own := keyring.CodeContext{Verification: 7, App: 2, Purpose: core.PurposeLogin, Phone: phone}
	code := core.CodeFromDigits("042917")
	tag, err := ring.SignCode(own, code)
	wantOK(t, err)
	if !ring.CheckCode(own, tag, code) {
		t.Fatal("the right code is wrong in its own context")
	}
	for name, c := range map[string]keyring.CodeContext{
		"verification": {Verification: 8, App: 2, Purpose: core.PurposeLogin, Phone: phone},
		"app":          {Verification: 7, App: 3, Purpose: core.PurposeLogin, Phone: phone},
		"purpose":      {Verification: 7, App: 2, Purpose: core.PurposeVerify, Phone: phone},
		"phone":        {Verification: 7, App: 2, Purpose: core.PurposeLogin, Phone: other},
	} {
		if ring.CheckCode(c, tag, code) {
			t.Errorf("the code is right under another %s", name)
		}
	}
}

// TestReq07_ResendVoidsAndKeepsCounting: the old code fails, the new one is
// another, and both share one counter (contracts/yunbox.md §9, rows 10 and 11).
func TestReq07_ResendVoidsAndKeepsCounting(t *testing.T) {
	w := newWorld(t, setting{})
	old := w.send(t, phone)
	for range 3 {
		_, err := w.login(phone, wrongOf(old))
		wantKind(t, err, core.KindWrongCode)
	}
	code := w.send(t, phone)
	if code == old {
		code = w.send(t, phone) // once in a million
	}
	_, err := w.login(phone, old) // the fourth wrong try
	wantKind(t, err, core.KindWrongCode)
	_, err = w.login(phone, wrongOf(code)) // the fifth
	wantKind(t, err, core.KindWrongCode)
	_, err = w.login(phone, code)
	wantKind(t, err, core.KindWrongCode)
	_, err = w.start(phone) // the number waits 15 minutes
	wantKind(t, err, core.KindLocked)
	if got := core.AsError(err).RetryAfter; got != 15*time.Minute {
		t.Errorf("retry after %v, want 15 minutes", got)
	}
	w.clock.advance(15*time.Minute - 1)
	_, err = w.start(phone)
	wantKind(t, err, core.KindLocked)
	w.clock.advance(1)
	_, err = w.login(phone, w.send(t, phone))
	wantOK(t, err)
	if left := w.rows().Failures; len(left) != 0 {
		t.Errorf("a success left counters: %+v", left)
	}
}

// TestReq07_ClaimedCodeDoesNotComeBack: a newer code was sent, and used, while
// the older one waited for the tunnel; when that fails the older one is void.
func TestReq07_ClaimedCodeDoesNotComeBack(t *testing.T) {
	for name, end := range map[string]func(*world, *checkCode){
		"released": func(w *world, c *checkCode) { w.do(t, w.release(c)) },
		"lapsed":   func(w *world, c *checkCode) { w.clock.advance(30 * time.Second) },
		"swept": func(w *world, c *checkCode) {
			w.clock.advance(30 * time.Second)
			wantOK(t, w.ReleaseLapsed(context.Background(), []core.VerificationID{c.row.ID}))
		},
		"the clock set back": func(w *world, c *checkCode) {
			w.clock.advance(-time.Hour)
			w.do(t, w.release(c))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.networks.outside = true
			old := w.send(t, phone)
			c, err := w.check(LoginRequest{App: w.app, Phone: phone, Code: old})
			wantOK(t, err)
			w.do(t, c)
			_, err = w.login(phone, w.send(t, phone)) // a newer code, which is used up
			wantOK(t, err)
			end(w, c)
			for _, v := range w.rows().Verifications {
				if v.State == store.VerificationPending {
					t.Errorf("code %d is pending again", v.ID)
				}
			}
			_, err = w.login(phone, old)
			wantKind(t, err, core.KindWrongCode)
		})
	}
}

// TestKnownAddressHasItsOwnCounters: strangers' wrong tries do not lock out the
// owner, whose address logged in within 90 days (contracts/README.md §5).
func TestKnownAddressHasItsOwnCounters(t *testing.T) {
	w := newWorld(t, setting{})
	const home, stranger = "2001:db8:1::7", "198.51.100.1"
	wantOK(t, w.loginFrom(phone, w.send(t, phone), home))
	for range 4 { // to the day's lock
		code := w.send(t, phone)
		for range 5 {
			wantKind(t, w.loginFrom(phone, wrongOf(code), stranger), core.KindWrongCode)
		}
		w.clock.advance(15 * time.Minute)
	}
	_, err := w.start(phone)
	wantKind(t, err, core.KindLocked)
	startFrom := func(address string) error {
		_, err := w.Start(context.Background(), StartRequest{App: w.app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS,
			EndUser: netip.MustParseAddr(address)})
		return err
	}
	wantOK(t, startFrom("2001:db8:1::8")) // the same /64
	wantOK(t, w.loginFrom(phone, w.phones.last(t), home))
	w.clock.advance(90*24*time.Hour - 1)
	for range 5 { // his own wrong tries count for his address
		wantOK(t, startFrom(home))
		wantKind(t, w.loginFrom(phone, wrongOf(w.phones.last(t)), home), core.KindWrongCode)
	}
	wantKind(t, startFrom(home), core.KindLocked)
	w.clock.advance(1) // the 90 days are over: a stranger, and the day's lock was served
	wantOK(t, startFrom(home))
}

// TestLocksAreToldBeforeLimits is contracts/yunbox.md §3, steps 8 to 10.
func TestLocksAreToldBeforeLimits(t *testing.T) {
	w := newEmptyWorld(t, setting{edit: withLimits})
	_, err := w.start(phone)
	wantKind(t, err, core.KindInsufficientBalance)
	w.topUp(t, w.app.SMSPrice)
	code := w.send(t, phone)
	_, err = w.start(phone)
	wantKind(t, err, core.KindRateLimited) // before the balance, which is 0
	for range 5 {
		_, err = w.login(phone, wrongOf(code))
		wantKind(t, err, core.KindWrongCode)
	}
	w.clock.advance(10 * time.Second)
	_, err = w.start(phone)
	wantKind(t, err, core.KindLocked)
	if got, want := core.AsError(err).RetryAfter, 15*time.Minute-10*time.Second; got != want {
		t.Errorf("retry after %v, want %v", got, want)
	}
}

// TestEndUserAddressThatFailsTooOften: 150 failed checks an hour
// (contracts/README.md §6), counted only where the address is known.
func TestEndUserAddressThatFailsTooOften(t *testing.T) {
	w := newWorld(t, setting{edit: func(a *tenant.App) {
		rules, err := guard.DefaultRules().With(map[string][]string{"ip_check_failed": {"3/1h"}})
		wantOK(t, err)
		a.Unchallenged = rules.Unchallenged()
	}})
	code := w.send(t, phone)
	for range 3 {
		wantKind(t, w.loginFrom(phone, wrongOf(code), "192.0.2.1"), core.KindWrongCode)
	}
	err := w.loginFrom(phone, code, "192.0.2.1")
	wantKind(t, err, core.KindRateLimited)
	wait := core.AsError(err).RetryAfter
	if wait > time.Hour || wait <= time.Hour-time.Millisecond { // counted to the millisecond
		t.Errorf("retry after %v, want an hour", wait)
	}
	_, err = w.login(phone, code)
	wantOK(t, err)
	w.clock.advance(wait)
	wantOK(t, w.loginFrom(phone, w.send(t, phone), "192.0.2.1"))
}

func TestPriceOfALogin(t *testing.T) {
	w := newEmptyWorld(t, setting{edit: func(a *tenant.App) { a.LoginPrice = 7 }})
	w.topUp(t, w.app.SMSPrice+6)
	code := w.send(t, phone)
	_, err := w.login(phone, wrongOf(code)) // a failed check costs nothing
	wantKind(t, err, core.KindWrongCode)
	_, err = w.login(phone, code) // contracts/yunbox.md §9, row 12
	wantKind(t, err, core.KindInsufficientBalance)
	for _, f := range w.rows().Failures {
		if f.Recent != 1 {
			t.Errorf("an unpaid login counted as a wrong try: %+v", f)
		}
	}
	w.topUp(t, 1)
	in, err := w.login(phone, code)
	wantOK(t, err)
	if !in.New {
		t.Error("the first login is a registration")
	}
	if have := [3]core.Credits{w.balance(billing.Available), w.balance(billing.Held), w.balance(billing.Revenue)}; have != [3]core.Credits{0, 5, 7} {
		t.Errorf("available, held, revenue = %v, want 0, 5 (the message), 7", have)
	}
	checkLedger(t, w.rows())
}

func TestSameNumberSameUser(t *testing.T) {
	w := newWorld(t, setting{})
	first, err := w.login(phone, w.send(t, phone))
	wantOK(t, err)
	second, err := w.login(phone, w.send(t, phone))
	wantOK(t, err)
	if first.UserText != second.UserText || !first.New || second.New {
		t.Errorf("logins %+v and %+v of one number", first, second)
	}
	own := w.app
	w.app = newApp(3)
	w.topUp(t, plenty)
	elsewhere, err := w.login(phone, w.send(t, phone))
	wantOK(t, err)
	if elsewhere.User != first.User || elsewhere.UserText == first.UserText || elsewhere.New {
		t.Errorf("another app of the tenant: %+v, want the user of %+v under another id", elsewhere, first)
	}
	w.app = own
	stranger, err := w.login(other, w.send(t, other))
	wantOK(t, err)
	if stranger.User == first.User || stranger.UserText == first.UserText {
		t.Errorf("two numbers are one user: %+v", stranger)
	}
}

func TestTestNumber(t *testing.T) {
	const literal = "12345678910" // contracts/yunbox.md §5
	w := newEmptyWorld(t, setting{})
	for _, outside := range []bool{false, true} {
		w.networks.outside = outside
		in, err := w.LoginTest(context.Background(), w.app, literal)
		wantOK(t, err)
		again, err := w.LoginTest(context.Background(), w.app, literal)
		wantOK(t, err)
		if in.UserText != again.UserText || again.New {
			t.Errorf("the test user is %+v, then %+v", in, again)
		}
	}
	if w.networks.asked != 1 {
		t.Errorf("the network was made %d times", w.networks.asked)
	}
	rows := w.rows()
	if len(rows.Users) != 1 || len(rows.Ledger)+len(rows.Messages)+len(rows.Verifications)+len(rows.Failures) != 0 {
		t.Errorf("a test login left %+v", rows)
	}
	for _, u := range rows.Users {
		if !u.Test || u.Network == 0 {
			t.Errorf("test user %+v", u)
		}
	}
	elsewhere, err := w.LoginTest(context.Background(), newApp(3), literal)
	wantOK(t, err)
	if !elsewhere.New {
		t.Error("two apps share one test user")
	}
}

func TestTestNumberWhileProvisioningFails(t *testing.T) {
	w := newEmptyWorld(t, setting{})
	w.networks.outside = true
	down := core.E(core.KindProvisioningUnreachable, "down")
	w.networks.provision = refuse(down)
	_, err := w.LoginTest(context.Background(), w.app, "12345678910")
	if !errors.Is(err, down) || len(w.rows().Users) != 0 {
		t.Errorf("answer %v with %d users, want %v and none", err, len(w.rows().Users), down)
	}
	w.networks.provision = nil
	_, err = w.LoginTest(context.Background(), w.app, "12345678910")
	wantOK(t, err)
}
