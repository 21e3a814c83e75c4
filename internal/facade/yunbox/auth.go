package yunbox

import (
	"context"
	"slices"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// keyHeader carries the key of requests without a body (contracts/yunbox.md §7).
const keyHeader = "X-Api-Key"

// key is the body's key member. Missing, null, empty and of another type are
// one thing (contracts/yunbox.md §1).
func key(x *facade.Exchange) (string, error) {
	text, ok := x.Object.Get("key").Text()
	if !ok || text == "" {
		return "", core.Field(core.KindMissingField, "key")
	}
	return text, nil
}

// authenticate finds the app of a key. Failures are counted per source
// address, and one address too many is refused before the key is looked up
// (contracts/README.md §3.3). Errors: KindRateLimited, KindUnauthenticated.
func (d *dialect) authenticate(ctx context.Context, x *facade.Exchange, key string) (*tenant.App, error) {
	var space [2]guard.Bucket
	failures := d.Rules.AuthFailed.ForIP(space[:0], d.Subjects, x.Source, 0)
	if err := d.peek(ctx, failures); err != nil {
		return nil, err
	}
	app, ok := d.Apps.AppByKey(tenant.DialectYunbox, key)
	if !ok || app.Disabled || !app.Uses(tenant.DialectYunbox) || !app.Allows(x.Source) {
		if err := d.take(ctx, failures); err != nil {
			return nil, err
		}
		return nil, core.E(core.KindUnauthenticated, "key, app or address")
	}
	x.Event.App = app.ID
	return app, nil
}

// peek refuses when one more event would be too many, and counts nothing.
func (d *dialect) peek(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Room(ctx, d.Limiter, d.Now(), buckets)
}

// take counts one event, or refuses.
func (d *dialect) take(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Count(ctx, d.Limiter, d.Now(), buckets)
}

// checkUserID refuses a yb_uid of wrong syntax (contracts/yunbox.md §1.1). app
// is the caller's, nil before it is known; ids issued elsewhere count where an
// app has imported users.
func (d *dialect) checkUserID(uid string, app *tenant.App) error {
	if account.ValidUserID(uid, false) || account.ValidUserID(uid, true) && d.imports(app) {
		return nil
	}
	return core.E(core.KindInvalidID, "uid")
}

// checkIDs is checkUserID for a yb_uid and a device_id.
func (d *dialect) checkIDs(uid, device string, app *tenant.App) error {
	if err := d.checkUserID(uid, app); err != nil {
		return err
	}
	if account.ValidDeviceID(device, false) || account.ValidDeviceID(device, true) && d.imports(app) {
		return nil
	}
	return core.E(core.KindInvalidID, "device id")
}

// imports tells whether the app, or when none is known any app, has users with
// ids issued elsewhere.
func (d *dialect) imports(app *tenant.App) bool {
	if app != nil {
		return app.ImportedUsers
	}
	return slices.ContainsFunc(d.Apps.Apps(), func(a *tenant.App) bool { return a.ImportedUsers })
}
