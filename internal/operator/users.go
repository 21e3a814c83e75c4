package operator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Users are the users with sessions (account.Sessions).
type Users interface {
	UserNamed(ctx context.Context, app *tenant.App, text string) (core.UserID, error)
	UserOfNumber(ctx context.Context, app *tenant.App, phone core.Phone) (core.UserID, error)
	Standing(ctx context.Context, app *tenant.App, user core.UserID) (account.Standing, error)
	Logins(ctx context.Context, user core.UserID, before core.LoginID, limit int) ([]store.LoginEvent, error)
	SetDisabled(ctx context.Context, app *tenant.App, user core.UserID, disabled bool) (ended int, err error)
	EndAll(ctx context.Context, app *tenant.App, user core.UserID) (ended int, err error)
}

// userRoutes name users in the body, never in the URL (requirement row 15).
func (o *operator) userRoutes() []facade.Route {
	return []facade.Route{
		{Name: "user-show", Method: http.MethodPost, Path: "/admin/apps/{app}/user/show", Handle: o.showUser},
		{Name: "user-disable", Method: http.MethodPost, Path: "/admin/apps/{app}/user/disable", Handle: o.disableUser},
		{Name: "user-enable", Method: http.MethodPost, Path: "/admin/apps/{app}/user/enable", Handle: o.enableUser},
		{Name: "user-logout", Method: http.MethodPost, Path: "/admin/apps/{app}/user/logout", Handle: o.logOutUser},
	}
}

// Pages of what happened to a user.
const (
	fewLogins  = 50
	mostLogins = 500
)

func (o *operator) showUser(ctx context.Context, x *facade.Exchange) error {
	app, user, r, err := o.userOf(ctx, x)
	if err != nil {
		return err
	}
	var before uint64
	if r.Before != "" {
		if before, err = strconv.ParseUint(r.Before, 10, 63); err != nil {
			return core.Field(core.KindBadField, "before")
		}
	}
	if r.Limit < 0 || r.Limit > mostLogins {
		return core.Field(core.KindBadField, "limit")
	}
	if r.Limit == 0 {
		r.Limit = fewLogins
	}
	view, err := o.viewUser(ctx, app, user)
	if err != nil {
		return err
	}
	events, err := o.Users.Logins(ctx, user, core.LoginID(before), r.Limit)
	if err != nil {
		return err
	}
	for _, e := range events {
		view.Logins = append(view.Logins, viewLogin(e))
	}
	if len(events) == r.Limit {
		view.Before = view.Logins[len(events)-1].ID
	}
	return reply(x, http.StatusOK, view)
}

func (o *operator) disableUser(ctx context.Context, x *facade.Exchange) error {
	return o.changeUser(ctx, x, "user.disable", func(app *tenant.App, user core.UserID) (int, error) { return o.Users.SetDisabled(ctx, app, user, true) })
}

func (o *operator) enableUser(ctx context.Context, x *facade.Exchange) error {
	return o.changeUser(ctx, x, "user.enable", func(app *tenant.App, user core.UserID) (int, error) {
		return o.Users.SetDisabled(ctx, app, user, false)
	})
}

func (o *operator) logOutUser(ctx context.Context, x *facade.Exchange) error {
	return o.changeUser(ctx, x, "user.logout", func(app *tenant.App, user core.UserID) (int, error) { return o.Users.EndAll(ctx, app, user) })
}

// changeUser records a change and makes it: the audit row is on disk before.
func (o *operator) changeUser(ctx context.Context, x *facade.Exchange, action string, change func(*tenant.App, core.UserID) (int, error)) error {
	app, user, _, err := o.userOf(ctx, x)
	if err != nil {
		return err
	}
	before, err := o.viewUser(ctx, app, user)
	if err != nil {
		return err
	}
	if err := o.record(ctx, x, action, app.ID, before, map[string]string{"user": before.ID}); err != nil {
		return err
	}
	ended, err := change(app, user)
	if err != nil {
		return err
	}
	after, err := o.viewUser(ctx, app, user)
	after.Ended = &ended
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, after)
}

// userOf reads which user of which app.
func (o *operator) userOf(ctx context.Context, x *facade.Exchange) (*tenant.App, core.UserID, api.UserName, error) {
	id, err := pathID(x, "app")
	if err != nil {
		return nil, 0, api.UserName{}, err
	}
	var r api.UserName
	if _, err := decode(x, &r); err != nil {
		return nil, 0, r, err
	}
	app, found := o.Directory.App(core.AppID(id))
	if !found {
		return nil, 0, r, core.E(core.KindNotFound, "no such app")
	}
	switch {
	case (r.ID == "") == (r.Phone == ""):
		return nil, 0, r, core.Field(core.KindBadField, "id")
	case r.ID != "":
		user, err := o.Users.UserNamed(ctx, app, r.ID)
		return app, user, r, err
	}
	phone, err := guard.ParsePhone(r.Phone, guard.PhonePolicy{Countries: phonenumbers.GetSupportedRegions()})
	if err != nil {
		return nil, 0, r, err
	}
	user, err := o.Users.UserOfNumber(ctx, app, phone)
	return app, user, r, err
}

func (o *operator) viewUser(ctx context.Context, app *tenant.App, user core.UserID) (api.User, error) {
	s, err := o.Users.Standing(ctx, app, user)
	if err != nil {
		return api.User{}, err
	}
	v := api.User{ID: s.Person.ID, Phone: s.Person.Phone.Masked(), Disabled: s.Disabled, Sessions: s.Sessions}
	if s.Person.Literal != "" {
		v.Phone = core.MaskNumber(s.Person.Literal)
	}
	if !s.LastLogin.IsZero() {
		at := s.LastLogin.UTC()
		v.LastLogin = &at
	}
	return v, nil
}

func viewLogin(e store.LoginEvent) api.Login {
	l := api.Login{ID: strconv.FormatInt(int64(e.ID), 10), At: core.IDTime(int64(e.ID)).UTC(), App: int64(e.App), Kind: e.Kind.String()}
	if e.Purpose != 0 {
		l.Purpose = e.Purpose.String()
	}
	if e.Code != 0 {
		l.Code = strconv.FormatInt(int64(e.Code), 10)
	}
	if e.Family != 0 {
		l.Session = strconv.FormatInt(int64(e.Family), 10)
	}
	if e.Device != 0 {
		l.Device = fmt.Sprintf("%016x", e.Device)
	}
	return l
}
