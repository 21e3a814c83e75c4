package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Every batch changes a few accounts, the same ones as every other batch. They
// are read without a lock, and what a batch adds or takes is added to what is
// there when it is written, last of all: the rows are locked for the time of a
// commit, not for that of a batch. Nothing is overdrawn: the table's CHECK
// refuses it, and the batch is run again with the accounts locked from the
// start, where its rules see what is there.

func newAccounts(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "account", columns: columnsOf("id bigint, balance bigint, tenant bigint, app bigint, pool bigint"), keys: 1}
	put := func(p *arrays, a *store.Account) {
		p.int(int64(a.ID))
		p.int(int64(a.Balance))
		p.int(int64(a.Tenant))
		p.int(int64(a.App))
		p.int(int64(a.Pool))
	}
	// A sum that does not fit is refused only if it is the balance that does not.
	change := append(t.columns[:len(t.columns):len(t.columns)], column{"was", "bigint"})
	update := c.add("UPDATE account AS t SET balance = CAST(CAST(t.balance AS numeric) - n.was + n.balance AS bigint), "+
		"tenant = n.tenant, app = n.app, pool = n.pool FROM (SELECT * FROM "+unnest(change)+" ORDER BY id) AS n WHERE t.id = n.id", change...)
	return &kind[store.AccountID, store.Account]{
		set:    func(b *store.Batch) *store.Set[store.AccountID, store.Account] { return &b.Accounts },
		putKey: putID[store.AccountID],
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			a := scanAccount(f)
			b.Accounts.Loaded(a.ID, a)
		},
		byKey:  t.byKey(),
		read:   t.read(),
		insert: t.insert("id"),
		remove: t.remove(),
		update: update,
		putChange: func(p *arrays, was, is *store.Account) {
			put(p, is)
			p.int(int64(was.Balance))
		},
	}
}

func scanAccount(f *fields) (a store.Account) {
	a.ID = store.AccountID(f.int())
	a.Balance = core.Credits(f.int())
	a.Tenant = core.TenantID(f.int())
	a.App = core.AppID(f.int())
	a.Pool = core.Pool(f.int())
	return a
}

func newLedger(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "ledger", columns: columnsOf("id bigint, debit bigint, credit bigint, amount bigint, kind bigint, ref bigint"), keys: 1}
	return &kind[core.LedgerID, store.Ledger]{
		set:    func(b *store.Batch) *store.Set[core.LedgerID, store.Ledger] { return &b.Ledger },
		putKey: putID[core.LedgerID],
		putRow: func(p *arrays, l *store.Ledger) {
			p.int(int64(l.ID))
			p.int(int64(l.Debit))
			p.int(int64(l.Credit))
			p.int(int64(l.Amount))
			p.int(int64(l.Kind))
			p.int(l.Ref)
		},
		loaded: func(b *store.Batch, f *fields) {
			l := scanLedger(f)
			b.Ledger.Loaded(l.ID, l)
		},
		byKey:  t.byKey(),
		insert: t.insert(""),
	}
}

func scanLedger(f *fields) (l store.Ledger) {
	l.ID = core.LedgerID(f.int())
	l.Debit = store.AccountID(f.int())
	l.Credit = store.AccountID(f.int())
	l.Amount = core.Credits(f.int())
	l.Kind = store.LedgerKind(f.int())
	l.Ref = f.int()
	return l
}
