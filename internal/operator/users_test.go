package operator

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

func (w *world) newUsers(ids *core.IDs, log *slog.Logger) *account.Sessions {
	return account.NewSessions(account.SessionOptions{Store: w.batcher, View: w.engine, Once: records.NewOnce(w.engine, w.clock.now), Ring: w.ring,
		Aliases: account.NewAliases(w.ring, w.engine), IDs: ids, Now: w.clock.now, Random: rand.Reader, Log: log})
}

// TestUserIsDisabled: an operator finds a user by number or id, sees what
// happened, and ends it; nothing of that shows the number.
func TestUserIsDisabled(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	number, err := account.RealNumber(w.ring, 1, core.PhoneFromE164("+8615200000000"))
	must(t, err)
	const user, login = core.UserID(77), core.LoginID(88)
	must(t, w.batcher.Do(ctx, &rows{func(b *store.Batch) {
		b.PutUser(store.User{ID: user, Tenant: 1, Index: number.Index, Phone: number.Sealed, LastLogin: b.Now})
		b.PutSession(store.Session{Key: account.SessionKeyOf("a token"), Kind: store.SessionOpen, Family: login, Tenant: 1, App: app.ID, User: user,
			AuthTime: b.Now, Expires: b.Now.Add(time.Hour)})
		b.Logins.Put(login, store.LoginEvent{ID: login, Tenant: 1, App: app.ID, User: user, Kind: store.LoginNew, Purpose: core.PurposeLogin, Code: 5, Family: login, Device: 255})
		b.Logins.Put(login-1, store.LoginEvent{ID: login - 1, Tenant: 1, App: app.ID, User: user, Kind: store.LoginWrong, Purpose: core.PurposeLogin, Code: 5})
	}}))
	u, err := w.User(ctx, app.ID, api.UserName{Phone: "+8615200000000"})
	if err != nil || len(u.ID) != 27 || u.ID[0] != 'u' || u.Phone != "152****0000" || u.Disabled || u.Sessions != 1 || len(u.Logins) != 2 ||
		u.Logins[0].Kind != "register" || u.Logins[0].Session != "88" || u.Logins[0].Device != "00000000000000ff" || u.Logins[1].Kind != "wrong_code" {
		t.Fatalf("%+v, %v", u, err)
	}
	page, err := w.User(ctx, app.ID, api.UserName{ID: u.ID, Limit: 1})
	if err != nil || len(page.Logins) != 1 || page.Before != "88" {
		t.Errorf("%+v, %v", page, err)
	}
	page, err = w.User(ctx, app.ID, api.UserName{ID: "yb" + u.ID[1:], Limit: 1, Before: page.Before})
	if err != nil || len(page.Logins) != 1 || page.Logins[0].Kind != "wrong_code" {
		t.Errorf("%+v, %v", page, err)
	}
	off, err := w.DisableUser(ctx, app.ID, api.UserName{ID: u.ID})
	if err != nil || !off.Disabled || off.Sessions != 0 || off.Ended == nil || *off.Ended != 1 || w.count(t, "user.disable") != 1 {
		t.Errorf("%+v, %v", off, err)
	}
	on, err := w.EnableUser(ctx, app.ID, api.UserName{Phone: "+8615200000000"})
	if err != nil || on.Disabled || *on.Ended != 0 {
		t.Errorf("%+v, %v", on, err)
	}
	if out, err := w.LogOutUser(ctx, app.ID, api.UserName{ID: u.ID}); err != nil || *out.Ended != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	u, err = w.User(ctx, app.ID, api.UserName{ID: u.ID})
	if err != nil || len(u.Logins) != 3 || u.Logins[0].Kind != "revoked" {
		t.Errorf("%+v, %v", u, err)
	}
	for body, code := range map[string]string{
		`{"phone":"+8615200000001"}`:                 "not_found",
		`{"id":"u00000000000000000000000000"}`:       "not_found",
		`{"id":"no id"}`:                             "invalid_id",
		`{}`:                                         "bad_field",
		`{"id":"x","phone":"+8615200000000"}`:        "bad_field",
		`{"phone":"+8615200000000","before":"x"}`:    "bad_field",
		`{"phone":"+8615200000000","limit":501}`:     "bad_field",
		`{"phone":"+8615200000000","something":"x"}`: "bad_field",
	} {
		if answer, text := w.call(t, http.MethodPost, "/admin/apps/1/user/show", body); answer.StatusCode < 400 || !strings.Contains(text, `"`+code+`"`) {
			t.Errorf("%s: %d %s, want %s", body, answer.StatusCode, text, code)
		}
	}
	if strings.Contains(w.log.String(), "15200000000") {
		t.Error("the log has the number")
	}
}
