package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// UpdateTenant changes what a tenant may do.
func (c *Client) UpdateTenant(ctx context.Context, id core.TenantID, p tenant.TenantPatch) (tenant.TenantView, error) {
	return do[tenant.TenantView](ctx, c, call{method: http.MethodPatch, path: "/admin/tenants/" + strconv.FormatUint(uint64(id), 10), body: p})
}

// RotateSubmail makes a new appkey, and the first time an appid.
func (c *Client) RotateSubmail(ctx context.Context, id core.AppID, r api.SubmailRotation) (api.AppWithSubmail, error) {
	return do[api.AppWithSubmail](ctx, c, call{method: http.MethodPost, path: appPath(id, "/submail/rotate-key"), body: r})
}

// RevokeSubmail ends every appkey of an app.
func (c *Client) RevokeSubmail(ctx context.Context, id core.AppID) (tenant.AppView, error) {
	return do[tenant.AppView](ctx, c, call{method: http.MethodPost, path: appPath(id, "/submail/revoke")})
}

// ImportSubmail takes appids with their appkeys over, all or none.
func (c *Client) ImportSubmail(ctx context.Context, id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
	what := call{method: http.MethodPost, path: appPath(id, "/import/submail"), stream: file}
	if dryRun {
		what.query = url.Values{"dry_run": {"true"}}
	}
	return do[tenant.ImportReport](ctx, c, what)
}
