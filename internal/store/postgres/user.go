package postgres

import (
	"bytes"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that a login changes, and behind them what stays.
const (
	userLife    = "id bigint, network bigint, last_login bigint"
	userColumns = userLife + ", tenant bigint, idx_a bytea, idx_b bytea, phone bytea, test boolean"
)

func newUsers(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "users", columns: columnsOf(userColumns), keys: 1}
	of := t.bySides("f.tenant = n.tenant", "", columnsOf("tenant bigint, idx bytea")...)
	return &kind[core.UserID, store.User]{
		set: func(b *store.Batch) *store.Set[core.UserID, store.User] { return &b.Users },
		find: func(q *request, b *store.Batch) {
			findAll(q, of, b.UserOf.Wanted(), func(p *arrays, k *store.UserKey) {
				p.int(int64(k.Tenant))
				p.side(&k.Index)
			}, func(f *fields) { b.LoadedUser(scanUser(f)) })
		},
		finds:  func(b *store.Batch) bool { return len(b.UserOf.Wanted()) > 0 },
		putKey: putID[core.UserID],
		putRow: func(p *arrays, u *store.User) {
			putUserLife(p, u)
			p.int(int64(u.Tenant))
			p.side(&u.Index.A)
			p.side(&u.Index.B)
			p.bytes(u.Phone)
			p.bool(u.Test)
		},
		loaded:  func(b *store.Batch, f *fields) { b.LoadedUser(scanUser(f)) },
		byKey:   t.byKey(),
		insert:  t.insert("tenant, idx_a, idx_b"),
		remove:  t.remove(),
		update:  t.update(columnsOf(userLife)),
		putLife: putUserLife,
		keeps: func(was, is *store.User) bool {
			return was.Tenant == is.Tenant && was.Test == is.Test && sameSides(&was.Index, &is.Index) && bytes.Equal(was.Phone, is.Phone)
		},
		keyOf:   func(u *store.User) core.UserID { return u.ID },
		free:    t.free("idx_a = NULL, idx_b = NULL"),
		rewrite: t.update(t.columns),
	}
}

func putUserLife(p *arrays, u *store.User) {
	p.int(int64(u.ID))
	p.int(u.Network)
	p.time(u.LastLogin)
}

func scanUser(f *fields) (u store.User) {
	u.ID = core.UserID(f.int())
	u.Network = f.int()
	u.LastLogin = f.time()
	u.Tenant = core.TenantID(f.int())
	u.Index = f.index()
	u.Phone = f.bytes()
	u.Test = f.bool()
	return u
}
