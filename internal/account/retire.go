package account

import (
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
)

// Retired is the number of a user who lost the own one: nobody has it, so that
// nobody can log in. The user stays, for what belongs to it. Errors as
// RealNumber.
func Retired(ring *keyring.Ring, tenant core.TenantID, user core.UserID) (Number, error) {
	label := fmt.Sprintf("no number, user %d", user)
	sealed, err := ring.Seal(testField, []byte(label))
	return Number{Tenant: tenant, Index: ring.IndexLabel(label), Sealed: sealed}, err
}

// Retire takes a user's number away: the operator gave it to another person
// (requirement row 45). All sessions end; the caller has wanted them.
func Retire(b *store.Batch, ring *keyring.Ring, u store.User) error {
	n, err := Retired(ring, u.Tenant, u.ID)
	if err != nil {
		return err
	}
	u.Index, u.Phone = n.Index, n.Sealed
	b.PutUser(u)
	EndSessions(b, u.ID, nil)
	return nil
}

// Move gives a user another number, which no other user has.
func Move(b *store.Batch, u store.User, to Number) {
	u.Index, u.Phone, u.Test, u.LastLogin = to.Index, to.Sealed, to.Test, b.Now
	b.PutUser(u)
}
