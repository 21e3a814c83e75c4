package account

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// User is a user as a façade knows it: one of an app's.
type User struct {
	ID     core.UserID
	Tenant core.TenantID
	App    core.AppID // the app whose alias it was found by
	Test   bool
}

func (n Number) key() store.UserKey {
	return store.UserKey{Tenant: n.Tenant, Index: n.Index.Lookup()}
}

// WantUser names the user of a number.
func WantUser(b *store.Batch, n Number) { b.UserOf.Want(n.key()) }

// WantedUser tells whether the user of a number was named: whether FindUser
// would know.
func WantedUser(b *store.Batch, n Number) bool { return b.UserOf.Asked(n.key()) }

// FindUser gives the user of a number, if there is one.
func FindUser(b *store.Batch, n Number) (store.User, bool) { return b.User(n.key()) }

// Login records a login at the batch's instant: the user of the number, or a
// new one with the id fresh. The row is written with both sides of the index
// that the number has. network is the one that was made for it, 0 for none; a
// user who has one keeps it.
func Login(b *store.Batch, n Number, fresh core.UserID, network int64) (u store.User, isNew bool) {
	u, found := FindUser(b, n)
	if !found {
		u = store.User{ID: fresh, Tenant: n.Tenant, Index: n.Index, Phone: n.Sealed, Test: n.Test}
	}
	u.Index = bothSides(u.Index, n.Index)
	if u.Network == 0 { // else another app's first login was faster, and devices may use it
		u.Network = network
	}
	u.LastLogin = b.Now
	b.PutUser(u)
	return u, !found
}

// bothSides fills the side that a row lacks during a rotation of the index key.
func bothSides(row, now core.PhoneIndex) core.PhoneIndex {
	if row.A.IsZero() {
		row.A = now.A
	}
	if row.B.IsZero() {
		row.B = now.B
	}
	return row
}
