package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that change in a session's life stand behind its key.
const (
	sessionLife    = "key_hash bytea, expires bigint, replaced bigint, next bytea"
	sessionColumns = sessionLife + ", kind bigint, family bigint, tenant bigint, app bigint, user_id bigint, device bigint, auth_time bigint"
)

func newSessions(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "session", columns: columnsOf(sessionColumns), keys: 1}
	of := t.find("t.user_id = n.user_id", columnsOf("user_id bigint")...)
	loaded := func(b *store.Batch, f *fields) { b.LoadedSession(scanSession(f)) }
	life := func(p *arrays, n *store.Session) {
		p.bytes(n.Key[:])
		p.time(n.Expires)
		p.time(n.Replaced)
		p.bytes(n.Next)
	}
	return &kind[store.SessionKey, store.Session]{
		set: func(b *store.Batch) *store.Set[store.SessionKey, store.Session] { return &b.Sessions },
		find: func(q *request, b *store.Batch) {
			findAll(q, of, b.SessionsOf.Wanted(), func(p *arrays, user *core.UserID) { p.int(int64(*user)) }, func(f *fields) { loaded(b, f) })
		},
		finds:  func(b *store.Batch) bool { return len(b.SessionsOf.Wanted()) > 0 },
		putKey: func(p *arrays, k store.SessionKey) { p.bytes(k[:]) },
		putRow: func(p *arrays, n *store.Session) {
			life(p, n)
			p.int(int64(n.Kind))
			p.int(int64(n.Family))
			p.int(int64(n.Tenant))
			p.int(int64(n.App))
			p.int(int64(n.User))
			p.int(int64(n.Device))
			p.time(n.AuthTime)
		},
		loaded:  loaded,
		byKey:   t.byKey(),
		insert:  t.insert("key_hash"),
		remove:  t.remove(),
		update:  t.update(columnsOf(sessionLife)),
		putLife: life,
		keeps:   store.SameSession,
		keyOf:   func(n *store.Session) store.SessionKey { return n.Key },
		rewrite: t.update(t.columns),
	}
}

func scanSession(f *fields) (n store.Session) {
	f.into(n.Key[:])
	n.Expires = f.time()
	n.Replaced = f.time()
	n.Next = f.bytes()
	n.Kind = store.SessionKind(f.int())
	n.Family = core.LoginID(f.int())
	n.Tenant = core.TenantID(f.int())
	n.App = core.AppID(f.int())
	n.User = core.UserID(f.int())
	n.Device = uint64(f.int())
	n.AuthTime = f.time()
	return n
}

func newLogins(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "login_event", keys: 1,
		columns: columnsOf("id bigint, tenant bigint, app bigint, user_id bigint, kind bigint, purpose bigint, code bigint, family bigint, device bigint")}
	return &kind[core.LoginID, store.LoginEvent]{
		set:    func(b *store.Batch) *store.Set[core.LoginID, store.LoginEvent] { return &b.Logins },
		putKey: putID[core.LoginID],
		putRow: func(p *arrays, e *store.LoginEvent) {
			p.int(int64(e.ID))
			p.int(int64(e.Tenant))
			p.int(int64(e.App))
			p.int(int64(e.User))
			p.int(int64(e.Kind))
			p.int(int64(e.Purpose))
			p.int(int64(e.Code))
			p.int(int64(e.Family))
			p.int(int64(e.Device))
		},
		loaded: func(b *store.Batch, f *fields) {
			e := store.LoginEvent{ID: core.LoginID(f.int()), Tenant: core.TenantID(f.int()), App: core.AppID(f.int()), User: core.UserID(f.int()),
				Kind: store.LoginKind(f.int()), Purpose: core.Purpose(f.int()), Code: core.VerificationID(f.int()), Family: core.LoginID(f.int()),
				Device: uint64(f.int())}
			b.Logins.Loaded(e.ID, e)
		},
		byKey:  t.byKey(),
		insert: t.insert(""),
	}
}

func newProfiles(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "profile", columns: columnsOf("user_id bigint, tenant bigint, disabled boolean, body bytea, updated bigint"), keys: 1}
	put := func(p *arrays, n *store.Profile) {
		p.int(int64(n.User))
		p.int(int64(n.Tenant))
		p.bool(n.Disabled)
		p.bytes(n.Body)
		p.time(n.Updated)
	}
	return &kind[core.UserID, store.Profile]{
		set:    func(b *store.Batch) *store.Set[core.UserID, store.Profile] { return &b.Profiles },
		putKey: putID[core.UserID],
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			n := store.Profile{User: core.UserID(f.int()), Tenant: core.TenantID(f.int()), Disabled: f.bool(), Body: f.bytes(), Updated: f.time()}
			b.Profiles.Loaded(n.User, n)
		},
		byKey:   t.byKey(),
		insert:  t.insert("user_id"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}
