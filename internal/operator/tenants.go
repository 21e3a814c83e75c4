package operator

import (
	"context"
	"math"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

func (o *operator) listTenants(ctx context.Context, x *facade.Exchange) error {
	tenants, err := o.Admin.Tenants(ctx)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.Tenants{Tenants: tenants})
}

func (o *operator) createTenant(ctx context.Context, x *facade.Exchange) error {
	var body api.NewTenant
	if _, err := decode(x, &body); err != nil {
		return err
	}
	view, err := o.Admin.CreateTenant(ctx, by(x), body.Name)
	if err != nil {
		return err
	}
	return reply(x, http.StatusCreated, view)
}

func (o *operator) showTenant(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "tenant")
	if err != nil {
		return err
	}
	view, err := o.Admin.Tenant(ctx, core.TenantID(id))
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, view)
}

func (o *operator) listApps(ctx context.Context, x *facade.Exchange) error {
	values, err := query(x, "tenant")
	if err != nil {
		return err
	}
	id, err := number(values, "tenant", math.MaxUint32)
	if err != nil {
		return err
	}
	apps, err := o.Admin.ListApps(ctx, core.TenantID(id))
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.Apps{Apps: apps})
}

func (o *operator) createApp(ctx context.Context, x *facade.Exchange) error {
	var spec tenant.Spec
	if _, err := decode(x, &spec); err != nil {
		return err
	}
	if spec.Settings.Name != nil {
		return &core.Error{Kind: core.KindBadField, Field: "settings.name", Detail: "the name stands beside the settings"}
	}
	if err := o.checkCallback(ctx, spec.Settings.CallbackURL); err != nil {
		return err
	}
	view, key, err := o.Admin.CreateApp(ctx, by(x), spec)
	if err != nil {
		return err
	}
	return reply(x, http.StatusCreated, api.AppWithKey{App: view, Key: key.Reveal()})
}

func (o *operator) showApp(ctx context.Context, x *facade.Exchange) error {
	return o.withApp(x, func(id core.AppID) (tenant.AppView, error) { return o.Admin.ShowApp(ctx, id) })
}

func (o *operator) updateApp(ctx context.Context, x *facade.Exchange) error {
	return o.withApp(x, func(id core.AppID) (tenant.AppView, error) {
		var patch tenant.Patch
		if _, err := decode(x, &patch); err != nil {
			return tenant.AppView{}, err
		}
		if err := o.checkCallback(ctx, patch.CallbackURL); err != nil {
			return tenant.AppView{}, err
		}
		return o.Admin.UpdateApp(ctx, by(x), id, patch)
	})
}

// checkCallback calls a URL that is to be set. The call is made before the
// change: nothing may lie between reading and writing an app.
func (o *operator) checkCallback(ctx context.Context, url *string) error {
	if url == nil || *url == "" || o.CheckCallback == nil {
		return nil
	}
	return o.CheckCallback(ctx, *url)
}

func (o *operator) rotateKey(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var body api.Rotation
	if _, err := decode(x, &body); err != nil {
		return err
	}
	var rotation tenant.Rotation
	if body.OldValidUntil != nil {
		rotation.OldValidUntil = *body.OldValidUntil
	}
	view, key, err := o.Admin.RotateKey(ctx, by(x), core.AppID(id), rotation)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.AppWithKey{App: view, Key: key.Reveal()})
}

func (o *operator) disableApp(ctx context.Context, x *facade.Exchange) error {
	return o.withApp(x, func(id core.AppID) (tenant.AppView, error) { return o.Admin.DisableApp(ctx, by(x), id) })
}

func (o *operator) enableApp(ctx context.Context, x *facade.Exchange) error {
	return o.withApp(x, func(id core.AppID) (tenant.AppView, error) { return o.Admin.EnableApp(ctx, by(x), id) })
}

// withApp answers with what f makes of the app in the path.
func (o *operator) withApp(x *facade.Exchange, f func(core.AppID) (tenant.AppView, error)) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	view, err := f(core.AppID(id))
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, view)
}

// pageSize of the audit list where the caller names none.
const pageSize = 50

func (o *operator) audit(ctx context.Context, x *facade.Exchange) error {
	values, err := query(x, "before", "limit")
	if err != nil {
		return err
	}
	before, err := number(values, "before", math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 500)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = pageSize
	}
	entries, err := o.Admin.Audits(ctx, int64(before), int(limit))
	if err != nil {
		return err
	}
	page := api.Audit{Entries: entries}
	if len(entries) == int(limit) {
		page.Before = entries[len(entries)-1].ID
	}
	return reply(x, http.StatusOK, page)
}
