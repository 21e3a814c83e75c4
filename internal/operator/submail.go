package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

func (o *operator) updateTenant(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "tenant")
	if err != nil {
		return err
	}
	var patch tenant.TenantPatch
	if _, err := decode(x, &patch); err != nil {
		return err
	}
	view, err := o.Admin.UpdateTenant(ctx, by(x), core.TenantID(id), patch)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, view)
}

func (o *operator) rotateSubmail(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var body api.SubmailRotation
	if _, err := decode(x, &body); err != nil {
		return err
	}
	var rotation tenant.Rotation
	if body.OldValidUntil != nil {
		rotation.OldValidUntil = *body.OldValidUntil
	}
	view, made, err := o.Admin.RotateSubmail(ctx, by(x), core.AppID(id), body.AppID, rotation)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.AppWithSubmail{App: view, AppID: made.AppID, AppKey: made.Key.Reveal()})
}

func (o *operator) revokeSubmail(ctx context.Context, x *facade.Exchange) error {
	return o.withApp(x, func(id core.AppID) (tenant.AppView, error) { return o.Admin.RevokeSubmail(ctx, by(x), id) })
}

func (o *operator) importSubmail(ctx context.Context, x *facade.Exchange) error {
	return o.importLines(x, func(id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
		return o.Admin.ImportSubmail(ctx, by(x), id, file, dryRun)
	})
}

// importLines takes a small file over, of which all is taken or nothing.
func (o *operator) importLines(x *facade.Exchange, take func(core.AppID, io.Reader, bool) (tenant.ImportReport, error)) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	values, err := query(x, "dry_run")
	if err != nil {
		return err
	}
	dryRun := values.Get("dry_run")
	if dryRun != "" && dryRun != "true" && dryRun != "false" {
		return &core.Error{Kind: core.KindBadField, Field: "dry_run", Detail: "want true or false"}
	}
	report, err := take(core.AppID(id), http.MaxBytesReader(nil, x.Request.Body, largestLines), dryRun == "true")
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return core.E(core.KindBodyTooLarge, "over 1 MiB: split the file")
	case err != nil:
		return err
	case report.Failed > 0:
		return reply(x, http.StatusUnprocessableEntity, api.ImportProblems{Report: report,
			Error: problem(x, "import_invalid", fmt.Sprintf("%d records are not valid. Nothing was imported.", report.Failed))})
	default:
		return reply(x, http.StatusOK, report)
	}
}

// largestLines is how large a file of credentials and templates may be.
const largestLines = 1 << 20
