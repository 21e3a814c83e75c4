package account

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// devicePrefix begins every device id that we issue (contracts/yunbox.md §1.1).
const devicePrefix = "dv"

// ValidDeviceID tells whether a text has the syntax of a device id: the issued
// one or, where imported ids count, the importable one.
func ValidDeviceID(text string, imported bool) bool {
	return hasIssuedDeviceSyntax(text) || imported && hasImportedSyntax(text)
}

// List gives the ids of the n newest devices that a user has in an app, newest
// first, ties by id descending (contracts/yunbox.md §7). Pending and deleted
// ones are not among them.
func (d *Devices) List(ctx context.Context, user core.UserID, app core.AppID, n int) ([]string, error) {
	var rows []records.Device
	err := d.store.View(ctx, func(q store.SQL) (err error) {
		rows, err = records.DevicesOfUser(ctx, q, user, app, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = d.text(row)
	}
	return texts, nil
}

// Find gives the device of an id, issued or imported. KindInvalidID for a text
// of neither syntax (callers for whom imported ids do not count ask
// ValidDeviceID first), KindNotFound when it names no device, or one that is
// pending or deleted. The caller compares user and app.
func (d *Devices) Find(ctx context.Context, text string) (Device, error) {
	if !ValidDeviceID(text, true) {
		return Device{}, core.E(core.KindInvalidID, "not the syntax of a device id")
	}
	row, err := d.find(ctx, text)
	if err != nil {
		return Device{}, err
	}
	return Device{ID: row.ID, Text: text, Tenant: row.Tenant, App: row.App, User: row.User, Created: row.Created.Time()}, nil
}

func (d *Devices) find(ctx context.Context, text string) (row records.Device, err error) {
	var found bool
	err = d.store.View(ctx, func(q store.SQL) error {
		if row, found, err = d.issued(ctx, q, text); err != nil || found {
			return err
		}
		row, found, err = records.DeviceByImportedID(ctx, q, text)
		return err
	})
	if err != nil {
		return records.Device{}, fmt.Errorf("find a device: %w", err)
	}
	if !found {
		return records.Device{}, core.E(core.KindNotFound, "no such device")
	}
	return row, nil
}

// issued finds the device of an id of ours. An imported device has only the id
// that it was imported with.
func (d *Devices) issued(ctx context.Context, q store.SQL, text string) (records.Device, bool, error) {
	if !hasIssuedDeviceSyntax(text) {
		return records.Device{}, false, nil
	}
	id, _ := core.DecodeID128(text[len(devicePrefix):])
	of, app, number, ok := d.ring.OpenAlias(keyring.AliasDevice, id)
	if !ok {
		return records.Device{}, false, nil
	}
	row, found, err := records.DeviceByID(ctx, q, core.DeviceID(number))
	found = found && row.Tenant == of && row.App == app && row.Imported == ""
	return row, found, err
}

// Delete hides a device at once, has the back end cut it off, and then gives
// its addresses back. When the back end does not agree the error says so, the
// addresses stay taken, and Delete can be called again. Other errors:
// KindNotFound, KindInternal.
func (d *Devices) Delete(ctx context.Context, device Device) error {
	row := records.Device{ID: device.ID, Tenant: device.Tenant, App: device.App, User: device.User, Imported: device.Text}
	var owner records.UserNetwork
	err := d.update(ctx, func(q store.SQL) error {
		ok, err := records.DeleteDevice(ctx, q, device.ID, store.At(d.now()))
		if err == nil && !ok {
			err = core.E(core.KindNotFound, "no such device")
		}
		if err == nil {
			owner, _, err = records.ReadUserNetwork(ctx, q, device.User)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := d.tunnel.RetractDevice(ctx, d.record(row, owner)); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	return d.update(ctx, func(q store.SQL) error { return records.DeletePeer(ctx, q, device.ID) })
}

// text is the id under which an app knows a device.
func (d *Devices) text(row records.Device) string {
	if row.Imported != "" {
		return row.Imported
	}
	return devicePrefix + core.EncodeID128(d.ring.Alias(keyring.AliasDevice, row.Tenant, row.App, int64(row.ID)))
}

func hasIssuedDeviceSyntax(text string) bool {
	if len(text) != len(devicePrefix)+26 || text[:len(devicePrefix)] != devicePrefix {
		return false
	}
	_, ok := core.DecodeID128(text[len(devicePrefix):])
	return ok
}
