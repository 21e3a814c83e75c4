package yunbox

import (
	"context"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// listed is how many devices GET shows (contracts/yunbox.md §7).
const listed = 10

// createDevice makes a device (contracts/yunbox.md §6).
func (d *dialect) createDevice(ctx context.Context, x *facade.Exchange) error {
	if err := x.ReadObject(); err != nil {
		return err
	}
	secret, err := key(x)
	if err != nil {
		return err
	}
	app, err := d.authenticate(ctx, x, secret)
	if err != nil {
		return err
	}
	uid := x.Param("uid")
	if err := d.checkUserID(uid, app); err != nil {
		return err
	}
	user, err := d.Users.Resolve(ctx, uid, app.ID, app.ImportedUsers)
	if err != nil {
		return err
	}
	id, err := d.limitedCreate(ctx, app, user.ID)
	if err != nil {
		return err
	}
	x.Out = appendOK(x.Out, "device_id", id)
	return nil
}

// limitedCreate holds the user to the rule of new devices; what is refused
// afterwards gives its unit back (contracts/README.md §6).
func (d *dialect) limitedCreate(ctx context.Context, app *tenant.App, user core.UserID) (string, error) {
	var space [1]guard.Bucket
	buckets := app.Limits.DevicesUser.For(space[:0], d.Subjects, uint64(user), uint32(app.ID))
	if len(buckets) == 0 {
		return d.Devices.Create(ctx, app, user)
	}
	taken, err := d.Limiter.Take(ctx, d.Now(), buckets)
	if err != nil {
		return "", err
	}
	id, err := d.Devices.Create(ctx, app, user)
	if err != nil {
		d.Limiter.GiveBack(ctx, taken)
	}
	return id, err
}

// listDevices shows the newest devices (contracts/yunbox.md §7).
func (d *dialect) listDevices(ctx context.Context, x *facade.Exchange) error {
	uid := x.Param("uid")
	if err := d.checkUserID(uid, nil); err != nil {
		return err
	}
	misses, err := d.limitList(ctx, x)
	if err != nil {
		return err
	}
	user, err := d.userOfList(ctx, x, uid)
	if core.KindOf(err) == core.KindNotFound {
		if limited := d.take(ctx, misses); limited != nil {
			return limited
		}
	}
	if err != nil {
		return err
	}
	ids, err := d.Devices.List(ctx, user.ID, user.App, listed)
	if err != nil {
		return err
	}
	appendDevices(x, ids)
	return nil
}

// limitList counts a call, and gives the buckets of calls that name nobody.
func (d *dialect) limitList(ctx context.Context, x *facade.Exchange) (misses []guard.Bucket, err error) {
	misses = d.Rules.GetDevicesMiss.ForIP(nil, d.Subjects, x.Source, 0)
	if err := d.peek(ctx, misses); err != nil {
		return nil, err
	}
	var space [2]guard.Bucket
	return misses, d.take(ctx, d.Rules.GetDevices.ForIP(space[:0], d.Subjects, x.Source, 0))
}

// userOfList finds the user whose devices are asked for: with a key, one of
// its app; without, one of an app that asks for none.
func (d *dialect) userOfList(ctx context.Context, x *facade.Exchange, uid string) (account.User, error) {
	if secret := x.Request.Header.Get(keyHeader); secret != "" {
		app, err := d.authenticate(ctx, x, secret)
		if err != nil {
			return account.User{}, err
		}
		return d.Users.Resolve(ctx, uid, app.ID, app.ImportedUsers)
	}
	user, err := d.Users.Resolve(ctx, uid, 0, d.imports(nil))
	if err != nil {
		return account.User{}, err
	}
	app, ok := d.Apps.App(user.App)
	if !ok || app.Disabled || !app.Uses(tenant.DialectYunbox) {
		return account.User{}, core.E(core.KindNotFound, "the user's app is not served")
	}
	x.Event.App = app.ID
	if app.RequireKeyOnGet {
		return account.User{}, core.Field(core.KindMissingField, keyHeader)
	}
	return user, nil
}

func appendDevices(x *facade.Exchange, ids []string) {
	x.Out = append(x.Out, `{"status":"ok","device_ids":[`...)
	for i, id := range ids {
		if i > 0 {
			x.Out = append(x.Out, ',')
		}
		x.Out = facade.AppendString(x.Out, id)
	}
	x.Out = append(x.Out, `]}`...)
}
