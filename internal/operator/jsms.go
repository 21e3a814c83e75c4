package operator

import (
	"context"
	"io"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

func (o *operator) rotateJSMS(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var body api.JSMSRotation
	if _, err := decode(x, &body); err != nil {
		return err
	}
	var rotation tenant.Rotation
	if body.OldValidUntil != nil {
		rotation.OldValidUntil = *body.OldValidUntil
	}
	of := tenant.DialectJSMS
	if body.Developer {
		of = tenant.DialectJSMSDeveloper
	}
	view, made, err := o.Admin.RotateJSMS(ctx, by(x), core.AppID(id), of, rotation)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.AppWithJSMS{App: view, Key: made.Name, Secret: made.Secret.Reveal()})
}

func (o *operator) importJSMS(ctx context.Context, x *facade.Exchange) error {
	return o.importLines(x, func(id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
		return o.Messages.ImportJSMS(ctx, by(x), id, o.Admin, file, dryRun)
	})
}
