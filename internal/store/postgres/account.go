package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func newAccounts(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "account", columns: columnsOf("id bigint, balance bigint, tenant bigint, app bigint, pool bigint"), keys: 1}
	put := func(p *arrays, a *store.Account) {
		p.int(int64(a.ID))
		p.int(int64(a.Balance))
		p.int(int64(a.Tenant))
		p.int(int64(a.App))
		p.int(int64(a.Pool))
	}
	return &kind[store.AccountID, store.Account]{
		set:    func(b *store.Batch) *store.Set[store.AccountID, store.Account] { return &b.Accounts },
		putKey: putID[store.AccountID],
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			a := scanAccount(f)
			b.Accounts.Loaded(a.ID, a)
		},
		byKey:   t.byKey(),
		insert:  t.insert("id"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
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
