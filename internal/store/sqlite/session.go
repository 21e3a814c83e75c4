package sqlite

import (
	"errors"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that change in a session's life stand behind its key.
const (
	sessionLife    = "key_hash, expires, replaced, next"
	sessionColumns = sessionLife + ", kind, family, tenant, app, user_id, device, auth_time"
)

type sessionStatements struct{ byKey, ofUser, insert, update, remove *zsqlite.Stmt }

func prepareSessions(p *preparer) sessionStatements {
	return sessionStatements{
		byKey:  p.stmt("SELECT " + sessionColumns + " FROM session WHERE key_hash = ?"),
		ofUser: p.stmt("SELECT " + sessionColumns + " FROM session WHERE user_id = ?"),
		insert: p.insert("session", sessionColumns),
		update: p.update("session", 1, sessionLife),
		remove: p.stmt("DELETE FROM session WHERE key_hash = ?"),
	}
}

func bindSession(stmt *zsqlite.Stmt, k store.SessionKey) parameters {
	p := bind(stmt)
	p.bytes(k[:])
	return p
}

func (s *sessionStatements) load(b *store.Batch) error {
	for _, user := range b.SessionsOf.Wanted() {
		p := bindID(s.ofUser, user)
		if err := p.rows(func(row columns) { b.LoadedSession(scanSession(row)) }); err != nil {
			return err
		}
	}
	return loadByKey(s.byKey, b.Sessions.Wanted(), bindSession, func(_ store.SessionKey, row columns) { b.LoadedSession(scanSession(row)) })
}

func (s *sessionStatements) write(b *store.Batch) error {
	life := func(stmt *zsqlite.Stmt, n *store.Session) parameters {
		p := bindSession(stmt, n.Key)
		p.time(n.Expires)
		p.time(n.Replaced)
		p.bytes(n.Next)
		return p
	}
	return writeSet(&b.Sessions, rowWriter[store.SessionKey, store.Session]{
		remove: remover(s.remove, bindSession),
		update: func(_, n *store.Session) error {
			p := life(s.update, n)
			return p.run()
		},
		insert: func(n *store.Session) error {
			p := life(s.insert, n)
			p.int(int64(n.Kind))
			p.int(int64(n.Family))
			p.int(int64(n.Tenant))
			p.int(int64(n.App))
			p.int(int64(n.User))
			p.int(int64(n.Device))
			p.time(n.AuthTime)
			return p.run()
		},
		key:   func(n *store.Session) store.SessionKey { return n.Key },
		keeps: store.SameSession,
	})
}

func scanSession(c columns) (n store.Session) {
	c.into(n.Key[:])
	n.Expires = c.time()
	n.Replaced = c.time()
	n.Next = c.bytes()
	n.Kind = store.SessionKind(c.int())
	n.Family = core.LoginID(c.int())
	n.Tenant = core.TenantID(c.int())
	n.App = core.AppID(c.int())
	n.User = core.UserID(c.int())
	n.Device = uint64(c.int())
	n.AuthTime = c.time()
	return n
}

type loginStatements struct{ byID, insert *zsqlite.Stmt }

func prepareLogins(p *preparer) loginStatements {
	const columns = "id, tenant, app, user_id, kind, purpose, code, family, device"
	return loginStatements{
		byID:   p.stmt("SELECT " + columns + " FROM login_event WHERE id = ?"),
		insert: p.insert("login_event", columns),
	}
}

func (s *loginStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.Logins.Wanted(), bindID[core.LoginID], func(id core.LoginID, c columns) {
		c.int()
		b.Logins.Loaded(id, store.LoginEvent{ID: id, Tenant: core.TenantID(c.int()), App: core.AppID(c.int()), User: core.UserID(c.int()),
			Kind: store.LoginKind(c.int()), Purpose: core.Purpose(c.int()), Code: core.VerificationID(c.int()), Family: core.LoginID(c.int()),
			Device: uint64(c.int())})
	})
}

var errLogin = errors.New("sqlite: a login event is only ever inserted")

func (s *loginStatements) write(b *store.Batch) error {
	return writeSet(&b.Logins, rowWriter[core.LoginID, store.LoginEvent]{
		remove: func(core.LoginID) error { return errLogin },
		update: func(_, _ *store.LoginEvent) error { return errLogin },
		insert: func(e *store.LoginEvent) error {
			p := bindID(s.insert, e.ID)
			p.int(int64(e.Tenant))
			p.int(int64(e.App))
			p.int(int64(e.User))
			p.int(int64(e.Kind))
			p.int(int64(e.Purpose))
			p.int(int64(e.Code))
			p.int(int64(e.Family))
			p.int(int64(e.Device))
			return p.run()
		},
		keeps: keepsAll[store.LoginEvent],
	})
}

type profileStatements struct{ byUser, insert, update, remove *zsqlite.Stmt }

func prepareProfiles(p *preparer) profileStatements {
	const columns = "user_id, tenant, disabled, body, updated"
	return profileStatements{
		byUser: p.stmt("SELECT " + columns + " FROM profile WHERE user_id = ?"),
		insert: p.insert("profile", columns),
		update: p.update("profile", 1, columns),
		remove: p.stmt("DELETE FROM profile WHERE user_id = ?"),
	}
}

func (s *profileStatements) load(b *store.Batch) error {
	return loadByKey(s.byUser, b.Profiles.Wanted(), bindID[core.UserID], func(user core.UserID, c columns) {
		c.int()
		b.Profiles.Loaded(user, store.Profile{User: user, Tenant: core.TenantID(c.int()), Disabled: c.bool(), Body: c.bytes(), Updated: c.time()})
	})
}

func (s *profileStatements) write(b *store.Batch) error {
	put := func(stmt *zsqlite.Stmt, n *store.Profile) error {
		p := bindID(stmt, n.User)
		p.int(int64(n.Tenant))
		p.bool(n.Disabled)
		p.bytes(n.Body)
		p.time(n.Updated)
		return p.run()
	}
	return writeSet(&b.Profiles, rowWriter[core.UserID, store.Profile]{
		remove: remover(s.remove, bindID[core.UserID]),
		update: func(_, n *store.Profile) error { return put(s.update, n) },
		insert: func(n *store.Profile) error { return put(s.insert, n) },
		keeps:  keepsAll[store.Profile],
	})
}
