package app

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store"
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
	return route.Query{Message: m.ID, To: to, Channel: m.Channel, Purpose: purposeOf(m), Tenant: m.Tenant, App: m.App, Template: m.Template}
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
