package captcha

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// wrong fails a check of a genuine token.
func (w *world) wrong(t *testing.T, ip netip.Addr) {
	t.Helper()
	b := w.caller
	b.IP = ip
	_, err := w.Check(t.Context(), w.app, CheckRequest{Token: w.get(t).Token, PointJSON: `{"x":0,"y":5}`, Sender: sender, Binding: b})
	wantKind(t, "a wrong answer", err, core.KindChallengeFailed)
}

// TestReq26_Block: five failures in a minute from a /24 or /64 block its gets for
// 300 s, whatever fingerprints they came with (contracts/oneaccess.md §2.1).
func TestReq26_Block(t *testing.T) {
	for _, c := range []struct{ from, same, other string }{
		{"203.0.113.%d", "203.0.113.200", "203.0.114.1"},
		{"2001:db8:1:2::%d", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"},
	} {
		w := newWorld(t)
		same, other := netip.MustParseAddr(c.same), netip.MustParseAddr(c.other)
		for i := range 5 {
			if err := w.Admit(t.Context(), CallGet, same); err != nil {
				t.Fatalf("after %d failures: %v", i, err)
			}
			w.caller.Fingerprint += "x"
			w.wrong(t, netip.MustParseAddr(strings.Replace(c.from, "%d", string(rune('1'+i)), 1)))
			w.clock.advance(time.Second)
		}
		var limit *core.Error
		err := w.Admit(t.Context(), CallGet, same)
		if !errors.As(err, &limit) || limit.Kind != core.KindRateLimited || limit.Detail != "captcha_blocked" || limit.RetryAfter != 299*time.Second {
			t.Errorf("the fifth: %v, %+v", err, limit)
		}
		for what, err := range map[string]error{"another prefix": w.Admit(t.Context(), CallGet, other),
			"proof of work": w.Admit(t.Context(), CallChallenge, same), "a check": w.Admit(t.Context(), CallCheck, same)} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		w.wrong(t, same) // failing on does not lengthen it
		w.clock.advance(limit.RetryAfter - time.Millisecond)
		wantKind(t, "a millisecond early", w.Admit(t.Context(), CallGet, same), core.KindRateLimited)
		w.clock.advance(time.Millisecond)
		if err := w.Admit(t.Context(), CallGet, same); err != nil {
			t.Errorf("after its time: %v", err)
		}
		if journal := w.memory.Rows().Journal; len(journal) != 1 || w.Stats().Blocks != 1 {
			t.Errorf("%d journal rows, %+v", len(journal), w.Stats())
		}
	}
}

// TestReq26_FourAMinute: failures that are further apart block nobody.
func TestReq26_FourAMinute(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		w.wrong(t, w.caller.IP)
		w.clock.advance(15*time.Second + time.Millisecond)
		if err := w.Admit(t.Context(), CallGet, w.caller.IP); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReq18_CaptchaCalls: 120 get and 600 check a minute from an address.
func TestReq18_CaptchaCalls(t *testing.T) {
	w := newWorld(t)
	for call, c := range map[Call]struct {
		most int
		rule string
	}{CallGet: {120, "captcha_get"}, CallCheck: {600, "captcha_check"}, CallChallenge: {120, "captcha_work"}} {
		for i := range c.most {
			if err := w.Admit(t.Context(), call, w.caller.IP); err != nil {
				t.Fatalf("%s, call %d: %v", c.rule, i+1, err)
			}
		}
		var limit *core.Error
		if err := w.Admit(t.Context(), call, w.caller.IP); !errors.As(err, &limit) || limit.Detail != c.rule || limit.RetryAfter != time.Minute {
			t.Errorf("%s: %v", c.rule, err)
		}
		if err := w.Admit(t.Context(), call, netip.Addr{}); err != nil {
			t.Errorf("%s without an address: %v", c.rule, err)
		}
	}
}

// TestRaised: blind guesses raise an app to proof of work, which then costs more;
// people who miss now and then do not, and neither do made-up tokens.
func TestRaised(t *testing.T) {
	w := newWorld(t)
	work := func() (int64, Kind) {
		c, err := w.Challenge(t.Context(), w.app, w.caller)
		if err != nil {
			t.Fatal(err)
		}
		return c.MaxNumber, w.Required(w.app, Risk{})
	}
	for i := range 200 {
		w.caller.IP = netip.Addr{}
		if i%10 == 0 {
			w.wrong(t, netip.Addr{})
		} else {
			w.pass(t)
		}
		_, _ = w.Check(t.Context(), w.app, CheckRequest{Token: strings.Repeat("0", 32), PointJSON: right, Binding: w.caller})
		w.clock.advance(time.Second)
		if most, kind := work(); kind != KindPuzzle || most != 50_000 {
			t.Fatalf("%d answers of people: %v, %d", i+1, kind, most)
		}
	}
	w.clock.advance(5 * time.Minute)
	for i := range 30 {
		if most, kind := work(); (kind == KindWork) != (i >= 20) || (most == 200_000) != (i >= 20) {
			t.Fatalf("after %d guesses: %v, %d", i, kind, most)
		}
		w.wrong(t, netip.Addr{})
	}
	if other := (&tenant.App{ID: 8, OneAccess: oneAccess()}); w.Required(other, Risk{}) != KindPuzzle {
		t.Error("another app is raised, too")
	}
	w.app.OneAccess.CaptchaKinds = []string{tenant.CaptchaPuzzle}
	if kind := w.Required(w.app, Risk{}); kind != KindPuzzle {
		t.Errorf("an app that takes puzzles alone asks for %v", kind)
	}
	w.app.OneAccess.CaptchaKinds = []string{tenant.CaptchaPuzzle, tenant.CaptchaWork}
	w.clock.advance(5*time.Minute + slot)
	if _, kind := work(); kind != KindPuzzle {
		t.Error("it stays raised")
	}
	for range fewest { // guesses of callers who name no client
		p, err := w.Get(t.Context(), nil, Binding{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Check(t.Context(), nil, CheckRequest{Token: p.Token, PointJSON: `{"x":0,"y":5}`})
		wantKind(t, "a guess", err, core.KindChallengeFailed)
	}
	if _, kind := work(); kind != KindPuzzle {
		t.Error("raised by passes that it does not take")
	}
	w.app.OneAccess.AcceptUnbound = true
	if _, kind := work(); kind != KindWork {
		t.Error("guesses without a client raise nothing")
	}
}

func TestRequired(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		when  tenant.CaptchaWhen
		kinds string
		risk  Risk
		want  Kind
	}{
		{tenant.CaptchaAlways, "puzzle work", Risk{}, KindPuzzle},
		{tenant.CaptchaAlways, "work", Risk{}, KindWork},
		{tenant.CaptchaAlways, "verifier", Risk{}, KindVerifier},
		{tenant.CaptchaAfter, "puzzle work", Risk{Sends: 2}, KindNone},
		{tenant.CaptchaAfter, "puzzle work", Risk{Sends: 3}, KindPuzzle},
		{tenant.CaptchaAfter, "puzzle work", Risk{Risky: true}, KindPuzzle},
		{tenant.CaptchaOnRisk, "puzzle work", Risk{Sends: 99}, KindNone},
		{tenant.CaptchaOnRisk, "work puzzle", Risk{Risky: true}, KindPuzzle},
	} {
		have := w.app.OneAccess
		have.Captcha, have.CaptchaSends, have.CaptchaKinds = c.when, 3, strings.Fields(c.kinds)
		if got := w.Required(w.app, c.risk); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	for _, c := range []struct {
		have, need Kind
		good       bool
	}{{KindNone, KindNone, true}, {KindPuzzle, KindWork, false}, {KindWork, KindPuzzle, true}, {KindVerifier, KindWork, true}, {KindWork, KindVerifier, true}, {KindNone, KindPuzzle, false}} {
		if c.have.Satisfies(c.need) != c.good {
			t.Errorf("%v for %v", c.have, c.need)
		}
	}
}

// judge is a verifier that says what the test says.
type judge struct {
	passed bool
	err    error
	asked  int
}

func (j *judge) Verify(context.Context, string, netip.Addr) (bool, error) {
	j.asked++
	return j.passed, j.err
}

// TestVerifier: a token of somebody else's counts when they say so, once.
func TestVerifier(t *testing.T) {
	w := newWorld(t)
	v := &judge{passed: true}
	w.o.Verifiers = map[string]Verifier{"turnstile": v}
	w.app.OneAccess.CaptchaKinds, w.app.OneAccess.Verifier = []string{tenant.CaptchaVerifier}, "turnstile"
	redeem := func(token string) error {
		kind, err := w.Redeem(t.Context(), w.app, RedeemRequest{CaptchaToken: token, Sender: sender, Binding: w.caller})
		if err == nil && kind != KindVerifier {
			t.Error(kind)
		}
		return err
	}
	if err := redeem("token"); err != nil {
		t.Error(err)
	}
	w.app.OneAccess.CaptchaKinds = []string{tenant.CaptchaPuzzle, tenant.CaptchaWork, tenant.CaptchaVerifier}
	w.app.OneAccess.CaptchaAES = true
	for _, token := range []string{"03AFcWeA5---Zk", "AAAAAAAAAAAAAAAAAAAAAA==", "e30="} { // what looks a little like ours
		if err := redeem(token); err != nil {
			t.Errorf("%s: %v", token, err)
		}
	}
	wantKind(t, "a second time", redeem("token"), core.KindChallengeFailed)
	v.passed = false
	wantKind(t, "they say no", redeem("another"), core.KindChallengeFailed)
	for range 600 { // an address's answers of a minute
		_ = redeem("another")
	}
	asked := v.asked
	wantKind(t, "too many", redeem("another"), core.KindRateLimited)
	if v.asked != asked {
		t.Error("a call to the outside over the limit")
	}
	w.clock.advance(time.Minute)
	v.passed, v.err = true, errors.New("time out")
	wantKind(t, "they do not answer", redeem("another"), core.KindOverloaded)
	w.app.OneAccess.Verifier = "gone"
	wantKind(t, "nobody of that name", redeem("another"), core.KindOverloaded)
}

// TestReq26_DiskFaults: an answer that could not be written gives no pass, and a
// pass that could not be taken sends nothing; it may be gone.
func TestReq26_DiskFaults(t *testing.T) {
	w := newWorld(t)
	f := &storetest.Faulty{Engine: w.memory}
	s := w.node(t, f)
	for _, fault := range []storetest.Fault{storetest.FailCommit, storetest.FailCommitLost, storetest.FailCommitKept} {
		r := CheckRequest{Token: w.get(t).Token, PointJSON: right, Sender: sender, Binding: w.caller}
		f.Inject(fault)
		_, err := s.Check(t.Context(), w.app, r)
		wantKind(t, "check", err, core.KindInternal)
		again, err := s.Check(t.Context(), w.app, r)
		if (err != nil) != (fault == storetest.FailCommitKept) {
			t.Errorf("fault %d: checked again: %v", fault, err)
		}
		pass := again
		if err != nil {
			pass = w.pass(t)
		}
		f.Inject(fault)
		_, err = s.Redeem(t.Context(), w.app, RedeemRequest{CaptchaToken: pass, Sender: sender, Binding: w.caller})
		wantKind(t, "redeem", err, core.KindInternal)
		_, err = s.Redeem(t.Context(), w.app, RedeemRequest{CaptchaToken: pass, Sender: sender, Binding: w.caller})
		if (err != nil) != (fault == storetest.FailCommitKept) {
			t.Errorf("fault %d: redeemed again: %v", fault, err)
		}
	}
}
