package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

type aliasStatements struct{ byKey, insert, remove *zsqlite.Stmt }

func prepareAliases(p *preparer) aliasStatements {
	return aliasStatements{
		byKey:  p.stmt("SELECT text FROM alias WHERE app = ? AND user_id = ?"),
		insert: p.insert("alias", "app, user_id, text"),
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
	return loadByKey(s.byKey, b.Aliases.Wanted(), bindAlias, func(k store.AliasKey, row columns) {
		b.Aliases.Loaded(k, store.Alias{App: k.App, User: k.User, Text: row.text()})
	})
}

func (s *aliasStatements) write(b *store.Batch) error {
	return writeSet(&b.Aliases, rowWriter[store.AliasKey, store.Alias]{
		remove: remover(s.remove, bindAlias),
		update: func(_, _ *store.Alias) error { return nil }, // there is nothing but keys
		insert: func(a *store.Alias) error {
			p := bindAlias(s.insert, aliasKey(a))
			p.text(a.Text)
			return p.run()
		},
		key:   aliasKey,
		keeps: func(was, is *store.Alias) bool { return *was == *is },
	})
}

func aliasKey(a *store.Alias) store.AliasKey { return store.AliasKey{App: a.App, User: a.User} }

type knownStatements struct{ byKey, insert, update, remove *zsqlite.Stmt }

func prepareKnown(p *preparer) knownStatements {
	const columns = "app, user_id, scope, last_login"
	return knownStatements{
		byKey:  p.stmt("SELECT last_login FROM known WHERE app = ? AND user_id = ? AND scope = ?"),
		insert: p.insert("known", columns),
		update: p.update("known", 3, columns),
		remove: p.stmt("DELETE FROM known WHERE app = ? AND user_id = ? AND scope = ?"),
	}
}

func bindKnown(stmt *zsqlite.Stmt, k store.KnownKey) parameters {
	p := bind(stmt)
	p.int(int64(k.App))
	p.int(int64(k.User))
	p.int(int64(k.Scope))
	return p
}

func (s *knownStatements) load(b *store.Batch) error {
	return loadByKey(s.byKey, b.Known.Wanted(), bindKnown, func(k store.KnownKey, row columns) {
		b.Known.Loaded(k, store.Known{Key: k, LastLogin: row.time()})
	})
}

func (s *knownStatements) write(b *store.Batch) error {
	put := func(stmt *zsqlite.Stmt, known *store.Known) error {
		p := bindKnown(stmt, known.Key)
		p.time(known.LastLogin)
		return p.run()
	}
	return writeSet(&b.Known, rowWriter[store.KnownKey, store.Known]{
		remove: remover(s.remove, bindKnown),
		update: func(_, known *store.Known) error { return put(s.update, known) },
		insert: func(known *store.Known) error { return put(s.insert, known) },
		keeps:  keepsAll[store.Known],
	})
}
