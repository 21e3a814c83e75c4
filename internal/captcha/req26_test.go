package captcha

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/captcha/altcha"
	"yanma.dev/yanma/internal/captcha/point"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq26_PassBytes: the pass is the token, ---, and the answer byte for byte
// (contracts/oneaccess.md §2.2); a serialisation of another kind is no pass, and
// leaves the true one alone.
func TestReq26_PassBytes(t *testing.T) {
	w := newWorld(t)
	for _, answer := range []string{`{"x":237.0,"y":5.0}`, `{"x":237,"y":5}`, ` { "y": 5.9, "x": 242.9 } `} {
		token := w.get(t).Token
		pass, err := w.Check(t.Context(), w.app, CheckRequest{Token: token, PointJSON: answer, Sender: sender, Binding: w.caller})
		if want := token + "---" + answer; err != nil || pass != want {
			t.Fatalf("%q, %v, want %q", pass, err, want)
		}
		wantKind(t, "another spelling", w.redeemed(t, token+`---{"x":237.00,"y":5.0}`), core.KindChallengeFailed)
		if err := w.redeemed(t, pass); err != nil {
			t.Error(err)
		}
		wantKind(t, "a second time", w.redeemed(t, pass), core.KindChallengeFailed)
	}
	p := w.get(t)
	if len(p.Token) != 32 || strings.Trim(p.Token, "0123456789abcdef") != "" || p.SecretKey != "" || p.Token == w.get(t).Token {
		t.Errorf("%+v", p)
	}
	if x, ok := w.ring.AnswerOf(p.Token); !ok || x != 237 {
		t.Errorf("the keyring says %d, %v", x, ok)
	}
}

// TestReq26_CheckedOnce: whatever the first check said, there is no second one,
// also for a server that starts anew.
func TestReq26_CheckedOnce(t *testing.T) {
	w := newWorld(t)
	for _, first := range []string{right, `{"x":231.9,"y":5}`, `{"x":243,"y":5}`, `{"x":237,"y":4.9}`, `{"x":237,"y":6}`} {
		w.caller.IP = netip.Addr{}
		r := CheckRequest{Token: w.get(t).Token, PointJSON: first, Sender: sender, Binding: w.caller}
		_, err := w.Check(t.Context(), w.app, r)
		if first == right && err != nil || first != right && (!errors.Is(err, core.E(core.KindChallengeFailed, "")) || core.AsError(err).Field != "") {
			t.Errorf("%s: %v", first, err)
		}
		r.PointJSON = right
		for _, s := range []*Service{w.Service, w.node(t, w.memory)} {
			_, err := s.Check(t.Context(), w.app, r)
			wantKind(t, "again, after "+first, err, core.KindChallengeFailed)
		}
	}
}

// TestReq26_ForeignToken: a token is good for the client, the app and the device
// it was given to, unaltered; who else shows it does not use it up.
func TestReq26_ForeignToken(t *testing.T) {
	w := newWorld(t)
	w.caller.IP = netip.Addr{}
	token := w.get(t).Token
	check := func(app *tenant.App, token string, b Binding) error {
		_, err := w.Check(t.Context(), app, CheckRequest{Token: token, PointJSON: right, Sender: sender, Binding: b})
		return err
	}
	client, device := w.caller.Client, w.caller.Fingerprint
	subscriber := &tenant.App{ID: 8, OneAccess: oneAccess()}
	for name, err := range map[string]error{
		"another client":        check(w.app, token, Binding{Client: client + "x", Fingerprint: device}),
		"no client":             check(w.app, token, Binding{Fingerprint: device}),
		"another device":        check(w.app, token, Binding{Client: client, Fingerprint: device[1:]}),
		"no device":             check(w.app, token, Binding{Client: client}),
		"moved between both":    check(w.app, token, Binding{Client: client + device[:1], Fingerprint: device[1:]}),
		"another tenant's app":  check(subscriber, token, w.caller),
		"upper case":            check(w.app, strings.ToUpper(token), w.caller),
		"cut":                   check(w.app, token[:31], w.caller),
		"longer":                check(w.app, token+"0", w.caller),
		"empty":                 check(w.app, "", w.caller),
		"made up":               check(w.app, strings.Repeat("0", 32), w.caller),
		"of another keyring":    check(w.app, newWorld(t).get(t).Token, w.caller),
		"the vendor's own form": check(w.app, "71dd26999e314f9abb0c635336976635", w.caller),
	} {
		wantKind(t, name, err, core.KindChallengeFailed)
		if core.AsError(err).Field != "token" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range token {
		wantKind(t, fmt.Sprintf("digit %d altered", i), check(w.app, altered(token, i), w.caller), core.KindChallengeFailed)
	}
	if rows := len(w.memory.Rows().Passes); rows != 0 {
		t.Errorf("a hostile caller wrote %d rows", rows)
	}
	if err := check(w.app, token, w.caller); err != nil {
		t.Errorf("its owner: %v", err)
	}
}

// altered changes one hexadecimal digit.
func altered(token string, i int) string {
	b := []byte(token)
	b[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", b[i])]
	return string(b)
}

// TestReq26_Lives: a token 120 s, a pass 180 s, to the nanosecond.
func TestReq26_Lives(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		after time.Duration
		good  bool
	}{{-1, true}, {0, false}, {1, false}} {
		token := w.get(t).Token
		w.clock.advance(120*time.Second + c.after)
		_, err := w.Check(t.Context(), w.app, CheckRequest{Token: token, PointJSON: right, Sender: sender, Binding: w.caller})
		if (err == nil) != c.good {
			t.Errorf("a token after 120 s %+d ns: %v", c.after, err)
		}
		w.clock.at.Store(w.clock.now().Truncate(time.Millisecond).UnixNano()) // tokens know milliseconds
		pass := w.pass(t)
		w.clock.advance(180*time.Second + c.after)
		if err := w.redeemed(t, pass); (err == nil) != c.good {
			t.Errorf("a pass after 180 s %+d ns: %v", c.after, err)
		}
		w.clock.at.Store(w.clock.now().Truncate(time.Millisecond).UnixNano())
	}
}

// TestReq26_ClockSetBack: a token does not live on because the clock was set back.
func TestReq26_ClockSetBack(t *testing.T) {
	w := newWorld(t)
	for back, good := range map[time.Duration]bool{time.Minute: true, time.Minute + 1: false, time.Hour: false} {
		token := w.get(t).Token
		w.clock.advance(-back)
		_, err := w.Check(t.Context(), w.app, CheckRequest{Token: token, PointJSON: right, Sender: sender, Binding: w.caller})
		if (err == nil) != good {
			t.Errorf("set back by %v: %v", back, err)
		}
		w.clock.advance(back)
	}
}

// TestReq26_ForeignPass: a pass that anybody else shows is refused, and gone
// (contracts/oneaccess.md §2.3: deleted in any case); one that was altered is
// none.
func TestReq26_ForeignPass(t *testing.T) {
	w := newWorld(t)
	subscriber := &tenant.App{ID: 8, OneAccess: oneAccess()}
	for name, change := range map[string]func(r *RedeemRequest) *tenant.App{
		"another sender":       func(r *RedeemRequest) *tenant.App { r.Sender = "+8615200000001"; return w.app },
		"no sender":            func(r *RedeemRequest) *tenant.App { r.Sender = ""; return w.app },
		"another client":       func(r *RedeemRequest) *tenant.App { r.Client += "x"; return w.app },
		"another device":       func(r *RedeemRequest) *tenant.App { r.Fingerprint = "x"; return w.app },
		"no device":            func(r *RedeemRequest) *tenant.App { r.Fingerprint = ""; return w.app },
		"another tenant's app": func(*RedeemRequest) *tenant.App { return subscriber },
	} {
		pass := w.pass(t)
		r := RedeemRequest{CaptchaToken: pass, Sender: sender, Binding: w.caller}
		app := change(&r)
		_, err := w.Redeem(t.Context(), app, r)
		wantKind(t, name, err, core.KindChallengeFailed)
		wantKind(t, "its owner, after "+name, w.redeemed(t, pass), core.KindChallengeFailed)
	}
	pass := w.pass(t)
	for i := range pass {
		b := []byte(pass)
		b[i] ^= 1
		wantKind(t, fmt.Sprintf("byte %d altered", i), w.redeemed(t, string(b)), core.KindChallengeFailed)
	}
	for _, other := range []string{"", "---", pass[:32], pass + " ", pass[1:], strings.Repeat("x", 5000), pass[:32] + "---" + pass[:32]} {
		wantKind(t, other, w.redeemed(t, other), core.KindChallengeFailed)
	}
	never := w.get(t).Token
	wantKind(t, "never checked", w.redeemed(t, never+"---"+right), core.KindChallengeFailed)
	if err := w.redeemed(t, pass); err != nil {
		t.Errorf("unaltered: %v", err)
	}
}

// TestReq26_Parallel: of a hundred who check one token one has a pass, and of a
// hundred who redeem it, on two nodes, one sends.
func TestReq26_Parallel(t *testing.T) {
	w := newWorld(t)
	w.caller.IP = netip.Addr{}
	token := w.get(t).Token
	var passes, sends atomic.Int64
	together(func(int) {
		if _, err := w.Check(t.Context(), w.app, CheckRequest{Token: token, PointJSON: right, Sender: sender, Binding: w.caller}); err == nil {
			passes.Add(1)
		}
	})
	together(func(int) {
		if w.redeemed(t, token+"---"+right) == nil {
			sends.Add(1)
		}
	})
	if passes.Load() != 1 || sends.Load() != 1 {
		t.Errorf("%d passes, %d sends", passes.Load(), sends.Load())
	}
}

func together(f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range 100 {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// TestReq26_AES: answers may come encrypted, the pass is made over the plain one,
// and its encrypted form counts for it, once (contracts/oneaccess.md §2.2, §7).
func TestReq26_AES(t *testing.T) {
	w := newWorld(t)
	w.app.OneAccess.CaptchaAES = true
	for _, form := range []string{"plain", "encrypted"} {
		p := w.get(t)
		if len(p.SecretKey) != 16 {
			t.Fatalf("key %q", p.SecretKey)
		}
		pass, err := w.Check(t.Context(), w.app, CheckRequest{Token: p.Token, PointJSON: point.Encrypt(p.SecretKey, right), Sender: sender, Binding: w.caller})
		if err != nil || pass != p.Token+"---"+right {
			t.Fatalf("%q, %v", pass, err)
		}
		forms := []string{pass, point.Encrypt(p.SecretKey, pass)}
		if form == "encrypted" {
			slices.Reverse(forms)
		}
		if err := w.redeemed(t, forms[0]); err != nil {
			t.Errorf("%s: %v", form, err)
		}
		for _, again := range forms {
			wantKind(t, "again", w.redeemed(t, again), core.KindChallengeFailed)
		}
	}
	if p := w.get(t); true { // the plain form counts as well
		if _, err := w.Check(t.Context(), w.app, CheckRequest{Token: p.Token, PointJSON: right, Sender: sender, Binding: w.caller}); err != nil {
			t.Error(err)
		}
	}
	p, foreign := w.get(t), w.get(t)
	_, err := w.Check(t.Context(), w.app, CheckRequest{Token: p.Token, PointJSON: point.Encrypt(foreign.SecretKey, right), Sender: sender, Binding: w.caller})
	wantKind(t, "another token's key", err, core.KindBadField)
	_, err = w.Check(t.Context(), w.app, CheckRequest{Token: strings.Repeat("0", 32), PointJSON: point.Encrypt(p.SecretKey, right), Sender: sender, Binding: w.caller})
	wantKind(t, "no token", err, core.KindChallengeFailed)
	w.app.OneAccess.CaptchaAES = false
	_, err = w.Check(t.Context(), w.app, CheckRequest{Token: p.Token, PointJSON: point.Encrypt(p.SecretKey, right), Sender: sender, Binding: w.caller})
	wantKind(t, "AES is off", err, core.KindBadField)
	wantKind(t, "AES is off", w.redeemed(t, point.Encrypt(p.SecretKey, p.Token+"---"+right)), core.KindChallengeFailed)
}

// TestReq26_Unbound: a pass of the AJ routes that lacks a part counts only where
// the app says so (contracts/oneaccess.md §7), and binds what did come.
func TestReq26_Unbound(t *testing.T) {
	w := newWorld(t)
	for bits := range ofAll {
		var b Binding
		from := ""
		if bits&ofSender != 0 {
			from = sender
		}
		if bits&ofClient != 0 {
			b.Client = w.caller.Client
		}
		if bits&ofFingerprint != 0 {
			b.Fingerprint = w.caller.Fingerprint
		}
		var app *tenant.App
		if b.Client != "" {
			app = w.app
		}
		for _, accept := range []bool{false, true} {
			w.app.OneAccess.AcceptUnbound = accept
			for name, foreign := range map[string]Binding{"": {}, "client": {Client: "x"}, "fingerprint": {Fingerprint: "x"}} {
				p, err := w.Get(t.Context(), app, b)
				if err != nil {
					t.Fatal(err)
				}
				pass, err := w.Check(t.Context(), app, CheckRequest{Token: p.Token, PointJSON: right, Sender: from, Binding: b})
				if err != nil {
					t.Fatal(err)
				}
				who := w.caller
				if foreign.Client != "" {
					who.Client = "x"
				}
				if foreign.Fingerprint != "" {
					who.Fingerprint = "x"
				}
				_, err = w.Redeem(t.Context(), w.app, RedeemRequest{CaptchaToken: pass, Sender: sender, Binding: who})
				want := accept && (name == "" || name == "client" && b.Client == "" || name == "fingerprint" && b.Fingerprint == "")
				if (err == nil) != want {
					t.Errorf("bound to %03b, accepted %v, foreign %q: %v", bits, accept, name, err)
				}
			}
		}
	}
}

// TestReq26_Work: a proof of work is this caller's, in time, and serves once.
func TestReq26_Work(t *testing.T) {
	w := newWorld(t)
	w.app.OneAccess.WorkDifficulty = 1000
	solve := func() altcha.Payload {
		c, err := w.Challenge(t.Context(), w.app, w.caller)
		if err != nil || c.MaxNumber != 1000 || c.Algorithm != "SHA-256" || len(c.Challenge) != 64 || len(c.Signature) != 64 {
			t.Fatalf("%+v, %v", c, err)
		}
		p, ok := altcha.Solve(t.Context(), c)
		if !ok {
			t.Fatal("it can not be solved")
		}
		return p
	}
	p := solve()
	var sends atomic.Int64
	together(func(int) {
		if w.redeemed(t, p.Encode()) == nil {
			sends.Add(1)
		}
	})
	if sends.Load() != 1 {
		t.Errorf("one proof served %d times", sends.Load())
	}
	for name, change := range map[string]func(p *altcha.Payload){
		"another number":    func(p *altcha.Payload) { p.Number++ },
		"another algorithm": func(p *altcha.Payload) { p.Algorithm = "SHA-512" },
		"another signature": func(p *altcha.Payload) { p.Signature = altered(p.Signature, 63) },
		"half a signature":  func(p *altcha.Payload) { p.Signature = p.Signature[:32] },
		"none":              func(p *altcha.Payload) { p.Signature = "" },
		"a later end":       func(p *altcha.Payload) { p.Salt = strings.Replace(p.Salt, "expires=", "expires=9", 1) },
		"a moved digit":     func(p *altcha.Payload) { p.Salt, p.Number = p.Salt+fmt.Sprint(p.Number)[:1], p.Number%10 },
		"unbound":           func(p *altcha.Payload) { p.Salt = strings.Replace(p.Salt, "bound=6", "bound=0", 1) },
		"made at home": func(p *altcha.Payload) {
			p.Salt, p.Number = altcha.Salt("x", epoch.Add(time.Hour), nil), 1
			p.Challenge = altcha.Hash(p.Salt, 1)
		},
	} {
		p := solve()
		change(&p)
		wantKind(t, name, w.redeemed(t, p.Encode()), core.KindChallengeFailed)
	}
	for name, b := range map[string]Binding{"another client": {Client: "x", Fingerprint: w.caller.Fingerprint}, "another device": {Client: w.caller.Client, Fingerprint: "x"}} {
		_, err := w.Redeem(t.Context(), w.app, RedeemRequest{CaptchaToken: solve().Encode(), Sender: sender, Binding: b})
		wantKind(t, name, err, core.KindChallengeFailed)
	}
	_, err := w.Redeem(t.Context(), &tenant.App{ID: 8, OneAccess: oneAccess()}, RedeemRequest{CaptchaToken: solve().Encode(), Sender: sender, Binding: w.caller})
	wantKind(t, "another tenant's app", err, core.KindChallengeFailed)
	for _, c := range []struct {
		after time.Duration
		good  bool
	}{{-1, true}, {0, false}} {
		w.clock.at.Store(w.clock.now().Truncate(time.Second).UnixNano())
		p := solve()
		w.clock.advance(WorkLife + c.after)
		if err := w.redeemed(t, p.Encode()); (err == nil) != c.good {
			t.Errorf("after %v %+d ns: %v", WorkLife, c.after, err)
		}
	}
	p = solve()
	w.app.OneAccess.CaptchaKinds = []string{tenant.CaptchaPuzzle}
	wantKind(t, "the app takes none", w.redeemed(t, p.Encode()), core.KindChallengeFailed)
	pass := w.pass(t)
	w.app.OneAccess.CaptchaKinds = []string{tenant.CaptchaWork}
	wantKind(t, "the app takes no puzzles", w.redeemed(t, pass), core.KindChallengeFailed)
}

// TestReq26_AfterRotation: what was given out under a token key counts as long as
// it lives, when a newer key is there.
func TestReq26_AfterRotation(t *testing.T) {
	w := newWorld(t)
	w.app.OneAccess.CaptchaAES = true
	pass, p := w.pass(t), w.get(t)
	c, err := w.Challenge(t.Context(), w.app, w.caller)
	if err != nil {
		t.Fatal(err)
	}
	work, _ := altcha.Solve(t.Context(), c)
	if err := w.ring.RotateTokenKey(); err != nil {
		t.Fatal(err)
	}
	if err := w.redeemed(t, pass); err != nil {
		t.Errorf("a pass: %v", err)
	}
	if err := w.redeemed(t, work.Encode()); err != nil {
		t.Errorf("a proof of work: %v", err)
	}
	if _, err := w.Check(t.Context(), w.app, CheckRequest{Token: p.Token, PointJSON: point.Encrypt(p.SecretKey, right), Sender: sender, Binding: w.caller}); err != nil {
		t.Errorf("a token: %v", err)
	}
}

// TestReq26_NothingInTheClear: no token, answer, number or fingerprint is in a
// row, or in an error.
func TestReq26_NothingInTheClear(t *testing.T) {
	w := newWorld(t)
	pass := w.pass(t)
	for _, row := range w.memory.Rows().Passes {
		raw := slices.Concat(row.Key[:], row.Pass[:])
		for _, secret := range []string{sender, sender[3:], pass[:32], pass, w.caller.Fingerprint} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("a row holds %s", secret)
			}
		}
		if row.Until.Sub(row.Expires) != time.Minute || row.Expires.Sub(store.At(epoch)) != PassLife {
			t.Errorf("%+v", row)
		}
	}
	err := w.redeemed(t, "x"+pass)
	if strings.Contains(err.Error(), pass[:32]) || strings.Contains(err.Error(), sender) {
		t.Error(err)
	}

}
