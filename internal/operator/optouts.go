package operator

import (
	"context"
	"net/http"
	"strconv"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// OptOuts is who wants no marketing (dispatch.OptOuts).
type OptOuts interface {
	// OptIn takes an opt-out back, and tells whether there was one.
	OptIn(ctx context.Context, app *tenant.App, signature string, phone core.Phone) (was bool, err error)
}

func (o *operator) optOutRoutes() []facade.Route {
	return []facade.Route{
		{Name: "optout-list", Method: http.MethodGet, Path: "/admin/apps/{app}/opt-outs", Handle: o.listOptOuts},
		{Name: "optout-remove", Method: http.MethodPost, Path: "/admin/apps/{app}/opt-outs/remove", Handle: o.removeOptOut},
	}
}

func (o *operator) appOfPath(x *facade.Exchange) (*tenant.App, error) {
	id, err := pathID(x, "app")
	if err != nil {
		return nil, err
	}
	app, known := o.Directory.App(core.AppID(id))
	if !known {
		return nil, core.E(core.KindNotFound, "no such app")
	}
	return app, nil
}

// listOptOuts lists numbers, masked. An opt-out is about a signature of a
// tenant, whichever of its apps sent the message.
func (o *operator) listOptOuts(ctx context.Context, x *facade.Exchange) error {
	app, err := o.appOfPath(x)
	if err != nil {
		return err
	}
	before, limit, err := page(x)
	if err != nil {
		return err
	}
	var rows []records.OptOut
	err = o.Database.View(ctx, func(q store.SQL) (err error) {
		rows, err = records.OptOuts(ctx, q, app.Tenant, before, limit)
		return err
	})
	if err != nil {
		return err
	}
	found := api.OptOuts{OptOuts: make([]api.OptOut, 0, len(rows))}
	for _, row := range rows {
		masked := "unreadable"
		if phone, err := o.Ring.OpenPhone(row.Phone); err == nil {
			masked = phone.Masked()
		}
		found.OptOuts = append(found.OptOuts, api.OptOut{ID: strconv.FormatInt(row.ID, 10), App: row.App, Phone: masked, Signature: row.Signature, At: row.At.Time().UTC()})
	}
	if len(rows) == limit {
		found.Before = found.OptOuts[limit-1].ID
	}
	return reply(x, http.StatusOK, found)
}

// removeOptOut takes one back. The audit row is on disk before, with the number
// masked.
func (o *operator) removeOptOut(ctx context.Context, x *facade.Exchange) error {
	app, err := o.appOfPath(x)
	if err != nil {
		return err
	}
	var body api.OptOutRemoval
	if _, err := decode(x, &body); err != nil {
		return err
	}
	if body.Signature == "" {
		return core.Field(core.KindMissingField, "signature")
	}
	phone, err := guard.ParsePhone(body.Phone, guard.PhonePolicy{Countries: phonenumbers.GetSupportedRegions()})
	if err != nil {
		return err
	}
	if err := o.record(ctx, x, "optout.remove", app.ID, nil, map[string]string{"phone": phone.Masked(), "signature": body.Signature}); err != nil {
		return err
	}
	was, err := o.OptOuts.OptIn(ctx, app, body.Signature, phone)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.OptOutRemoved{Phone: phone.Masked(), Removed: was})
}
