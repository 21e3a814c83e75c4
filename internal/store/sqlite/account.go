package sqlite

import (
	"errors"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const accountColumns = "id, tenant, app, pool, balance"

type accountStatements struct{ byID, insert, update, remove *zsqlite.Stmt }

func prepareAccounts(p *preparer) accountStatements {
	return accountStatements{
		byID:   p.stmt("SELECT " + accountColumns + " FROM account WHERE id = ?"),
		insert: p.insert("account", accountColumns),
		update: p.update("account", 1, accountColumns),
		remove: p.stmt("DELETE FROM account WHERE id = ?"),
	}
}

func (s *accountStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.Accounts.Wanted(), bindID[store.AccountID], func(id store.AccountID, row columns) {
		b.Accounts.Loaded(id, scanAccount(row))
	})
}

func (s *accountStatements) write(b *store.Batch) error {
	return writeSet(&b.Accounts, rowWriter[store.AccountID, store.Account]{
		remove: remover(s.remove, bindID[store.AccountID]),
		update: func(_, a *store.Account) error { return writeAccount(s.update, a) },
		insert: func(a *store.Account) error { return writeAccount(s.insert, a) },
		keeps:  keepsAll[store.Account],
	})
}

func writeAccount(stmt *zsqlite.Stmt, a *store.Account) error {
	p := bind(stmt)
	p.int(int64(a.ID))
	p.int(int64(a.Tenant))
	p.int(int64(a.App))
	p.int(int64(a.Pool))
	p.int(int64(a.Balance))
	return p.run()
}

func scanAccount(c columns) (a store.Account) {
	a.ID = store.AccountID(c.int())
	a.Tenant = core.TenantID(c.int())
	a.App = core.AppID(c.int())
	a.Pool = core.Pool(c.int())
	a.Balance = core.Credits(c.int())
	return a
}

const ledgerColumns = "id, debit, credit, amount, kind, ref"

type ledgerStatements struct{ byID, insert *zsqlite.Stmt }

func prepareLedger(p *preparer) ledgerStatements {
	return ledgerStatements{
		byID:   p.stmt("SELECT " + ledgerColumns + " FROM ledger WHERE id = ?"),
		insert: p.insert("ledger", ledgerColumns),
	}
}

func (s *ledgerStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.Ledger.Wanted(), bindID[core.LedgerID], func(id core.LedgerID, row columns) {
		b.Ledger.Loaded(id, scanLedger(row))
	})
}

var errLedger = errors.New("sqlite: a ledger row is never changed")

func (s *ledgerStatements) write(b *store.Batch) error {
	return writeSet(&b.Ledger, rowWriter[core.LedgerID, store.Ledger]{
		remove: func(core.LedgerID) error { return errLedger },
		update: func(_, _ *store.Ledger) error { return errLedger },
		insert: s.writeNew,
		keeps:  keepsAll[store.Ledger],
	})
}

func (s *ledgerStatements) writeNew(l *store.Ledger) error {
	p := bindID(s.insert, l.ID)
	p.int(int64(l.Debit))
	p.int(int64(l.Credit))
	p.int(int64(l.Amount))
	p.int(int64(l.Kind))
	p.int(l.Ref)
	return p.run()
}

func scanLedger(c columns) (l store.Ledger) {
	l.ID = core.LedgerID(c.int())
	l.Debit = store.AccountID(c.int())
	l.Credit = store.AccountID(c.int())
	l.Amount = core.Credits(c.int())
	l.Kind = store.LedgerKind(c.int())
	l.Ref = c.int()
	return l
}
