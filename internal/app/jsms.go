package app

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/jsms"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// jsmsDialect is the façade of codes, calls and template messages.
func (a *App) jsmsDialect(rules guard.Rules) (*facade.Facade, error) {
	words, err := a.config.Messages.WordList()
	if err != nil {
		return nil, err
	}
	return jsms.New(jsms.Options{Apps: a.directory, Verify: a.verify, Catalogue: a.catalogue, Editor: a.messages, Dispatch: a.dispatch, Balances: balances{a.prompt},
		Events: events{a.callbacks}, Words: words, Longest: a.config.Messages.Longest, Limiter: a.limiter, Subjects: a.ring, Rules: rules,
		Now: a.deps.Now}), nil
}

// encodeJSMS writes what an app of the jsms dialect is told at its URL.
func (a *App) encodeJSMS(ctx context.Context, e *callback.Event, at time.Time) (callback.Request, error) {
	name, ok := a.directory.NameOf(tenant.DialectJSMS, e.App)
	if !ok {
		return callback.Request{}, jsms.ErrNoKey
	}
	return jsms.Callbacks{Apps: a.directory, Verify: a.verify, Names: a.catalogue, Random: a.deps.Random}.Encode(ctx, name, e, at)
}

// balances reads accounts for dialects.
type balances struct{ database viewer }

type viewer interface {
	View(ctx context.Context, f func(store.SQL) error) error
}

// OfApp is what the app's own accounts hold.
func (b balances) OfApp(ctx context.Context, app core.AppID) (map[core.Pool]core.Credits, error) {
	return b.of(ctx, billing.OwnerApp(app))
}

// OfTenant is what the tenant's accounts hold.
func (b balances) OfTenant(ctx context.Context, id core.TenantID) (map[core.Pool]core.Credits, error) {
	return b.of(ctx, billing.OwnerTenant(id))
}

func (b balances) of(ctx context.Context, o billing.Owner) (have map[core.Pool]core.Credits, err error) {
	err = b.database.View(ctx, func(q store.SQL) (err error) {
		have, err = billing.Balances(ctx, q, o)
		return err
	})
	return have, err
}

// events hands out what an app was not told at a URL.
type events struct{ *callback.Service }

// Reports takes receipts.
func (e events) Reports(ctx context.Context, app core.AppID) ([]callback.Event, error) {
	return e.Take(ctx, app, callback.Receipt, callback.MostTaken)
}

// Replies takes texts of subscribers.
func (e events) Replies(ctx context.Context, app core.AppID) ([]callback.Event, error) {
	return e.Take(ctx, app, callback.Reply, callback.MostTaken)
}

// EnsureJSMS gives the demo app the pairs of dev.json, and a notice to try.
func (a *App) EnsureJSMS(ctx context.Context, demo tenant.Demo, app, developer tenant.JSMSKey, notice string) error {
	by := tenant.By{Actor: "dev"}
	if err := a.admin.EnsureDialect(ctx, by, demo.App, tenant.DialectJSMS); err != nil {
		return err
	}
	if _, err := a.admin.EnsureJSMS(ctx, by, demo.App, tenant.DialectJSMS, app); err != nil {
		return err
	}
	if _, err := a.admin.EnsureJSMS(ctx, by, demo.App, tenant.DialectJSMSDeveloper, developer); err != nil {
		return err
	}
	if _, err := a.catalogue.Template(demo.App, notice); err == nil {
		return nil
	}
	_, err := a.messages.AddTemplate(ctx, by, catalogue.NewTemplate{App: demo.App, Ref: notice, Kind: message.KindNotice,
		Text: "您的订单{{number}}已发货，请注意查收。", Remark: "demo"})
	return err
}
