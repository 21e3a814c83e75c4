package app

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/submail"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/tenant"
)

// submailDialect is the façade of number verification as pages and their
// backends call it.
func (a *App) submailDialect(rules guard.Rules) *facade.Facade {
	return submail.New(submail.Options{Apps: a.directory, Numbers: a.numbers, Keys: a.ring, Limiter: a.limiter, Subjects: a.ring, Rules: rules,
		Now: a.deps.Now, Codes: a.verify, Carries: a.carriesCodes, Window: a.config.Submail.Window.D(), StrictStatus: a.config.Submail.Strict()})
}

// carriesCodes tells whether some provider takes an app's codes to a number.
func (a *App) carriesCodes(app *tenant.App, to core.Phone, channel core.Channel) bool {
	return len(a.router.Names(route.Query{To: to, Channel: channel, Purpose: route.PurposeCode, Tenant: app.Tenant, App: app.ID,
		Template: app.CodeTemplate, Params: message.CodeParams(core.Code{}, 0)})) > 0
}

// EnsureSubmail gives the demo app the pair of dev.json.
func (a *App) EnsureSubmail(ctx context.Context, demo tenant.Demo, pair tenant.SubmailKey) error {
	return a.admin.EnsureSubmail(ctx, demo.App, pair, a.PublicURL())
}
