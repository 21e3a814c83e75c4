package fsck

import (
	"context"
	"fmt"
	"slices"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Accounts are told apart by the low four bits of their ids (package billing).
const (
	// A transfer is between two accounts of one owner and pool, along one of
	// four ways.
	noTransfer = `SELECT 'entry ' || id || ' moves ' || amount || ' from account ' || debit || ' to ' || credit || ' as kind ' || kind || ', which is no transfer'
		FROM ledger WHERE amount <= 0 OR debit / 16 <> credit / 16 OR NOT (
			kind = 1 AND ((debit & 15) = 4 AND (credit & 15) = 1 OR (debit & 15) = 1 AND (credit & 15) = 4)
			OR kind = 2 AND (debit & 15) = 1 AND (credit & 15) = 2
			OR kind = 3 AND (debit & 15) = 2 AND (credit & 15) = 3
			OR kind = 4 AND (debit & 15) IN (2, 3) AND (credit & 15) = 1)
		ORDER BY id`

	// An account belongs to whom its id says.
	wrongOwner = `SELECT 'account ' || a.id || ' is filed under tenant ' || a.tenant || ', app ' || a.app || ', pool ' || a.pool
		FROM account a LEFT JOIN app p ON p.id = a.app
		WHERE (a.id & 15) NOT IN (1, 2, 3, 4) OR (a.id / 16 & 15) <> a.pool
		OR a.app <> 0 AND (a.id / 256 <> a.app OR COALESCE(p.tenant, a.tenant) <> a.tenant)
		OR a.app = 0 AND a.id / 256 <> 4294967296 + a.tenant
		ORDER BY a.id`

	// What is held, by the account that holds it.
	reserved = `SELECT CAST(account AS BIGINT), CAST(SUM(amount) AS BIGINT) FROM (
		SELECT (CASE WHEN tenant_pays THEN 4294967296 + tenant ELSE app END) * 256 + pool * 16 + 2 AS account, price AS amount FROM message WHERE money = 1
		UNION ALL
		SELECT (CASE WHEN tenant_pays THEN 4294967296 + tenant ELSE app END) * 256 + 2, held FROM verification WHERE held <> 0
		UNION ALL
		SELECT (CASE WHEN tenant_pays THEN 4294967296 + tenant ELSE app END) * 256 + 2, price FROM number_check WHERE money = 1) AS reservation
		GROUP BY account`

	// What the ledger says of one message or code.
	byRef = `(SELECT ref, SUM(CASE WHEN kind = 2 THEN amount ELSE 0 END) AS reserved, SUM(CASE WHEN kind = 3 THEN amount ELSE 0 END) AS settled,
		SUM(CASE WHEN kind = 4 AND (debit & 15) = 2 THEN amount ELSE 0 END) AS refunded, SUM(CASE WHEN kind = 4 AND (debit & 15) = 3 THEN amount ELSE 0 END) AS returned FROM ledger WHERE kind <> 1 GROUP BY ref) l`

	// An operator may have a message that was refunded tried again: it is
	// reserved once more. What is held and what is spent for it is one price.
	wrongCharge = `SELECT 'message ' || m.id || ' of price ' || m.price || ' and money state ' || m.money || ' was reserved ' || COALESCE(l.reserved, 0)
		|| ', settled ' || COALESCE(l.settled, 0) || ', refunded ' || COALESCE(l.refunded, 0) || ' and ' || COALESCE(l.returned, 0)
		FROM message m LEFT JOIN ` + byRef + ` ON l.ref = m.id
		WHERE COALESCE(l.reserved, 0) < m.price OR COALESCE(l.reserved - l.settled - l.refunded, 0) <> CASE WHEN m.money = 1 THEN m.price ELSE 0 END
		OR COALESCE(l.settled - l.returned, 0) <> CASE WHEN m.money = 2 THEN m.price ELSE 0 END
		ORDER BY m.id`

	wrongSpend = `SELECT 'number check ' || n.id || ' of price ' || n.price || ' and money state ' || n.money || ' was reserved ' || COALESCE(l.reserved, 0)
		|| ', settled ' || COALESCE(l.settled, 0) || ', refunded ' || COALESCE(l.refunded, 0) || ' and ' || COALESCE(l.returned, 0)
		FROM number_check n LEFT JOIN ` + byRef + ` ON l.ref = n.id
		WHERE COALESCE(l.reserved, 0) <> n.price OR COALESCE(l.reserved - l.settled - l.refunded, 0) <> CASE WHEN n.money = 1 THEN n.price ELSE 0 END
		OR COALESCE(l.settled - l.returned, 0) <> CASE WHEN n.money = 2 THEN n.price ELSE 0 END
		ORDER BY n.id`

	wrongHold = `SELECT 'code ' || v.id || ' holds ' || v.held || ', the ledger says ' || COALESCE(l.reserved - l.settled - l.refunded, 0)
		FROM verification v LEFT JOIN ` + byRef + ` ON l.ref = v.id
		WHERE COALESCE(l.reserved - l.settled - l.refunded, 0) <> v.held ORDER BY v.id`
)

// ledger checks that transfers are what they may be, that balances are what
// the transfers say, that all balances sum to zero, and that what is held is
// held for something.
func (r *run) ledger(ctx context.Context) error {
	for _, c := range []struct{ check, sql string }{
		{"ledger", noTransfer}, {"account", wrongOwner}, {"charge", wrongCharge}, {"charge", wrongHold}, {"charge", wrongSpend},
	} {
		if err := r.ask(ctx, c.check, c.sql); err != nil {
			return err
		}
	}
	all, err := records.AccountSums(ctx, r.q)
	if err != nil {
		return r.done(ctx, "balance", 0, err)
	}
	r.Ledger = all
	n, total := 0, core.Credits(0)
	for _, a := range all {
		_, _, kind := billing.Split(a.Account)
		total += a.Balance
		var problem string
		switch {
		case a.Missing:
			problem = fmt.Sprintf("does not exist, and the ledger's rows sum to %d", a.Ledger)
		case a.Drift() != 0:
			problem = fmt.Sprintf("is %d, and the ledger's rows sum to %d", a.Balance, a.Ledger)
		case a.Balance < 0 && (kind == billing.Available || kind == billing.Held):
			problem = fmt.Sprintf("is %d, below zero", a.Balance)
		default:
			continue
		}
		n++
		r.found("balance", billing.Name(a.Account)+" "+problem, n)
	}
	if total != 0 {
		n++
		r.found("balance", fmt.Sprintf("all balances sum to %d, not to zero", total), n)
	}
	if err := r.done(ctx, "balance", n, nil); err != nil {
		return err
	}
	return r.held(ctx, all)
}

// held compares the accounts that hold money with what it is held for.
func (r *run) held(ctx context.Context, all []records.AccountSum) error {
	holds := make(map[store.AccountID]core.Credits)
	for _, a := range all {
		if _, _, kind := billing.Split(a.Account); kind == billing.Held {
			holds[a.Account] = -a.Balance
		}
	}
	err := r.q.Query(ctx, reserved, func(row store.Scanner) error {
		var id, amount int64
		err := row.Scan(&id, &amount)
		holds[store.AccountID(id)] += core.Credits(amount)
		return err
	})
	n := 0
	for _, id := range accounts(holds) {
		if excess := holds[id]; excess != 0 && err == nil {
			n++
			r.found("held", fmt.Sprintf("%s: what messages and codes reserved differs by %d from what it holds", billing.Name(id), excess), n)
		}
	}
	return r.done(ctx, "held", n, err)
}

func accounts(of map[store.AccountID]core.Credits) []store.AccountID {
	ids := make([]store.AccountID, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
