package verify

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

const (
	here  = "156aysdna213sac"
	there = "another device"
)

// oneAccess gives an app a client with the contract's defaults.
func oneAccess(edit func(*tenant.OneAccessSettings)) func(*tenant.App) {
	return func(a *tenant.App) {
		s := tenant.DefaultOneAccess()
		s.ClientID = "DRrYIqauawN0I8myTMoDTPys6ezGZxnm"
		if edit != nil {
			edit(&s)
		}
		a.OneAccess = &tenant.OneAccess{OneAccessSettings: s, Keys: a.ID}
	}
}

func (w *world) ask(tb testing.TB, p core.Phone, purpose core.Purpose, device string) core.Code {
	tb.Helper()
	_, err := w.Start(tb.Context(), StartRequest{App: w.app, Phone: p, Purpose: purpose, Channel: core.ChannelSMS,
		Failures: OneAccessPolicy(), Fingerprint: device})
	wantOK(tb, err)
	return w.phones.last(tb)
}

func (w *world) request(p core.Phone, code core.Code, device string) SignInRequest {
	return SignInRequest{App: w.app, Phone: p, Code: code, Fingerprint: device}
}

func (w *world) enter(tb testing.TB, p core.Phone, code core.Code, device string) (SignedIn, error) {
	return w.SignIn(tb.Context(), w.request(p, code, device))
}

// signInFrom sends a code and enters it.
func (w *world) signInFrom(tb testing.TB, device string) SignedIn {
	tb.Helper()
	in, err := w.enter(tb, phone, w.ask(tb, phone, core.PurposeLogin, device), device)
	wantOK(tb, err)
	return in
}

func wantField(tb testing.TB, err error, kind core.Kind, field string) {
	tb.Helper()
	wantKind(tb, err, kind)
	if e := core.AsError(err); e.Field != field {
		tb.Fatalf("%v: field %q, want %q", err, e.Field, field)
	}
}

// events counts the lines of the audit by kind.
func (w *world) events() map[store.LoginKind]int {
	n := map[store.LoginKind]int{}
	for _, e := range w.rows().Logins {
		n[e.Kind]++
	}
	return n
}

// TestSignIn: the token of contracts/oneaccess.md §2.4, of which the database
// has only the hash, in the commit of the login.
func TestSignIn(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	in := w.signInFrom(t, here)
	token := in.Token.Reveal()
	if in.Status != SignInSuccess || !in.New || in.Life != 604800*time.Second || !in.AuthTime.Equal(epoch) ||
		len(token) != 32 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		t.Errorf("%+v", in)
	}
	if p := in.Person; len(p.ID) != 27 || p.ID[0] != 'u' || p.UserName() != p.ID || p.Name() != "138****8000" || p.Mobile() != "+86-13800138000" {
		t.Errorf("%+v: %s %s", p, p.Name(), p.Mobile())
	}
	row, ok := w.rows().Sessions[account.SessionKeyOf(token)]
	if !ok || row.User != in.Person.User || row.Expires != store.At(epoch.Add(604800*time.Second)) || row.Device == 0 || row.Kind != store.SessionOpen {
		t.Errorf("%+v", row)
	}
	if again := w.signInFrom(t, here); again.New || again.Person.User != in.Person.User || again.Token == in.Token {
		t.Errorf("the second login: %+v", again)
	}
	if e := w.events(); e[store.LoginNew] != 1 || e[store.LoginDone] != 1 || len(e) != 2 {
		t.Errorf("events %v", e)
	}
	if checkLedger(t, w.rows()); w.balance(3) != 0 {
		t.Error("a login costs something")
	}
}

// TestReq05_LockOfOneAccess: ten wrong tries over several codes; the tenth is
// answered as wrong, everything after it as locked with the exact time left, the
// right code too; and the day's lock counts on through it.
func TestReq05_LockOfOneAccess(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	for lock := 1; lock <= 2; lock++ {
		for _, wait := range []time.Duration{16 * time.Minute, time.Second} { // a pause forgives nothing
			code := w.ask(t, phone, core.PurposeLogin, here)
			for range 5 {
				_, err := w.enter(t, phone, wrongOf(code), here)
				wantKind(t, err, core.KindWrongCode)
			}
			_, err := w.enter(t, phone, code, here) // five kill the code
			if core.KindOf(err) != core.KindWrongCode && core.KindOf(err) != core.KindLocked {
				t.Fatalf("a dead code: %v", err)
			}
			w.clock.advance(wait)
		}
		_, err := w.enter(t, phone, core.CodeFromDigits("000000"), here)
		wantKind(t, err, core.KindLocked)
		want := 15*time.Minute - time.Second
		if lock == 2 {
			want = 24*time.Hour - time.Second
		}
		if e := core.AsError(err); e.RetryAfter != want {
			t.Fatalf("lock %d: %v left, want %v", lock, e.RetryAfter, want)
		}
		_, err = w.Start(t.Context(), StartRequest{App: w.app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS, Failures: OneAccessPolicy()})
		wantKind(t, err, core.KindLocked)
		w.clock.advance(want - 1)
		_, err = w.enter(t, phone, core.CodeFromDigits("000000"), here)
		wantKind(t, err, core.KindLocked)
		w.clock.advance(1)
	}
	w.signInFrom(t, here) // waiting exactly that long opens it
	if e := w.events(); e[store.LoginWrong] != 18 || e[store.LoginLocked] != 2 {
		t.Errorf("events %v", e)
	}
	// Nothing alive: nothing counted, nothing written.
	before := len(w.rows().Logins)
	for range 50 {
		_, err := w.enter(t, phone, core.CodeFromDigits("000000"), here)
		wantKind(t, err, core.KindWrongCode)
	}
	if rows := w.rows(); len(rows.Logins) != before || len(rows.Failures) != 0 {
		t.Error("tries without a code are counted")
	}
}

// TestReq05_KnownDevice: strangers lock themselves out, not the owner's device.
func TestReq05_KnownDevice(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	w.signInFrom(t, here)
	for range 2 {
		code := w.ask(t, phone, core.PurposeLogin, here)
		for range 5 {
			_, err := w.enter(t, phone, wrongOf(code), there)
			wantKind(t, err, core.KindWrongCode)
		}
	}
	_, err := w.enter(t, phone, core.CodeFromDigits("000000"), there)
	wantKind(t, err, core.KindLocked)
	w.signInFrom(t, here)
}

// TestReq06_PurposesOfOneAccess: a code serves the purpose it was sent for.
func TestReq06_PurposesOfOneAccess(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	purposes := []core.Purpose{core.PurposeRegister, core.PurposeLogin, core.PurposeMFA, core.PurposeForgetPwd, core.PurposeBind,
		core.PurposeUpdateMobile, core.PurposeUpdatePwd}
	for _, sent := range purposes {
		code := w.ask(t, phone, sent, "")
		for _, asked := range purposes {
			if asked != sent {
				wantKind(t, w.Confirm(t.Context(), ConfirmRequest{App: w.app, Phone: phone, Purpose: asked, Code: code}), core.KindWrongCode)
			}
		}
		if sent != core.PurposeLogin {
			_, err := w.enter(t, phone, code, here)
			wantKind(t, err, core.KindWrongCode)
		}
		wantKind(t, w.Confirm(t.Context(), ConfirmRequest{App: w.app, Phone: other, Purpose: sent, Code: code}), core.KindWrongCode)
		wantOK(t, w.Confirm(t.Context(), ConfirmRequest{App: w.app, Phone: phone, Purpose: sent, Code: code}))
		wantKind(t, w.Confirm(t.Context(), ConfirmRequest{App: w.app, Phone: phone, Purpose: sent, Code: code}), core.KindWrongCode)
	}
	if len(w.rows().Users) != 0 {
		t.Error("a confirmation made a user")
	}
}

// TestAutoRegistrationOff: 1013 comes only after a right code, which is used up.
func TestAutoRegistrationOff(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(func(s *tenant.OneAccessSettings) { s.AutoRegister = false })})
	code := w.ask(t, phone, core.PurposeLogin, here)
	_, err := w.enter(t, phone, wrongOf(code), here)
	wantKind(t, err, core.KindWrongCode)
	_, err = w.enter(t, phone, code, here)
	wantField(t, err, core.KindNotFound, "user")
	_, err = w.enter(t, phone, code, here)
	wantKind(t, err, core.KindWrongCode)
	if rows := w.rows(); len(rows.Users)+len(rows.Sessions) != 0 {
		t.Errorf("%d users, %d sessions", len(rows.Users), len(rows.Sessions))
	}
}

// TestRegister: contracts/oneaccess.md §6; what a person says of oneself is
// sealed.
func TestRegister(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	register := func(code core.Code) (SignedIn, error) {
		return w.Register(t.Context(), w.request(phone, code, here), account.Profile{UserName: "lihua", Name: "李华", Email: "lihua@example.com"})
	}
	code := w.ask(t, phone, core.PurposeRegister, here)
	in, err := register(code)
	wantOK(t, err)
	if in.Life != 43200*time.Second || !in.New || in.Person.UserName() != "lihua" || in.Person.Name() != "李华" {
		t.Errorf("%+v", in)
	}
	for _, p := range w.rows().Profiles {
		if bytes.Contains(p.Body, []byte("lihua")) || bytes.Contains(p.Body, []byte("李华")) {
			t.Error("a profile in the clear")
		}
	}
	if again := w.signInFrom(t, here); again.Person.Profile.Email != "lihua@example.com" {
		t.Errorf("%+v", again.Person)
	}
	code = w.ask(t, phone, core.PurposeRegister, here)
	_, err = register(wrongOf(code))
	wantKind(t, err, core.KindWrongCode)
	_, err = register(code)
	wantField(t, err, core.KindConflict, "mobile")
}

// TestDisabledUser: a right code of a user who may not log in.
func TestDisabledUser(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	user := w.signInFrom(t, here).Person.User
	w.do(t, &commandFunc{decide: func(b *store.Batch) { b.Profiles.Put(user, store.Profile{User: user, Tenant: 1, Disabled: true}) }})
	if in := w.signInFrom(t, here); in.Status != SignInDenied || !in.Token.IsZero() {
		t.Errorf("%+v", in)
	}
	if n := len(w.rows().Sessions); n != 1 { // the one from before; whoever disables ends it
		t.Errorf("%d sessions", n)
	}
}

type commandFunc struct {
	decide func(*store.Batch)
}

func (c *commandFunc) Want(*store.Batch)           {}
func (c *commandFunc) Decide(b *store.Batch) error { c.decide(b); return nil }

// TestSecondStep: contracts/oneaccess.md §5, when an app wants it and how a step
// ends.
func TestSecondStep(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(func(s *tenant.OneAccessSettings) { s.SecondSMS = tenant.SecondNewDevice })})
	if in := w.signInFrom(t, here); in.Status != SignInSuccess {
		t.Fatalf("the device of the registration: %+v", in)
	}
	if in := w.signInFrom(t, here); in.Status != SignInSuccess {
		t.Fatalf("a known device: %+v", in)
	}
	in := w.signInFrom(t, there)
	if in.Status != SignInMFA || !in.Token.IsZero() || len(in.Step) != 32 {
		t.Fatalf("a new device: %+v", in)
	}
	step := account.Step{Key: account.SessionKeyOf(in.Step), Person: in.Person}
	second := func(p core.Phone, code core.Code, device string) (SignedIn, error) {
		return w.SecondStep(t.Context(), w.request(p, code, device), step)
	}
	code := w.ask(t, phone, core.PurposeMFA, there)
	_, err := second(other, code, there)
	wantField(t, err, core.KindConflict, "mobile")
	_, err = second(phone, wrongOf(code), there)
	wantKind(t, err, core.KindWrongCode)
	_, err = second(phone, code, here)
	wantField(t, err, core.KindUnauthenticated, "state_token")
	done, err := second(phone, code, there)
	wantOK(t, err)
	if done.Status != SignInSuccess || done.Person.User != in.Person.User || len(done.Token.Reveal()) != 32 {
		t.Errorf("%+v", done)
	}
	_, err = second(phone, w.ask(t, phone, core.PurposeMFA, there), there)
	wantField(t, err, core.KindUnauthenticated, "state_token") // it ended with its code
	if in := w.signInFrom(t, there); in.Status != SignInSuccess {
		t.Errorf("the device is known now: %+v", in)
	}
	w.app.OneAccess.SecondSMS = tenant.SecondAlways
	in = w.signInFrom(t, here)
	step.Key = account.SessionKeyOf(in.Step)
	w.clock.advance(StepLife)
	_, err = second(phone, w.ask(t, phone, core.PurposeMFA, here), here)
	wantField(t, err, core.KindUnauthenticated, "state_token")
	w.clock.advance(90 * 24 * time.Hour)
	w.app.OneAccess.SecondSMS, w.app.OneAccess.RecycledDays = tenant.SecondNewDevice, 0
	if in := w.signInFrom(t, there); in.Status != SignInMFA {
		t.Errorf("a device that was not seen for 90 days: %+v", in)
	}
}

// TestReq45_RecycledNumbers: a number that nobody used for 90 days does not
// simply open the old account.
func TestReq45_RecycledNumbers(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy tenant.RecycledPolicy
		days   int
		after  int
		device string
		same   bool // the old user; else a new one
		ends   bool // the old sessions
	}{
		{"day 89, another device", tenant.RecycledStepUp, 90, 89, there, true, false},
		{"day 91, the old device", tenant.RecycledStepUp, 90, 91, here, true, true},
		{"day 91, another device", tenant.RecycledStepUp, 90, 91, there, false, true},
		{"day 89, new user wanted", tenant.RecycledNewUser, 90, 89, here, true, false},
		{"day 91, new user wanted", tenant.RecycledNewUser, 90, 91, here, false, true},
		{"day 400, never", tenant.RecycledNewUser, 0, 400, there, true, false},
		{"day 31 of 30", tenant.RecycledStepUp, 30, 31, there, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{edit: oneAccess(func(s *tenant.OneAccessSettings) {
				s.Recycled, s.RecycledDays, s.SessionSeconds = c.policy, c.days, 366*24*3600
			})})
			first := w.signInFrom(t, here)
			w.clock.advance(time.Duration(c.after) * 24 * time.Hour)
			in := w.signInFrom(t, c.device)
			rows := w.rows()
			_, lives := rows.Sessions[account.SessionKeyOf(first.Token.Reveal())]
			if same := in.Person.User == first.Person.User; same != c.same || in.New == c.same || lives == c.ends {
				t.Errorf("the same user %v, new %v; the old session lives %v", same, in.New, lives)
			}
			if again := w.signInFrom(t, c.device); again.Person.User != in.Person.User {
				t.Error("the next login is another user's")
			}
			for _, u := range rows.Users { // a number opens: no row is broken
				index, err := account.IndexOf(w.ring, u.Phone)
				wantOK(t, err)
				if index.A != u.Index.A || index.B != u.Index.B {
					t.Errorf("user %d: the index is not of what is sealed", u.ID)
				}
			}
			if w.events()[store.LoginRecycled] != map[bool]int{true: 0, false: 1}[c.same] {
				t.Errorf("events %v", w.events())
			}
		})
	}
}

// TestTestNumberSignsIn: contracts/README.md §8.
func TestTestNumberSignsIn(t *testing.T) {
	w := newWorld(t, setting{edit: func(a *tenant.App) {
		oneAccess(func(s *tenant.OneAccessSettings) { s.SecondSMS = tenant.SecondAlways })(a)
		a.TestNumbers = []tenant.TestNumber{{Literal: "12345678901", Code: "232326"}}
	}})
	r := SignInRequest{App: w.app, Literal: "12345678901", Code: core.CodeFromDigits("232325"), Fingerprint: here}
	for range 30 { // nothing is counted
		_, err := w.SignIn(t.Context(), r)
		wantKind(t, err, core.KindWrongCode)
	}
	r.Code = core.CodeFromDigits("232326")
	in, err := w.SignIn(t.Context(), r)
	wantOK(t, err)
	done, err := w.SecondStep(t.Context(), r, account.Step{Key: account.SessionKeyOf(in.Step), Person: in.Person})
	wantOK(t, err)
	if done.Status != SignInSuccess || done.Person.Mobile() != "12345678901" || done.Person.Name() != "123****8901" {
		t.Errorf("%+v", done)
	}
	for _, u := range w.rows().Users {
		if !u.Test {
			t.Error("the user is not flagged")
		}
	}
	wantOK(t, w.Confirm(t.Context(), ConfirmRequest{App: w.app, Literal: "12345678901", Purpose: core.PurposeBind, Code: r.Code}))
	if w.phones.count() != 0 {
		t.Error("something was sent")
	}
}

// TestFaultsOfSignIn: the code, the user and the session are one commit in both
// directions, and nobody is told of a session before it is on disk.
func TestFaultsOfSignIn(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			f := &storetest.Faulty{}
			w := newWorld(t, setting{wrap: func(e store.Engine) store.Engine { f.Engine = e; return f }, edit: oneAccess(nil)})
			code := w.ask(t, phone, core.PurposeLogin, here)
			f.Inject(c.fault)
			in, err := w.enter(t, phone, code, here)
			wantKind(t, err, core.KindInternal)
			n := 0
			if c.kept {
				n = 1
			}
			if rows := w.rows(); !in.Token.IsZero() || len(rows.Users) != n || len(rows.Sessions) != n || len(rows.Logins) != n {
				t.Errorf("%d users, %d sessions, %d events, want %d of each; %+v", len(rows.Users), len(rows.Sessions), len(rows.Logins), n, in)
			}
			_, err = w.enter(t, phone, code, here)
			if c.kept {
				wantKind(t, err, core.KindWrongCode) // it is used
			} else {
				wantOK(t, err)
			}
			w.signInFrom(t, here)
		})
	}
}

// TestReq03_OneSession: of many parallel right answers one gets a session.
func TestReq03_OneSession(t *testing.T) {
	w := newWorld(t, setting{edit: oneAccess(nil)})
	code := w.ask(t, phone, core.PurposeLogin, here)
	var all sync.WaitGroup
	var mu sync.Mutex
	tokens := 0
	for range 100 {
		all.Go(func() {
			in, err := w.enter(t, phone, code, here)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && !in.Token.IsZero() {
				tokens++
			} else if !errors.Is(err, core.E(core.KindWrongCode, "")) {
				t.Errorf("%+v, %v", in, err)
			}
		})
	}
	all.Wait()
	if rows := w.rows(); tokens != 1 || len(rows.Sessions) != 1 || len(rows.Users) != 1 {
		t.Errorf("%d tokens, %d sessions, %d users", tokens, len(rows.Sessions), len(rows.Users))
	}
}
