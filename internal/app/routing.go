package app

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/plan"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// openRoutes makes the router of the providers that are open.
func (a *App) openRoutes() error {
	routes := make([]route.Route, 0, len(a.config.Routes))
	for _, r := range a.config.Routes {
		made, err := r.Route()
		if err != nil {
			return err
		}
		routes = append(routes, made)
	}
	router, err := route.New(route.Options{Now: a.deps.Now, Uniform: a.uniform, Log: a.log, Providers: a.providers,
		Routes: routes, Ported: a.config.Routing.Table(), Region: guard.Region})
	a.router = router
	return err
}

// uniform is Deps.Jitter, or its middle where a test has none.
func (a *App) uniform() float64 {
	if a.deps.Jitter == nil {
		return 0.5
	}
	return a.deps.Jitter()
}

// route gives the providers of a message, best first.
func (a *App) route(out outbox.Outgoing) []provider.Provider {
	q := a.query(&out.Row, out.To)
	q.Params = out.Params
	return a.router.Order(q)
}

// nextHold is how long the receipt of an unknown outcome is waited for where
// another provider can be asked: its person waits for a code.
const nextHold = 3 * time.Second

// ableProviders is outbox.Options.Able; nil with one provider, of which none is
// left after a receipt.
func (a *App) ableProviders() func(*store.Message, core.Phone) []string {
	if len(a.config.Providers) < 2 {
		return nil
	}
	return func(m *store.Message, to core.Phone) []string { return a.router.Names(a.query(m, to)) }
}

// query is a message as routes see it.
func (a *App) query(m *store.Message, to core.Phone) route.Query {
	return route.Query{Message: m.ID, To: to, Channel: m.Channel, Purpose: purposeOf(m), Tenant: m.Tenant, App: m.App, Named: a.planRoute(m),
		Template: m.Template}
}

func purposeOf(m *store.Message) route.Purpose {
	switch {
	case m.Verification != 0:
		return route.PurposeCode
	case m.Pool == core.PoolMarket:
		return route.PurposeMarket
	default:
		return route.PurposeNotice
	}
}

// openPlans makes the service of fall-back plans.
func (a *App) openPlans() {
	a.plans = plan.New(plan.Options{Node: a.config.Store.Node, Now: a.deps.Now, Log: a.log, Apps: a.directory.Apps, App: a.directory.App,
		Waiting: a.waitingCodes, Able: a.ableStep, Step: a.verify.Step})
}

func (a *App) waitingCodes(ctx context.Context, from, to int64, limit int) (found []store.Message, err error) {
	err = a.database.View(ctx, func(q store.SQL) error {
		found, err = records.WaitingCodes(ctx, q, from, to, limit)
		return err
	})
	return found, err
}

// ableStep tells whether a step of a plan has a provider for a code's number.
func (a *App) ableStep(m *store.Message, step tenant.PlanStep) bool {
	to, err := a.ring.OpenPhone(m.Phone)
	if err != nil || step.Route != "" && !a.router.Has(step.Route) {
		return false
	}
	q := a.query(m, to)
	q.Channel, q.Named, q.Purpose = step.Channel, step.Route, route.PurposeCode
	if app, known := a.directory.App(m.App); known {
		q.Tenant, q.Template = app.Tenant, app.CodeTemplate
	}
	q.Params = message.CodeParams(core.Code{}, 0) // their names are what counts
	return len(a.router.Names(q)) > 0
}

// planRoute is the route that a message's step of its app's plan names.
func (a *App) planRoute(m *store.Message) string {
	app, known := a.directory.App(m.App)
	if !known || len(app.Plan) == 0 || m.Verification == 0 {
		return ""
	}
	step := outbox.PlanStep(m)
	if step >= len(app.Plan) || app.Plan[step].Channel != m.Channel {
		return ""
	}
	return app.Plan[step].Route
}
