package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// importCap is the most bytes of one import; a larger file is split.
const importCap = 128 << 20

// importYunbox takes keys, users and devices over (docs/import.md).
func (o *operator) importYunbox(ctx context.Context, x *facade.Exchange) error {
	return o.importUsers(ctx, x, func(id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
		return o.Admin.ImportYunbox(ctx, by(x), id, file, dryRun)
	})
}

// importUsers reads the body while it comes: it is lines of JSON, not one object.
func (o *operator) importUsers(ctx context.Context, x *facade.Exchange, take func(core.AppID, io.Reader, bool) (tenant.ImportReport, error)) error {
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
	if encoding := x.Request.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return core.E(core.KindMediaType, "Content-Encoding")
	}
	if x.Request.ContentLength > importCap {
		return tooLarge
	}
	liftDeadlines(ctx)
	body := http.MaxBytesReader(nil, x.Request.Body, importCap)
	report, err := take(core.AppID(id), body, dryRun == "true")
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge
	case err != nil && report.Applied:
		x.Event.Err = core.AsError(err)
		return reply(x, http.StatusInternalServerError, api.ImportProblems{Report: report,
			Error: problem(x, "import_incomplete", "The import broke off. Run it again: what was taken over stays as it is.")})
	case err != nil && core.KindOf(err) == core.KindInternal:
		return core.Wrap(core.KindMalformed, err, "the body broke off")
	case err != nil:
		return err
	case report.Failed > 0 && !report.Applied:
		return reply(x, http.StatusUnprocessableEntity, api.ImportProblems{Report: report,
			Error: problem(x, "import_invalid", fmt.Sprintf("%d records are not valid. Nothing was imported.", report.Failed))})
	default:
		return reply(x, http.StatusOK, report)
	}
}

type connectionKey struct{}

// withConnection lets a handler reach the connection's deadlines.
func withConnection(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), connectionKey{}, http.NewResponseController(w))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// liftDeadlines lets a request take longer than the listener allows: half a
// million users take minutes. It is called for callers with the token only. A
// connection that has no deadlines is as good.
func liftDeadlines(ctx context.Context) {
	if c, ok := ctx.Value(connectionKey{}).(*http.ResponseController); ok {
		_ = c.SetReadDeadline(time.Time{})
		_ = c.SetWriteDeadline(time.Time{})
	}
}

var tooLarge = core.E(core.KindBodyTooLarge, "over 128 MiB: split the file")

func problem(x *facade.Exchange, code, message string) api.Problem {
	x.Event.Code = code
	return api.Problem{Code: code, Message: message}
}
