package verify

import (
	"context"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// bindingWorld is a world whose user of phone is logged in, here and there.
func bindingWorld(t *testing.T, edit func(*tenant.App)) (*world, ChangePhoneRequest, SignedIn) {
	t.Helper()
	engine := onDisk(t, t.TempDir())
	w := newWorld(t, setting{engine: engine, edit: func(a *tenant.App) {
		oneAccess(nil)(a)
		if edit != nil {
			edit(a)
		}
	}})
	elsewhere := w.signInFrom(t, there)
	in := w.signInFrom(t, here)
	return w, ChangePhoneRequest{App: w.app, Session: account.Session{Key: account.SessionKeyOf(in.Token.Reveal()), Family: w.familyOf(t, in), Tenant: 1,
		App: w.app.ID, User: in.Person.User, Device: account.DeviceHash(w.ring, w.app.ID, here), AuthTime: in.AuthTime}, Phone: other, Fingerprint: here}, elsewhere
}

func (w *world) familyOf(t *testing.T, in SignedIn) (family core.LoginID) {
	t.Helper()
	if rows := w.query(t, `SELECT family FROM session WHERE key_hash = $1`, keyOf(in)); len(rows) == 1 {
		family = core.LoginID(rows[0])
	}
	return family
}

func keyOf(in SignedIn) []byte {
	key := account.SessionKeyOf(in.Token.Reveal())
	return key[:]
}

// query reads one column of numbers.
func (w *world) query(t *testing.T, sql string, args ...any) (values []int64) {
	t.Helper()
	wantOK(t, w.engine.View(t.Context(), func(q store.SQL) error {
		return q.Query(context.Background(), sql, func(r store.Scanner) error {
			var v int64
			err := r.Scan(&v)
			values = append(values, v)
			return err
		}, args...)
	}))
	return values
}

func (w *world) count(t *testing.T, sql string, args ...any) int64 {
	t.Helper()
	return w.query(t, "SELECT COUNT(*) FROM "+sql, args...)[0]
}

// isBound tells whose number is whose.
func (w *world) isBound(t *testing.T, p core.Phone, user core.UserID) bool {
	t.Helper()
	index := w.ring.Index(p).Lookup()
	found := w.query(t, `SELECT id FROM users WHERE idx_a = $1`, index[:])
	return len(found) == 1 && found[0] == int64(user)
}

// TestReq28_NumberChangeIsABinding: a fresh login and a code of the new number
// change it; the old number is told, and only this session goes on.
func TestReq28_NumberChangeIsABinding(t *testing.T) {
	for _, purpose := range []core.Purpose{core.PurposeUpdateMobile, core.PurposeBind} {
		w, r, elsewhere := bindingWorld(t, nil)
		r.Code = w.ask(t, other, purpose, here)
		sent, held := w.phones.count(), w.count(t, "ledger WHERE kind = 2")
		wantOK(t, w.ChangePhone(t.Context(), r))
		if !w.isBound(t, other, r.Session.User) || w.count(t, "users") != 1 {
			t.Error("the user does not have the number")
		}
		notice := w.phones.sent[len(w.phones.sent)-1]
		if w.phones.count() != sent+1 || notice.To != phone || !strings.Contains(notice.Text, "139****9000") || !strings.HasPrefix(notice.Text, "【Yanma】") {
			t.Errorf("the old number was not told: %+v", notice)
		}
		if w.count(t, "ledger WHERE kind = 2") != held+1 || w.count(t, "message WHERE state = 1 AND money = 1 AND template = 'number-changed'") != 1 {
			t.Error("the notice is not paid for, or not stored")
		}
		if w.count(t, "session WHERE key_hash = $1", keyOf(elsewhere)) != 0 || w.count(t, "session") != 1 {
			t.Error("another session goes on")
		}
		if w.count(t, "login_event WHERE kind = 12") != 1 {
			t.Error("no line in the audit")
		}
		wantKind(t, w.ChangePhone(t.Context(), r), core.KindWrongCode) // the code is used
		in, err := w.enter(t, phone, w.ask(t, phone, core.PurposeLogin, here), here)
		wantOK(t, err)
		if in.Person.User == r.Session.User {
			t.Error("the old number still opens the account")
		}
	}
}

// TestReq28_StolenSessionAlone can not change the number: not with an old login,
// not with a wrong code of the old number, not with one for something else.
func TestReq28_StolenSessionAlone(t *testing.T) {
	w, r, _ := bindingWorld(t, nil)
	w.clock.advance(10*time.Minute + 1)
	r.Code = w.ask(t, other, core.PurposeUpdateMobile, here)
	wantField(t, w.ChangePhone(t.Context(), r), core.KindMissingField, "old_verify_code")
	old := w.ask(t, phone, core.PurposeLogin, here)
	r.OldCode = old
	wantKind(t, w.ChangePhone(t.Context(), r), core.KindWrongCode)
	old = w.ask(t, phone, core.PurposeUpdateMobile, here)
	r.OldCode = wrongOf(old)
	wantKind(t, w.ChangePhone(t.Context(), r), core.KindWrongCode)
	if !w.isBound(t, phone, r.Session.User) {
		t.Fatal("the number was changed")
	}
	r.OldCode = old // the right one of the new number was not used up by all that
	good := r.Code
	r.Code = wrongOf(good)
	wantKind(t, w.ChangePhone(t.Context(), r), core.KindWrongCode)
	r.Code = good // nor the old one by this
	wantOK(t, w.ChangePhone(t.Context(), r))
	if !w.isBound(t, other, r.Session.User) {
		t.Error("the number was not changed")
	}
}

// TestReq28_Refusals: each leaves the user, the sessions and the money as they
// were.
func TestReq28_Refusals(t *testing.T) {
	w, r, elsewhere := bindingWorld(t, func(a *tenant.App) {
		a.SIMSwap = tenant.DefaultSIMSwap()
		a.SIMSwap.NumberChange = tenant.SIMSwapRequire
	})
	sims := &operator{signal: simswap.Swapped}
	w.sims = simswap.NewGuard(sims, quiet)
	r.Code = w.ask(t, other, core.PurposeUpdateMobile, here)
	err := w.ChangePhone(t.Context(), r)
	wantKind(t, err, core.KindLocked)
	if core.AsError(err).Field != simswap.Field {
		t.Errorf("%v", err)
	}
	sims.signal = simswap.Clear

	third := core.PhoneFromE164("+8613700137000")
	in, err := w.enter(t, third, w.ask(t, third, core.PurposeLogin, there), there)
	wantOK(t, err)
	taken := r
	taken.Phone = third
	taken.Code = wrongOf(w.ask(t, third, core.PurposeBind, here))
	wantKind(t, w.ChangePhone(t.Context(), taken), core.KindWrongCode) // before a right code nobody learns whose it is
	taken.Code = w.ask(t, third, core.PurposeBind, here)
	wantField(t, w.ChangePhone(t.Context(), taken), core.KindConflict, "mobile")
	own := r
	own.Phone, own.Code = phone, w.ask(t, phone, core.PurposeBind, here)
	wantField(t, w.ChangePhone(t.Context(), own), core.KindConflict, "mobile")

	ended := r
	ended.Session.Key = account.SessionKeyOf("of nobody")
	wantField(t, w.ChangePhone(t.Context(), ended), core.KindUnauthenticated, "session_token")

	poor := *w.app
	poor.ID, poor.SMSPrice = w.app.ID, plenty*2
	unpaid := r
	unpaid.App = &poor
	wantKind(t, w.ChangePhone(t.Context(), unpaid), core.KindInsufficientBalance)

	if !w.isBound(t, phone, r.Session.User) || !w.isBound(t, third, in.Person.User) || w.count(t, "session WHERE key_hash = $1", keyOf(elsewhere)) != 1 ||
		w.count(t, "message WHERE template = 'number-changed'") != 0 {
		t.Error("a refusal left something")
	}
	wantOK(t, w.ChangePhone(t.Context(), r)) // and used nothing up

	// Ten wrong tries lock the binding of a number.
	fourth := core.PhoneFromE164("+8613600136000")
	last := r
	last.Phone = fourth
	for range 2 {
		last.Code = wrongOf(w.ask(t, fourth, core.PurposeUpdateMobile, here))
		for range 5 {
			wantKind(t, w.ChangePhone(t.Context(), last), core.KindWrongCode)
		}
	}
	err = w.ChangePhone(t.Context(), last)
	wantKind(t, err, core.KindLocked)
	if core.AsError(err).RetryAfter != 15*time.Minute {
		t.Errorf("%v", err)
	}
}

// TestFaultsOfChangePhone: the number, the sessions and the notice are one
// commit in both directions; nothing is handed to a sender whose commit is
// unknown.
func TestFaultsOfChangePhone(t *testing.T) {
	f := &storetest.Faulty{Engine: onDisk(t, t.TempDir())}
	w := newWorld(t, setting{engine: f, edit: oneAccess(nil)})
	numbers := []core.Phone{phone, other, core.PhoneFromE164("+8613700137000"), core.PhoneFromE164("+8613600136000")}
	in := w.signInFrom(t, here)
	for i, c := range []struct {
		fault storetest.Fault
		kept  bool
	}{{storetest.FailWrite, false}, {storetest.FailCommitLost, false}, {storetest.FailCommitKept, true}} {
		elsewhere, err := w.enter(t, numbers[0], w.ask(t, numbers[0], core.PurposeLogin, there), there)
		wantOK(t, err)
		r := ChangePhoneRequest{App: w.app, Session: account.Session{Key: account.SessionKeyOf(in.Token.Reveal()), Family: w.familyOf(t, in), Tenant: 1,
			App: w.app.ID, User: in.Person.User, AuthTime: in.AuthTime}, Phone: numbers[i+1], Fingerprint: here}
		r.Code = w.ask(t, r.Phone, core.PurposeUpdateMobile, here)
		sent := w.phones.count()
		f.Inject(c.fault)
		wantKind(t, w.ChangePhone(t.Context(), r), core.KindInternal)
		lives := w.count(t, "session WHERE key_hash = $1", keyOf(elsewhere)) == 1
		if w.isBound(t, r.Phone, in.Person.User) != c.kept || lives == c.kept || w.phones.count() != sent ||
			(w.count(t, "message WHERE template = 'number-changed'") == 1) != c.kept {
			t.Errorf("fault %d: half of a change: the other session lives %v", i, lives)
		}
	}
}
