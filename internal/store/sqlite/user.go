package sqlite

import (
	"bytes"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const userColumns = "id, tenant, idx_a, idx_b, phone, test, network, last_login"

type userStatements struct {
	byID, insert, login, network, remove *zsqlite.Stmt
	of                                   sideStatements
}

func prepareUsers(p *preparer) userStatements {
	const table = "users"
	const find = "SELECT " + userColumns + " FROM users INDEXED BY users_"
	return userStatements{
		byID:    p.stmt("SELECT " + userColumns + " FROM users WHERE id = ?"),
		insert:  p.insert(table, userColumns),
		login:   p.update(table, 1, "id, last_login"),
		network: p.update(table, 1, "id, network, last_login"),
		remove:  p.stmt("DELETE FROM users WHERE id = ?"),
		of: sideStatements{
			a:    p.stmt(find + "a WHERE tenant = ? AND idx_a = ?"),
			b:    p.stmt(find + "b WHERE tenant = ? AND idx_b = ?"),
			anyA: p.stmt("SELECT 1 FROM users INDEXED BY users_a WHERE idx_a IS NOT NULL LIMIT 1"),
			anyB: p.stmt("SELECT 1 FROM users INDEXED BY users_b WHERE idx_b IS NOT NULL LIMIT 1"),
		},
	}
}

func (s *userStatements) load(b *store.Batch) error {
	if err := s.loadOf(b); err != nil {
		return err
	}
	return loadByKey(s.byID, b.Users.Wanted(), bindID[core.UserID], func(_ core.UserID, row columns) {
		b.LoadedUser(scanUser(row))
	})
}

func (s *userStatements) loadOf(b *store.Batch) error {
	wanted := b.UserOf.Wanted()
	sides, err := s.of.inUse(len(wanted))
	if err != nil {
		return err
	}
	for i := range wanted {
		k := &wanted[i]
		for _, side := range sides {
			p := bind(side)
			p.int(int64(k.Tenant))
			p.side(&k.Index)
			if err := p.rows(func(row columns) { b.LoadedUser(scanUser(row)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *userStatements) write(b *store.Batch) error {
	return writeSet(&b.Users, rowWriter[core.UserID, store.User]{
		remove: remover(s.remove, bindID[core.UserID]),
		update: s.update,
		insert: s.writeNew,
		key:    func(u *store.User) core.UserID { return u.ID },
		keeps: func(was, is *store.User) bool {
			return was.Tenant == is.Tenant && was.Test == is.Test && sameSides(&was.Index, &is.Index) && bytes.Equal(was.Phone, is.Phone)
		},
	})
}

// update of a login touches the row alone: the index by number has random keys,
// and a page of it would go into the WAL with every login.
func (s *userStatements) update(was, is *store.User) error {
	if was.Network == is.Network {
		p := bindID(s.login, is.ID)
		p.time(is.LastLogin)
		return p.run()
	}
	p := bindID(s.network, is.ID)
	p.int(is.Network)
	p.time(is.LastLogin)
	return p.run()
}

func (s *userStatements) writeNew(u *store.User) error {
	p := bind(s.insert)
	p.int(int64(u.ID))
	p.int(int64(u.Tenant))
	p.side(&u.Index.A)
	p.side(&u.Index.B)
	p.bytes(u.Phone)
	p.bool(u.Test)
	p.int(u.Network)
	p.time(u.LastLogin)
	return p.run()
}

func scanUser(c columns) (u store.User) {
	u.ID = core.UserID(c.int())
	u.Tenant = core.TenantID(c.int())
	u.Index = c.index()
	u.Phone = c.bytes()
	u.Test = c.bool()
	u.Network = c.int()
	u.LastLogin = c.time()
	return u
}
