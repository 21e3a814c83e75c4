package operator

import (
	"context"
	"io"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// oneAccessRoutes are what operators do with clients of the oneaccess dialect.
func (o *operator) oneAccessRoutes() []facade.Route {
	return []facade.Route{
		{Name: "app-oneaccess", Method: http.MethodPost, Path: "/admin/apps/{app}/oneaccess", Handle: o.setOneAccess},
		{Name: "app-subscribe", Method: http.MethodPost, Path: "/admin/apps/{app}/oneaccess/subscribe", Handle: o.subscribe},
		{Name: "app-rotate-signing-key", Method: http.MethodPost, Path: "/admin/apps/{app}/oneaccess/rotate-signing-key", Handle: o.rotateAppSigning},
		{Name: "app-import-oneaccess", Method: http.MethodPost, Path: "/admin/apps/{app}/import/oneaccess", Handle: o.importOneAccess},
	}
}

// setOneAccess makes an app's client, or changes it.
func (o *operator) setOneAccess(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var patch tenant.OneAccessPatch
	if _, err := decode(x, &patch); err != nil {
		return err
	}
	view, secret, err := o.Admin.SetOneAccess(ctx, by(x), core.AppID(id), patch)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.AppWithOneAccess{App: view, ClientID: view.Settings.OneAccess.ClientID, ClientSecret: secret.Reveal()})
}

// subscribe gives a tenant an app behind an ISV app's client id.
func (o *operator) subscribe(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var body tenant.Subscription
	if _, err := decode(x, &body); err != nil {
		return err
	}
	view, err := o.Admin.Subscribe(ctx, by(x), core.AppID(id), body)
	if err != nil {
		return err
	}
	return reply(x, http.StatusCreated, view)
}

// shortestKeyOverlap is longer than any id token lives (24 h), so that none is
// signed with a key that is not published any more (contracts/oneaccess.md §9).
const shortestKeyOverlap = 25 * time.Hour

// rotateAppSigning makes a new key of an app's id tokens.
func (o *operator) rotateAppSigning(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var body api.SigningRotation
	if _, err := decode(x, &body); err != nil {
		return err
	}
	overlap := time.Duration(body.Overlap) * time.Second
	if overlap < 0 || overlap > longestKeyOverlap {
		return core.Field(core.KindBadField, "overlap_seconds")
	}
	view, err := o.Admin.ShowApp(ctx, core.AppID(id))
	if err != nil {
		return err
	}
	if client := view.Settings.OneAccess; client == nil || client.TemplateOf != 0 {
		return core.E(core.KindConflict, "the app has no client of its own")
	}
	kid, err := o.Signing.Rotate(ctx, view.ID, max(overlap, shortestKeyOverlap))
	if err != nil {
		return err
	}
	made := api.SigningKey{KeyID: kid}
	err = o.Database.Update(ctx, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), "app.rotate_signing_key", "app "+x.Param("app"), nil, made)
	})
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, made)
}

// importOneAccess reads the body while it comes (docs/import.md).
func (o *operator) importOneAccess(ctx context.Context, x *facade.Exchange) error {
	return o.importUsers(ctx, x, func(id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
		return o.Admin.ImportOneAccess(ctx, by(x), id, file, dryRun, o.Signing)
	})
}
