package billing

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Payers lists who may pay for a message of an app that a pool is for, in the
// order in which they are asked: the pool before the general balance, the app
// before its tenant (contracts/jsms.md §8). The tenant is asked where it pays
// for the app. In the general pool that is one payer, the one of PayerOf.
func Payers(tenant core.TenantID, app core.AppID, tenantPays bool, pool core.Pool) []Payer {
	if pool == core.PoolGeneral {
		return []Payer{PayerOf(tenant, app, tenantPays, pool)}
	}
	all := []Payer{PayerOf(tenant, app, false, pool), PayerOf(tenant, app, false, core.PoolGeneral)}
	if tenantPays {
		all = append(all, PayerOf(tenant, app, true, pool), PayerOf(tenant, app, true, core.PoolGeneral))
	}
	return all
}

// Able is the first payer that can pay an amount, or the first one when none
// can: Reserve refuses it. The command has wanted the accounts of all.
func Able(b *store.Batch, payers []Payer, amount core.Credits) Payer {
	for _, p := range payers {
		if have, _ := b.Accounts.Get(Account(p.Owner, p.Pool, Available)); have.Balance >= amount {
			return p
		}
	}
	return payers[0]
}
