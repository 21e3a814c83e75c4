package app

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/camara"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// camara is the open API with its authorization server.
func (a *App) camara(rules guard.Rules) *facade.Facade {
	server := oauth.New(oauth.Options{Clients: a.directory, Once: records.NewOnce(a.prompt, a.deps.Now), Sealer: a.ring,
		Issuer: a.issuer, Now: a.deps.Now, Random: a.deps.Random})
	return camara.New(camara.Options{OAuth: server, Verify: a.verify, Limiter: a.limiter, Subjects: a.ring, Rules: rules,
		Now: a.deps.Now, Random: a.deps.Random, Serves: a.carries})
}

// issuer is the base of every URL that the open API emits: the configured one,
// or where the listener is (contracts/README.md §2).
func (a *App) issuer() string {
	return a.PublicURL() + a.config.Facades[string(tenant.DialectCamara)].Prefix
}

// carries tells whether some provider takes a caller's own words to a number.
func (a *App) carries(app *tenant.App, to core.Phone) bool {
	return len(a.router.Names(route.Query{To: to, Channel: core.ChannelSMS, Purpose: route.PurposeCode, Tenant: app.Tenant, App: app.ID})) > 0
}
