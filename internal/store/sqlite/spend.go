package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

type spendStatements struct{ byID, insert, update, remove *zsqlite.Stmt }

func prepareSpends(p *preparer) spendStatements {
	return spendStatements{
		byID:   p.stmt("SELECT amount FROM spend WHERE id = ?"),
		insert: p.insert("spend", "id, amount"),
		update: p.update("spend", 1, "id, amount"),
		remove: p.stmt("DELETE FROM spend WHERE id = ?"),
	}
}

func (s *spendStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.Spends.Wanted(), bindID[store.SpendKey], func(k store.SpendKey, c columns) {
		b.Spends.Loaded(k, store.Spend{Key: k, Amount: core.Credits(c.int())})
	})
}

func (s *spendStatements) write(b *store.Batch) error {
	return writeSet(&b.Spends, rowWriter[store.SpendKey, store.Spend]{
		remove: remover(s.remove, bindID[store.SpendKey]),
		update: func(_, row *store.Spend) error { return putSpend(s.update, row) },
		insert: func(row *store.Spend) error { return putSpend(s.insert, row) },
		keeps:  keepsAll[store.Spend],
	})
}

func putSpend(stmt *zsqlite.Stmt, row *store.Spend) error {
	p := bindID(stmt, row.Key)
	p.int(int64(row.Amount))
	return p.run()
}
