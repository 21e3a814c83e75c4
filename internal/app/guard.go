package app

import (
	"context"

	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/guard/sentry"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// openGuard makes the fraud guard; the directory gives it the operator's lists.
func (a *App) openGuard() {
	a.fraud = fraud.New(fraud.Options{Home: a.config.Guard.Home})
	a.sentry = sentry.New(sentry.Options{Engine: a.fraud, Database: a.database, IDs: a.ids, Now: a.deps.Now, Log: a.log,
		Mode: tenant.GuardMode(a.config.Guard.Mode)})
	shared := !a.config.Store.Database.IsZero()
	a.keeper = fraud.NewKeeper(fraud.KeeperOptions{Engine: a.fraud, Database: a.database, IDs: a.ids, Node: a.config.Store.Node, Shared: shared,
		Now: a.deps.Now, Log: a.log})
}

// besideApps reads what is configuration beside apps, in the same state of the
// database: templates and signatures, and the fraud guard's lists.
func (a *App) besideApps(ctx context.Context, q store.SQL) (publish func(), err error) {
	messages, err := a.catalogue.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	lists, err := a.sentry.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	return func() { messages(); lists() }, nil
}

// loadGuard reads what the guard knew, before the first request.
func (a *App) loadGuard(ctx context.Context) error { return a.keeper.Load(ctx) }

func (a *App) startGuard() {
	a.keeper.Start()
	a.sentry.Start()
}

func (a *App) stopGuard(context.Context) error {
	a.sentry.Stop()
	a.keeper.Stop()
	return nil
}
