package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// RotateJSMS makes a new masterSecret, and the first time an appKey; or the
// developer's.
func (c *Client) RotateJSMS(ctx context.Context, id core.AppID, r api.JSMSRotation) (api.AppWithJSMS, error) {
	return do[api.AppWithJSMS](ctx, c, call{method: http.MethodPost, path: appPath(id, "/jsms/rotate-key"), body: r})
}

// ImportJSMS takes pairs, templates and signatures over.
func (c *Client) ImportJSMS(ctx context.Context, id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
	what := call{method: http.MethodPost, path: appPath(id, "/import/jsms"), stream: file}
	if dryRun {
		what.query = url.Values{"dry_run": {"true"}}
	}
	return do[tenant.ImportReport](ctx, c, what)
}
