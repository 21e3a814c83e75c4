package app

import (
	"context"
	"errors"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// EnsureDemo makes or finds the demo tenant of `yanma dev`, whose app answers
// to key and can spend credit once.
func (a *App) EnsureDemo(ctx context.Context, key core.Secret, credit core.Credits) (tenant.Demo, error) {
	return a.admin.EnsureDemo(ctx, tenant.DemoSpec{Key: key, Credit: credit, Commands: a.store, IDs: a.ids})
}

// providersUpWithin is how long AwaitProviders waits.
const providersUpWithin = 5 * time.Second

// AwaitProviders returns when every provider is connected.
func (a *App) AwaitProviders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, providersUpWithin)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		up := 0
		for _, p := range a.providers {
			if p.Health().Up {
				up++
			}
		}
		if up == len(a.providers) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("a provider could not be reached in time")
		case <-tick.C:
		}
	}
}

// EnsureCamara gives the demo app the OAuth client of dev.json.
func (a *App) EnsureCamara(ctx context.Context, demo tenant.Demo, secret core.Secret, client tenant.CamaraPatch) error {
	return a.admin.EnsureCamara(ctx, demo.App, secret, client)
}
