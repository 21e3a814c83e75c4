package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func newAliases(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "alias", columns: columnsOf("app bigint, user_id bigint, text text"), keys: 2}
	put := func(p *arrays, a *store.Alias) {
		putAliasKey(p, aliasKey(a))
		p.text(a.Text)
	}
	return &kind[store.AliasKey, store.Alias]{
		set:    func(b *store.Batch) *store.Set[store.AliasKey, store.Alias] { return &b.Aliases },
		putKey: putAliasKey,
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			a := store.Alias{App: core.AppID(f.int()), User: core.UserID(f.int()), Text: f.text()}
			b.Aliases.Loaded(aliasKey(&a), a)
		},
		byKey:   t.byKey(),
		insert:  t.insert("text, app"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
		keeps:   func(was, is *store.Alias) bool { return *was == *is },
		keyOf:   aliasKey,
		free:    t.free("text = '#' || t.user_id"), // an id cannot be that (contracts/README.md §3.5)
		rewrite: t.update(t.columns),
	}
}

func aliasKey(a *store.Alias) store.AliasKey { return store.AliasKey{App: a.App, User: a.User} }

func putAliasKey(p *arrays, k store.AliasKey) {
	p.int(int64(k.App))
	p.int(int64(k.User))
}

func newKnown(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "known", columns: columnsOf("app bigint, user_id bigint, scope bigint, last_login bigint"), keys: 3}
	put := func(p *arrays, known *store.Known) {
		putKnownKey(p, known.Key)
		p.time(known.LastLogin)
	}
	return &kind[store.KnownKey, store.Known]{
		set:    func(b *store.Batch) *store.Set[store.KnownKey, store.Known] { return &b.Known },
		putKey: putKnownKey,
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			k := store.KnownKey{App: core.AppID(f.int()), User: core.UserID(f.int()), Scope: uint64(f.int())}
			b.Known.Loaded(k, store.Known{Key: k, LastLogin: f.time()})
		},
		byKey:   t.byKey(),
		insert:  t.insert("app, user_id, scope"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}

func putKnownKey(p *arrays, k store.KnownKey) {
	p.int(int64(k.App))
	p.int(int64(k.User))
	p.int(int64(k.Scope))
}
