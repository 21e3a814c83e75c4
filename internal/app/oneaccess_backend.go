package app

import (
	"context"
	"net/url"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade/oneaccess"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// oneAccessBackend is what the calls of apps' backends need.
func (a *App) oneAccessBackend() oneaccess.Backend {
	return oneaccess.Backend{
		Tokens: oauth.NewBackendTokens(a.directory, records.NewOnce(a.prompt, a.deps.Now), a.deps.Now, a.deps.Random),
		Keys:   a.signing,
		KeysOf: a.directory.OneAccessKeys,
		Issuer: func(host string) string { return a.oneAccessBase(a.directory.OneAccessHost(host)) },

		Sessions: a.sessions,
		Codes:    a.verify,
	}
}

// oneAccessIssuer is the iss of an app's id tokens (contracts/oneaccess.md §9).
func (a *App) oneAccessIssuer(app *tenant.App) string {
	return a.oneAccessBase(app.OneAccess.Host) + "/api/v1/oauth2"
}

// oneAccessBase is the base of every URL that the dialect emits: the installation's,
// or that of a tenant with a host of its own.
func (a *App) oneAccessBase(host string) string {
	base := a.config.Server.PublicURL
	if base == "" {
		base = a.PublicURL()
	}
	if u, err := url.Parse(base); err == nil && host != "" && u.Hostname() != host {
		base = u.Scheme + "://" + host
	}
	return base + a.config.Facades[string(tenant.DialectOneaccess)].Prefix
}

// EnsureOneAccess gives the demo app the client of dev.json, and tells its tenant's
// id.
func (a *App) EnsureOneAccess(ctx context.Context, demo tenant.Demo, secret core.Secret, client tenant.OneAccessPatch) (tenantID string, err error) {
	if err := a.admin.EnsureOneAccess(ctx, tenant.By{Actor: "dev"}, demo.App, secret, client); err != nil {
		return "", err
	}
	view, err := a.admin.Tenant(ctx, demo.Tenant)
	return view.TenantID, err
}
