package client

import (
	"context"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// SetCamara makes an app's OAuth client, or changes it. A new secret is shown
// this once.
func (c *Client) SetCamara(ctx context.Context, id core.AppID, p tenant.CamaraPatch) (api.AppWithClient, error) {
	return do[api.AppWithClient](ctx, c, call{method: http.MethodPost, path: appPath(id, "/camara"), body: p})
}

// RotateSigningKey makes a new key of id tokens; the old one is published for
// overlap, an hour at least.
func (c *Client) RotateSigningKey(ctx context.Context, overlap time.Duration) (kid string, err error) {
	made, err := do[api.SigningKey](ctx, c, call{method: http.MethodPost, path: "/admin/signing-key/rotate",
		body: api.SigningRotation{Overlap: int(overlap / time.Second)}})
	return made.KeyID, err
}
