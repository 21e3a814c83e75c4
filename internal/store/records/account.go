package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Balance is what an account holds.
type Balance struct {
	Account store.AccountID
	Credits core.Credits
}

// Balances lists the accounts with ids from first to last, both included.
func Balances(ctx context.Context, q store.SQL, first, last store.AccountID) ([]Balance, error) {
	return readBalances(ctx, q, `SELECT id, balance FROM account WHERE id >= $1 AND id <= $2 ORDER BY id`, int64(first), int64(last))
}

// BalanceSums adds up the balances of the installation by kind of account: the
// Account of each answer is the kind alone, the low four bits of an id.
func BalanceSums(ctx context.Context, q store.SQL) ([]Balance, error) {
	return readBalances(ctx, q, `SELECT id & 15, CAST(SUM(balance) AS BIGINT) FROM account GROUP BY id & 15 ORDER BY 1`)
}

func readBalances(ctx context.Context, q store.SQL, sql string, args ...any) ([]Balance, error) {
	var all []Balance
	err := q.Query(ctx, sql, func(r store.Scanner) error {
		var id, credits int64
		if err := r.Scan(&id, &credits); err != nil {
			return err
		}
		all = append(all, Balance{Account: store.AccountID(id), Credits: core.Credits(credits)})
		return nil
	}, args...)
	return all, err
}
