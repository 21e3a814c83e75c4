package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// WantImported names the id that was issued elsewhere for a user in an app.
func WantImported(b *store.Batch, app core.AppID, u store.User) {
	b.Aliases.Want(store.AliasKey{App: app, User: u.ID})
}

// ImportedText is the id that was issued elsewhere for a user in an app, ""
// when there is none. Of a user whom an earlier command of the batch made,
// WantImported could not know: what that command did not write does not exist.
func ImportedText(b *store.Batch, app core.AppID, u store.User) string {
	key := store.AliasKey{App: app, User: u.ID}
	if !b.Aliases.Has(key) {
		return ""
	}
	alias, _ := b.Aliases.Get(key)
	return alias.Text
}

// Store runs commands.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// ImporterOptions are what an Importer is made of; all are required.
type ImporterOptions struct {
	Store   Store
	View    Viewer // of the same database
	Ring    *keyring.Ring
	IDs     *core.IDs
	Devices *Devices
}

// Importer takes users and their devices over from another installation, with
// the ids that they have (contracts/README.md §3.5).
type Importer struct {
	store   Store
	view    Viewer
	ring    *keyring.Ring
	ids     *core.IDs
	devices *Devices
}

var _ tenant.Users = (*Importer)(nil)

// NewImporter returns the importer.
func NewImporter(o ImporterOptions) *Importer {
	return &Importer{store: o.Store, view: o.View, ring: o.Ring, ids: o.IDs, devices: o.Devices}
}

// ImportUser gives a number's user the id uid in an app, and makes the user if
// the number has none; one that exists stays. Doing it again changes nothing.
// Errors: KindInvalidID for an id that cannot be kept, KindConflict when it is
// another user's or the number has another imported id in the app,
// KindOverloaded, KindInternal.
func (i *Importer) ImportUser(ctx context.Context, app *tenant.App, phone core.Phone, uid string) (core.UserID, error) {
	if !hasImportedSyntax(uid) {
		return 0, core.E(core.KindInvalidID, "not an id that can be imported")
	}
	number, err := RealNumber(i.ring, app.Tenant, phone)
	if err != nil {
		return 0, err
	}
	owner, err := i.owner(ctx, app.ID, uid)
	if err != nil {
		return 0, err
	}
	c := &importUser{number: number, app: app.ID, uid: uid, owner: owner, fresh: core.UserID(i.ids.Next())}
	err = i.store.Do(ctx, c)
	if errors.Is(err, store.ErrUnique) {
		return 0, core.Wrap(core.KindConflict, err, "another import was faster")
	}
	return c.user, err
}

// owner is the user who has an imported id in an app; 0 when nobody has it.
func (i *Importer) owner(ctx context.Context, app core.AppID, uid string) (user core.UserID, err error) {
	err = i.view.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT user_id FROM alias WHERE text = $1 AND app = $2`, func(r store.Scanner) error {
			return r.Scan((*int64)(&user))
		}, uid, int64(app))
	})
	if err != nil {
		return 0, fmt.Errorf("find an imported user: %w", err)
	}
	return user, nil
}

// ImportDevice gives a user the device deviceID, made at created, in an app.
// Doing it again changes nothing. Errors as Devices.Import.
func (i *Importer) ImportDevice(ctx context.Context, app *tenant.App, user core.UserID, deviceID string, created time.Time) error {
	return i.devices.Import(store.Patient(ctx), app, user, ImportedDevice{Text: deviceID, Created: created})
}

// importUser finds or makes the user of a number and writes its imported id.
type importUser struct {
	number Number
	app    core.AppID
	uid    string
	owner  core.UserID // who had the id before; 0 = nobody
	fresh  core.UserID

	user core.UserID // result
}

// Want names the user of the number, then the id that it has.
func (c *importUser) Want(b *store.Batch) {
	WantUser(b, c.number)
	if u, found := FindUser(b, c.number); found {
		WantImported(b, c.app, u)
	}
}

// Decide refuses with KindConflict.
func (c *importUser) Decide(b *store.Batch) error {
	u, found := FindUser(b, c.number)
	if !found {
		u = store.User{ID: c.fresh, Tenant: c.number.Tenant, Index: c.number.Index, Phone: c.number.Sealed}
	}
	c.user = u.ID
	switch have := ImportedText(b, c.app, u); {
	case have == c.uid:
		return nil
	case have != "":
		return core.E(core.KindConflict, "the number has another imported id")
	case c.owner != 0:
		return core.E(core.KindConflict, "the id is another user's")
	}
	if !found {
		b.PutUser(u)
	}
	b.Aliases.Put(store.AliasKey{App: c.app, User: u.ID}, store.Alias{App: c.app, User: u.ID, Text: c.uid})
	return nil
}
