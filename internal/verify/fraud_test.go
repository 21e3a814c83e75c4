package verify

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// watch is a fraud guard that notes what it is asked and told.
type watch struct {
	mu   sync.Mutex
	says []string
	who  fraud.Subject // of the last one
	err  error         // the answer to the next question
}

func (w *watch) note(what string, s fraud.Subject) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.says, w.who = append(w.says, what), s
	err := w.err
	w.err = nil
	return err
}

func (w *watch) Send(_ time.Time, _ *tenant.App, s fraud.Subject) error { return w.note("send", s) }
func (w *watch) Resend(_ time.Time, _ *tenant.App, s fraud.Subject) error {
	return w.note("resend", s)
}
func (w *watch) Check(_ time.Time, _ *tenant.App, s fraud.Subject) error { return w.note("check", s) }
func (w *watch) GiveBack(_ time.Time, _ *tenant.App, s fraud.Subject)    { _ = w.note("back", s) }
func (w *watch) Verified(_ time.Time, _ *tenant.App, s fraud.Subject)    { _ = w.note("right", s) }
func (w *watch) Failed(_ time.Time, _ *tenant.App, s fraud.Subject)      { _ = w.note("wrong", s) }

// said are the notes since the last call.
func (w *watch) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	says := strings.Join(w.says, " ")
	w.says = nil
	return says
}

func watched(t *testing.T, s setting) (*world, *watch) {
	w, guard := newWorld(t, s), &watch{}
	w.sentry = guard
	return w, guard
}

// The guard is asked once for a send and once for a guess, with all that is
// known, and told once how each ended.
func TestGuardSeesEachRequestOnce(t *testing.T) {
	w, g := watched(t, setting{})
	ip := netip.MustParseAddr("203.0.113.9")
	_, err := w.Start(context.Background(), StartRequest{App: w.app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS, EndUser: ip, Challenged: true})
	wantOK(t, err)
	want := fraud.Subject{Tenant: 1, App: 2, Country: "CN", Prefix: 8613800, IP: ip, Number: w.ring.PhoneBase(phone), Channel: core.ChannelSMS,
		Purpose: core.PurposeLogin, Challenged: true}
	if said := g.said(); said != "send" || g.who != want {
		t.Errorf("a send: %s of %+v, want send of %+v", said, g.who, want)
	}
	code := w.phones.last(t)
	wantKind(t, w.loginFrom(phone, wrongOf(code), ip.String()), core.KindWrongCode)
	wantOK(t, w.loginFrom(phone, code, ip.String()))
	want.Channel, want.Challenged = 0, false
	if said := g.said(); said != "check wrong check right" || g.who != want {
		t.Errorf("guesses: %s of %+v, want check wrong check right of %+v", said, g.who, want)
	}
	wantKind(t, second(w.login(phone, code)), core.KindWrongCode) // none is alive
	if said := g.said(); said != "check wrong" {
		t.Errorf("a guess without a code: %s", said)
	}

	started, err := w.Start(context.Background(), StartRequest{App: w.app, Phone: other, Purpose: core.PurposeCode, Channel: core.ChannelVoice})
	wantOK(t, err)
	code = w.phones.last(t)
	for _, guess := range []core.Code{wrongOf(code), code} {
		_, err := w.Validate(context.Background(), ValidateRequest{App: w.app, Purpose: core.PurposeCode, ID: started.Verification, Code: guess, EndUser: ip})
		wantOK(t, err)
		if g.who.Number != w.ring.PhoneBase(other) {
			t.Errorf("a guess is told of %+v: whose code it is tells a slip from a spray", g.who)
		}
	}
	if said := g.said(); said != "send check wrong check right" || g.who.Number != w.ring.PhoneBase(other) || g.who.IP != ip {
		t.Errorf("a call: %s of %+v", said, g.who)
	}
	_, err = w.Validate(context.Background(), ValidateRequest{App: w.app, Purpose: core.PurposeCode, ID: 12345, Code: code})
	wantOK(t, err)
	if said := g.said(); said != "check" {
		t.Errorf("a guess at an id of nobody's: %s, want nothing but the question", said)
	}
}

// What the guard refuses costs nothing, is not stored, and counts in no limit.
func TestGuardRefusesBeforeMoneyAndStore(t *testing.T) {
	for _, kind := range []core.Kind{core.KindChallengeRequired, core.KindBlocked} {
		w, g := watched(t, setting{edit: withLimits})
		before, balance := w.rows(), w.balance(1)
		g.err = core.RetryIn(kind, time.Minute, "")
		_, err := w.start(phone)
		wantKind(t, err, kind)
		if after := w.rows(); len(after.Verifications)+len(after.Messages)+len(after.Journal) != 0 || len(after.Ledger) != len(before.Ledger) || w.balance(1) != balance {
			t.Errorf("%s: something was stored or paid", kind)
		}
		code := w.send(t, phone) // the limit of one a minute has room
		g.err = core.RetryIn(kind, time.Minute, "")
		_, err = w.login(phone, code)
		wantKind(t, err, kind)
		g.err = core.RetryIn(kind, time.Minute, "")
		_, err = w.Validate(context.Background(), ValidateRequest{App: w.app, ID: 1, Code: code})
		wantKind(t, err, kind)
		wantOK(t, second(w.login(phone, code)))
		if said := g.said(); said != "send send check check check right" {
			t.Errorf("%s: %s", kind, said)
		}
	}
}

// TestReq19_GuardGetsItBack: whoever refuses a send after the guard, it gets back
// what it counted, once; a send whose fate nobody knows stays counted.
func TestReq19_GuardGetsItBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, w *world, f *storetest.Faulty)
		kind   core.Kind
		said   string
	}{
		{"limited", func(t *testing.T, w *world, _ *storetest.Faulty) { w.send(t, phone) }, core.KindRateLimited, "send"},
		{"SIM changed", func(_ *testing.T, w *world, _ *storetest.Faulty) {
			w.app.SIMSwap = tenant.DefaultSIMSwap()
			w.app.SIMSwap.Send, w.sims = tenant.SIMSwapRequire, simswap.NewGuard(&operator{signal: simswap.Swapped}, quiet)
		}, core.KindLocked, "send back"},
		{"no balance", func(t *testing.T, w *world, _ *storetest.Faulty) { w.topUp(t, -w.balance(1)) }, core.KindInsufficientBalance, "send back"},
		{"over the cap", func(_ *testing.T, w *world, _ *storetest.Faulty) { w.app.Caps = map[string]core.Credits{"*": 4} }, core.KindSpendCap, "send back"},
		{"overloaded", func(_ *testing.T, w *world, _ *storetest.Faulty) { w.batcher.Stop() }, core.KindOverloaded, "send back"},
		{"commit fails, known", inject(storetest.FailCommit), core.KindInternal, "send back"},
		{"commit lost", inject(storetest.FailCommitLost), core.KindInternal, "send"},
		{"commit kept", inject(storetest.FailCommitKept), core.KindInternal, "send"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &storetest.Faulty{}
			w, g := watched(t, setting{wrap: func(e store.Engine) store.Engine { f.Engine = e; return f }, edit: withLimits})
			c.before(t, w, f)
			_, err := w.start(phone)
			wantKind(t, err, c.kind)
			if said := g.said(); said != c.said {
				t.Errorf("the guard saw %q, want %q", said, c.said)
			}
		})
	}
}

// A limit that asks for a challenge gets one where the dialect has one, and
// refuses where it has none; the alert about a number silences nobody there.
func TestLimitsAskForChallenges(t *testing.T) {
	ip := netip.MustParseAddr("203.0.113.9")
	w, _ := watched(t, setting{edit: func(a *tenant.App) {
		rules, err := guard.DefaultRules().With(map[string][]string{"number_app": {}, "number_tenant": {}, "number_installation": {"1/1h"}, "ip_send": {"2/1h"}})
		wantOK(t, err)
		a.Limits, a.Unchallenged = rules, rules.Unchallenged()
	}})
	start := func(can, challenged bool, ip netip.Addr) error {
		_, err := w.Start(context.Background(), StartRequest{App: w.app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS, EndUser: ip,
			CanChallenge: can, Challenged: challenged})
		return err
	}
	wantOK(t, start(true, false, netip.Addr{}))
	wantKind(t, start(true, false, netip.Addr{}), core.KindChallengeRequired) // the number's alert
	wantOK(t, start(true, true, ip))
	wantOK(t, start(false, false, ip))
	wantKind(t, start(false, false, ip), core.KindRateLimited)
	wantKind(t, start(true, false, ip), core.KindChallengeRequired)
	wantOK(t, start(true, true, ip))
}
