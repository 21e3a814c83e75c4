package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// SetOneAccess makes an app's client of the oneaccess dialect, or changes it. A new
// secret is shown this once.
func (c *Client) SetOneAccess(ctx context.Context, id core.AppID, p tenant.OneAccessPatch) (api.AppWithOneAccess, error) {
	return do[api.AppWithOneAccess](ctx, c, call{method: http.MethodPost, path: appPath(id, "/oneaccess"), body: p})
}

// Subscribe gives a tenant an app behind an ISV app's client id.
func (c *Client) Subscribe(ctx context.Context, template core.AppID, s tenant.Subscription) (tenant.AppView, error) {
	return do[tenant.AppView](ctx, c, call{method: http.MethodPost, path: appPath(template, "/oneaccess/subscribe"), body: s})
}

// RotateAppSigningKey makes a new key of an app's id tokens; the old one is
// published for overlap at least.
func (c *Client) RotateAppSigningKey(ctx context.Context, id core.AppID, overlap time.Duration) (kid string, err error) {
	made, err := do[api.SigningKey](ctx, c, call{method: http.MethodPost, path: appPath(id, "/oneaccess/rotate-signing-key"),
		body: api.SigningRotation{Overlap: int(overlap / time.Second)}})
	return made.KeyID, err
}

// ImportOneAccess takes clients, keys and users over, or with dryRun only checks
// the file. The report is set also with an error about it.
func (c *Client) ImportOneAccess(ctx context.Context, id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
	what := call{method: http.MethodPost, path: appPath(id, "/import/oneaccess"), stream: file}
	if dryRun {
		what.query = url.Values{"dry_run": {"true"}}
	}
	return do[tenant.ImportReport](ctx, c, what)
}
