package client

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

// User is where a user of an app stands, and what happened to the user.
func (c *Client) User(ctx context.Context, app core.AppID, who api.UserName) (api.User, error) {
	return c.user(ctx, app, "show", who)
}

// DisableUser ends all sessions of a user, who may not log in any more.
func (c *Client) DisableUser(ctx context.Context, app core.AppID, who api.UserName) (api.User, error) {
	return c.user(ctx, app, "disable", who)
}

// EnableUser lets a user log in again.
func (c *Client) EnableUser(ctx context.Context, app core.AppID, who api.UserName) (api.User, error) {
	return c.user(ctx, app, "enable", who)
}

// LogOutUser ends all sessions of a user.
func (c *Client) LogOutUser(ctx context.Context, app core.AppID, who api.UserName) (api.User, error) {
	return c.user(ctx, app, "logout", who)
}

func (c *Client) user(ctx context.Context, app core.AppID, what string, who api.UserName) (api.User, error) {
	return do[api.User](ctx, c, call{method: http.MethodPost, path: appPath(app, "/user/"+what), body: who})
}
