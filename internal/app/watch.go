package app

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// scrapeTime bounds what a scrape of /metrics asks of the database.
const scrapeTime = 2 * time.Second

// watchedBalances are those of apps with a threshold (low_balance); none while
// the database does not answer, which is an alarm of its own.
func (a *App) watchedBalances() (all []obs.Balance) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	err := a.database.View(ctx, func(q store.SQL) error {
		all = nil
		for _, app := range a.directory.Apps() {
			if app.LowBalance <= 0 {
				continue
			}
			owner := billing.OwnerApp(app.ID)
			if app.TenantPays {
				owner = billing.OwnerTenant(app.Tenant)
			}
			available, err := availableOf(ctx, q, owner)
			if err != nil {
				return err
			}
			all = append(all, obs.Balance{App: app.ID, Available: available, Low: available < app.LowBalance})
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return all
}

// availableOf is what an owner can spend, in all pools.
func availableOf(ctx context.Context, q store.SQL, owner billing.Owner) (sum core.Credits, err error) {
	balances, err := records.Balances(ctx, q, billing.Account(owner, core.PoolGeneral, 0), billing.Account(owner, core.PoolMarket, 15))
	for _, b := range balances {
		if _, _, kind := billing.Split(b.Account); kind == billing.Available {
			sum += b.Credits
		}
	}
	return sum, err
}
