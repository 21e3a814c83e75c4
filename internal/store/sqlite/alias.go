package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

type aliasStatements struct{ byKey, insert, update, remove *zsqlite.Stmt }

func prepareAliases(p *preparer) aliasStatements {
	return aliasStatements{
		byKey:  p.stmt("SELECT text FROM alias WHERE app = ? AND user_id = ?"),
		insert: p.insert("alias", "app, user_id, text"),
		update: p.update("alias", 2, "app, user_id, text"),
		remove: p.stmt("DELETE FROM alias WHERE app = ? AND user_id = ?"),
	}
}

func bindAlias(stmt *zsqlite.Stmt, k store.AliasKey) parameters {
	p := bind(stmt)
	p.int(int64(k.App))
	p.int(int64(k.User))
	return p
}

func (s *aliasStatements) load(b *store.Batch) error {
	for _, k := range b.Aliases.Wanted() {
		p := bindAlias(s.byKey, k)
		row, found, err := p.row()
		if err != nil {
			return err
		}
		if found {
			b.Aliases.Loaded(k, store.Alias{App: k.App, User: k.User, Text: row.text()})
			if err := row.done(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *aliasStatements) write(b *store.Batch) error {
	put := func(stmt *zsqlite.Stmt, a *store.Alias) error {
		p := bindAlias(stmt, store.AliasKey{App: a.App, User: a.User})
		p.text(a.Text)
		return p.run()
	}
	return writeSet(&b.Aliases,
		func(k store.AliasKey) error {
			p := bindAlias(s.remove, k)
			return p.run()
		},
		func(_, is *store.Alias) error { return put(s.update, is) },
		func(a *store.Alias) error { return put(s.insert, a) })
}
