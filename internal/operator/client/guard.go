package client

import (
	"context"
	"net/http"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

// Guard is what is set of the fraud guard.
func (c *Client) Guard(ctx context.Context) (api.Guard, error) {
	return do[api.Guard](ctx, c, call{method: http.MethodGet, path: "/admin/guard"})
}

// UpdateGuard changes its mode and lists.
func (c *Client) UpdateGuard(ctx context.Context, p api.GuardPatch) (api.Guard, error) {
	return do[api.Guard](ctx, c, call{method: http.MethodPatch, path: "/admin/guard", body: p})
}

// GuardNumbers changes which numbers are always allowed.
func (c *Client) GuardNumbers(ctx context.Context, n api.GuardNumbers) (api.Guard, error) {
	return do[api.Guard](ctx, c, call{method: http.MethodPost, path: "/admin/guard/numbers", body: n})
}

// GuardDecisions lists what was not allowed, newest first; app 0 is all.
func (c *Client) GuardDecisions(ctx context.Context, app core.AppID, before string, limit int) (api.GuardDecisions, error) {
	q := pageOf(before, limit)
	if app != 0 {
		q.Set("app", strconv.FormatInt(int64(app), 10))
	}
	return do[api.GuardDecisions](ctx, c, call{method: http.MethodGet, path: "/admin/guard/decisions", query: q})
}

// GuardLevels lists the subjects that fill up, the fullest first.
func (c *Client) GuardLevels(ctx context.Context, limit int) (api.GuardLevels, error) {
	return do[api.GuardLevels](ctx, c, call{method: http.MethodGet, path: "/admin/guard/levels", query: pageOf("", limit)})
}

// Spending is what an app spent today of its caps.
func (c *Client) Spending(ctx context.Context, app core.AppID) (api.Spending, error) {
	return do[api.Spending](ctx, c, call{method: http.MethodGet, path: appPath(app, "/spending")})
}
