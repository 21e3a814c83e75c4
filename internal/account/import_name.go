package account

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// ImportUserName gives a user the user name that an app knows (contracts/oneaccess.md
// §9). One that the user has stays: doing it again changes nothing.
// KindOverloaded, KindInternal.
func (i *Importer) ImportUserName(ctx context.Context, app *tenant.App, user core.UserID, name string) error {
	c := &nameUser{i: i, tenant: app.Tenant, user: user, name: name}
	if err := i.store.Do(store.Patient(ctx), c); err != nil {
		return fmt.Errorf("import a user name: %w", err)
	}
	return nil
}

// nameUser writes the name into the user's profile.
type nameUser struct {
	i      *Importer
	tenant core.TenantID
	user   core.UserID
	name   string
}

// Want names the profile.
func (c *nameUser) Want(b *store.Batch) { b.Profiles.Want(c.user) }

// Decide leaves a name that there is.
func (c *nameUser) Decide(b *store.Batch) error {
	row, _ := b.Profiles.Get(c.user)
	profile, err := OpenProfile(c.i.ring, row.Body)
	if err != nil || profile.UserName != "" {
		return err
	}
	profile.UserName = c.name
	row.User, row.Tenant, row.Updated = c.user, c.tenant, b.Now
	if row.Body, err = SealProfile(c.i.ring, profile); err != nil {
		return err
	}
	b.Profiles.Put(c.user, row)
	return nil
}
