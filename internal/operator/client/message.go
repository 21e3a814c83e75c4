package client

import (
	"context"
	"net/http"
	"net/url"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
)

func templatePath(app core.AppID, id, rest string) string {
	return appPath(app, "/templates/"+url.PathEscape(id)+rest)
}

func signPath(app core.AppID, id, rest string) string {
	return appPath(app, "/signs/"+url.PathEscape(id)+rest)
}

// Templates lists an app's templates and then every app's; app 0 only these.
func (c *Client) Templates(ctx context.Context, app core.AppID) ([]catalogue.TemplateView, error) {
	list, err := do[api.Templates](ctx, c, call{method: http.MethodGet, path: appPath(app, "/templates")})
	return list.Templates, err
}

// AddTemplate stores a template, whose audit begins.
func (c *Client) AddTemplate(ctx context.Context, app core.AppID, n api.NewTemplate) (catalogue.TemplateView, error) {
	return do[catalogue.TemplateView](ctx, c, call{method: http.MethodPost, path: appPath(app, "/templates"), body: n})
}

// Template is one template.
func (c *Client) Template(ctx context.Context, app core.AppID, id string) (catalogue.TemplateView, error) {
	return do[catalogue.TemplateView](ctx, c, call{method: http.MethodGet, path: templatePath(app, id, "")})
}

// EditTemplate changes a template, whose audit begins anew.
func (c *Client) EditTemplate(ctx context.Context, app core.AppID, id string, change api.TemplateChange) (catalogue.TemplateView, error) {
	return do[catalogue.TemplateView](ctx, c, call{method: http.MethodPatch, path: templatePath(app, id, ""), body: change})
}

// DeleteTemplate removes a template.
func (c *Client) DeleteTemplate(ctx context.Context, app core.AppID, id string) (catalogue.TemplateView, error) {
	return do[catalogue.TemplateView](ctx, c, call{method: http.MethodDelete, path: templatePath(app, id, "")})
}

// ApproveTemplate ends a template's audit.
func (c *Client) ApproveTemplate(ctx context.Context, app core.AppID, id string) (catalogue.TemplateView, error) {
	return do[catalogue.TemplateView](ctx, c, call{method: http.MethodPost, path: templatePath(app, id, "/approve")})
}

// RejectTemplate ends a template's audit.
func (c *Client) RejectTemplate(ctx context.Context, app core.AppID, id, reason string) (catalogue.TemplateView, error) {
	return do[catalogue.TemplateView](ctx, c, call{method: http.MethodPost, path: templatePath(app, id, "/reject"), body: api.Verdict{Reason: reason}})
}

// Signatures lists an app's signatures.
func (c *Client) Signatures(ctx context.Context, app core.AppID) ([]catalogue.SignatureView, error) {
	list, err := do[api.Signatures](ctx, c, call{method: http.MethodGet, path: appPath(app, "/signs")})
	return list.Signatures, err
}

// AddSignature stores a signature, whose audit begins.
func (c *Client) AddSignature(ctx context.Context, app core.AppID, n api.NewSignature) (catalogue.SignatureView, error) {
	return do[catalogue.SignatureView](ctx, c, call{method: http.MethodPost, path: appPath(app, "/signs"), body: n})
}

// Signature is one signature.
func (c *Client) Signature(ctx context.Context, app core.AppID, id string) (catalogue.SignatureView, error) {
	return do[catalogue.SignatureView](ctx, c, call{method: http.MethodGet, path: signPath(app, id, "")})
}

// DeleteSignature removes a signature.
func (c *Client) DeleteSignature(ctx context.Context, app core.AppID, id string) (catalogue.SignatureView, error) {
	return do[catalogue.SignatureView](ctx, c, call{method: http.MethodDelete, path: signPath(app, id, "")})
}

// ApproveSignature ends a signature's audit.
func (c *Client) ApproveSignature(ctx context.Context, app core.AppID, id string) (catalogue.SignatureView, error) {
	return do[catalogue.SignatureView](ctx, c, call{method: http.MethodPost, path: signPath(app, id, "/approve")})
}

// RejectSignature ends a signature's audit.
func (c *Client) RejectSignature(ctx context.Context, app core.AppID, id, reason string) (catalogue.SignatureView, error) {
	return do[catalogue.SignatureView](ctx, c, call{method: http.MethodPost, path: signPath(app, id, "/reject"), body: api.Verdict{Reason: reason}})
}

// DefaultSignature makes a signature the one of messages that name none.
func (c *Client) DefaultSignature(ctx context.Context, app core.AppID, id string) (catalogue.SignatureView, error) {
	return do[catalogue.SignatureView](ctx, c, call{method: http.MethodPost, path: signPath(app, id, "/default")})
}
