package account

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Step is a login that waits for its second code (contracts/oneaccess.md §5).
type Step struct {
	Key    store.SessionKey
	Person Person
}

// Step is the waiting login that a state token names by its id. It ends with
// the right code, or after verify.StepLife. KindUnauthenticated with the field
// state_token: over, unknown, another app's or device's.
func (s *Sessions) Step(ctx context.Context, app *tenant.App, id, fingerprint string) (Step, error) {
	var row store.Session
	found := false
	key := SessionKeyOf(id)
	err := s.o.View.View(ctx, func(q store.SQL) (err error) {
		row, found, err = records.SessionByKey(ctx, q, key)
		return err
	})
	if err != nil {
		return Step{}, fmt.Errorf("find the second step of a login: %w", err)
	}
	if !found || row.Kind != store.SessionStep || row.App != app.ID || row.Tenant != app.Tenant || store.At(s.o.Now()) >= row.Expires ||
		row.Device != DeviceHash(s.o.Ring, app.ID, fingerprint) {
		return Step{}, unknownField("state_token", "over, unknown or another's")
	}
	person, err := s.Person(ctx, app, row.User)
	if core.KindOf(err) == core.KindNotFound {
		err = unknownField("state_token", "its user is gone")
	}
	return Step{Key: key, Person: person}, err
}

// Person reads a user as an app sees one. KindNotFound when there is none.
func (s *Sessions) Person(ctx context.Context, app *tenant.App, user core.UserID) (Person, error) {
	return s.o.Aliases.Person(ctx, app, user)
}
