package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
)

// deviceLease is how long a device may be pending: longer than the back end
// may take, short enough that a crash does not hold its addresses for long.
const deviceLease = 30 * time.Second

// Device is a user's device in one app.
type Device struct {
	ID      core.DeviceID
	Text    string // as the app knows it
	Tenant  core.TenantID
	App     core.AppID
	User    core.UserID
	Created time.Time
}

// DeviceStore is the part of the database that Devices needs.
type DeviceStore interface {
	Viewer
	Update(ctx context.Context, f func(store.SQL) error) error
}

// DeviceOptions are what Devices is made of; all are required.
type DeviceOptions struct {
	Store   DeviceStore
	Tunnel  *tunnel.Service
	Ring    *keyring.Ring
	Aliases *Aliases
	IDs     *core.IDs
	Now     func() time.Time
	Log     *slog.Logger
}

// Devices makes, finds and removes the devices of users.
type Devices struct {
	store   DeviceStore
	tunnel  *tunnel.Service
	ring    *keyring.Ring
	aliases *Aliases
	ids     *core.IDs
	now     func() time.Time
	log     *slog.Logger
}

// NewDevices returns the service.
func NewDevices(o DeviceOptions) *Devices {
	return &Devices{store: o.Store, tunnel: o.Tunnel, ring: o.Ring, aliases: o.Aliases, ids: o.IDs, now: o.Now, log: o.Log}
}

// Create makes a device with its tunnel peer and returns its id
// (contracts/yunbox.md §6). Errors: KindNotFound (no such user),
// KindProvisioningRefused (the user has app.DeviceCap devices in the app, no
// address is free, or the back end refused), KindProvisioningUnreachable,
// KindInternal. After the first three nothing was created.
func (d *Devices) Create(ctx context.Context, app *tenant.App, user core.UserID) (string, error) {
	return d.add(ctx, d.newRow(app, user), app.DeviceCap)
}

// ImportedDevice is a device that was made elsewhere.
type ImportedDevice struct {
	Text    string    // its id, kept verbatim: 1 to 64 of [A-Za-z0-9_.-]
	Created time.Time // zero: now
}

// Import adds a device with the id that it has, and makes its peer
// (contracts/README.md §3.5). The cap does not count. Importing one again for
// the same user and app changes nothing; KindConflict when the id is another
// user's or app's, KindInvalidID when it cannot be kept. The rest as Create.
func (d *Devices) Import(ctx context.Context, app *tenant.App, user core.UserID, device ImportedDevice) error {
	if !hasImportedSyntax(device.Text) {
		return core.E(core.KindInvalidID, "not an id that can be imported")
	}
	row := d.newRow(app, user)
	row.Imported = device.Text
	if !device.Created.IsZero() {
		row.Created = store.At(device.Created)
	}
	have, err := d.find(ctx, device.Text)
	switch {
	case err == nil && have.User == user && have.App == app.ID:
		return nil
	case err == nil:
		return core.E(core.KindConflict, "the id is another device's")
	case core.KindOf(err) != core.KindNotFound:
		return err
	}
	_, err = d.add(ctx, row, noCap)
	if errors.Is(err, store.ErrUnique) {
		return core.Wrap(core.KindConflict, err, "the id was another device's")
	}
	return err
}

// noCap lets an import have more devices than the app's cap.
const noCap = 1 << 30

func (d *Devices) newRow(app *tenant.App, user core.UserID) records.Device {
	return records.Device{ID: core.DeviceID(d.ids.Next()), Tenant: app.Tenant, App: app.ID, User: user, Created: store.At(d.now())}
}

// add makes a device: at once, or pending until the back end agreed.
func (d *Devices) add(ctx context.Context, row records.Device, limit int) (string, error) {
	peer, err := d.tunnel.NewPeer(row.ID)
	if err != nil {
		return "", err
	}
	if !d.tunnel.Outside() {
		_, err := d.insert(ctx, row, limit, peer)
		return d.text(row), err
	}
	if err := d.provisionUser(ctx, row); err != nil {
		return "", err
	}
	row.LeaseUntil = store.At(d.now()).Add(deviceLease)
	owner, err := d.insert(ctx, row, limit, peer)
	if err != nil {
		return "", err
	}
	err = d.tunnel.AnnounceDevice(ctx, d.record(row, owner), peer)
	// The reservation must end also when the caller has gone away meanwhile.
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		if undo := d.update(ctx, func(q store.SQL) error { return records.ReleaseDevice(ctx, q, row.ID) }); undo != nil {
			d.log.Error("account: a pending device could not be released; it lapses by itself", "error", undo.Error())
		}
		return "", err
	}
	return d.text(row), d.activate(ctx, row.ID)
}

// insert adds the device and its peer in one transaction.
func (d *Devices) insert(ctx context.Context, row records.Device, limit int, peer *tunnel.Peer) (owner records.UserNetwork, err error) {
	err = d.update(ctx, func(q store.SQL) error {
		var found bool
		if owner, found, err = records.LockUserNetwork(ctx, q, row.User); err != nil {
			return err
		}
		if !found || owner.Tenant != row.Tenant {
			return core.E(core.KindNotFound, "no such user")
		}
		if err := records.ReleaseLapsedDevices(ctx, q, row.User, store.At(d.now())); err != nil {
			return err
		}
		n, err := records.CountDevices(ctx, q, row.User, row.App)
		if err != nil {
			return err
		}
		if n >= int64(limit) {
			return core.E(core.KindProvisioningRefused, "the user has as many devices as the app allows")
		}
		if err := records.InsertDevice(ctx, q, row); err != nil {
			return err
		}
		return d.tunnel.AddPeer(ctx, q, row.User, peer)
	})
	return owner, err
}

// provisionUser sees to it that the back end knows a network of the user.
func (d *Devices) provisionUser(ctx context.Context, row records.Device) error {
	var owner records.UserNetwork
	var found bool
	err := d.store.View(ctx, func(q store.SQL) (err error) {
		owner, found, err = records.ReadUserNetwork(ctx, q, row.User)
		return err
	})
	if err != nil || found && owner.Network != 0 {
		return err
	}
	if !found {
		return core.E(core.KindNotFound, "no such user")
	}
	_, err = d.tunnel.ProvisionUser(ctx, tunnel.UserNetwork{Tenant: row.Tenant, App: row.App, User: row.User,
		UserText: d.aliases.Text(row.Tenant, row.App, row.User), Test: owner.Test})
	return err
}

func (d *Devices) activate(ctx context.Context, id core.DeviceID) error {
	return d.update(ctx, func(q store.SQL) error {
		ok, err := records.ActivateDevice(ctx, q, id)
		if err == nil && !ok {
			// We were held up for longer than the lease, and its addresses are given out again.
			err = core.E(core.KindProvisioningUnreachable, "the reservation lapsed before the back end agreed")
		}
		return err
	})
}

func (d *Devices) record(row records.Device, owner records.UserNetwork) tunnel.DeviceRecord {
	return tunnel.DeviceRecord{Tenant: row.Tenant, App: row.App, UserText: d.aliases.Text(row.Tenant, row.App, row.User),
		DeviceText: d.text(row), Test: owner.Test}
}

// update is a transaction, run again when another one was faster.
func (d *Devices) update(ctx context.Context, f func(store.SQL) error) error {
	err := records.Update(ctx, d.store, f)
	if err != nil && core.KindOf(err) == core.KindInternal {
		return fmt.Errorf("write a device: %w", err)
	}
	return err
}
