package client

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

// OptOuts lists numbers that want no marketing of an app's tenant, newest first.
func (c *Client) OptOuts(ctx context.Context, app core.AppID, before string, limit int) (api.OptOuts, error) {
	return do[api.OptOuts](ctx, c, call{method: http.MethodGet, path: appPath(app, "/opt-outs"), query: pageOf(before, limit)})
}

// RemoveOptOut takes a number's opt-out back.
func (c *Client) RemoveOptOut(ctx context.Context, app core.AppID, r api.OptOutRemoval) (api.OptOutRemoved, error) {
	return do[api.OptOutRemoved](ctx, c, call{method: http.MethodPost, path: appPath(app, "/opt-outs/remove"), body: r})
}
