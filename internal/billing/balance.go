package billing

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Balances is what an owner can spend, by pool. A pool that nobody ever topped
// up is not there.
func Balances(ctx context.Context, q store.SQL, o Owner) (map[core.Pool]core.Credits, error) {
	rows, err := records.Balances(ctx, q, Account(o, core.PoolGeneral, Available), Account(o, core.PoolMarket, Funding))
	if err != nil {
		return nil, err
	}
	have := map[core.Pool]core.Credits{}
	for _, row := range rows {
		if _, pool, kind := Split(row.Account); kind == Available {
			have[pool] = row.Credits
		}
	}
	return have, nil
}
