package records

import (
	"cmp"
	"context"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// AccountSum is an account's balance beside what the ledger's rows say it is.
type AccountSum struct {
	Account store.AccountID
	Missing bool // rows of the ledger name it, but it does not exist
	Balance core.Credits
	Ledger  core.Credits // what came in minus what went out
}

// Drift is by how much the balance differs from the rows.
func (s AccountSum) Drift() core.Credits { return s.Balance - s.Ledger }

// AccountSums adds the whole ledger up by account, in the order of ids. It
// reads the whole table.
func AccountSums(ctx context.Context, q store.SQL) ([]AccountSum, error) {
	sums := make(map[store.AccountID]*AccountSum)
	err := q.Query(ctx, `SELECT id, balance FROM account`, func(r store.Scanner) error {
		var id, balance int64
		err := r.Scan(&id, &balance)
		sums[store.AccountID(id)] = &AccountSum{Account: store.AccountID(id), Balance: core.Credits(balance)}
		return err
	})
	if err != nil {
		return nil, err
	}
	for column, sign := range map[string]core.Credits{"credit": 1, "debit": -1} {
		err := q.Query(ctx, "SELECT "+column+", CAST(SUM(amount) AS BIGINT) FROM ledger GROUP BY "+column, func(r store.Scanner) error {
			var id, amount int64
			err := r.Scan(&id, &amount)
			sum, known := sums[store.AccountID(id)]
			if !known {
				sum = &AccountSum{Account: store.AccountID(id), Missing: true}
				sums[sum.Account] = sum
			}
			sum.Ledger += sign * core.Credits(amount)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]AccountSum, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b AccountSum) int { return cmp.Compare(a.Account, b.Account) })
	return all, nil
}
