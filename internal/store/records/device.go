package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Device is a row of the table device.
type Device struct {
	ID         core.DeviceID
	Tenant     core.TenantID
	App        core.AppID
	User       core.UserID
	Created    store.Time
	LeaseUntil store.Time // > 0: pending, the back end has not agreed yet
	Imported   string     // the id issued elsewhere, from device_alias; "" for one of ours
}

// InsertDevice adds a device, and its imported id if it has one.
// store.ErrUnique: the imported id is another device's.
func InsertDevice(ctx context.Context, q store.SQL, d Device) error {
	_, err := q.Exec(ctx, `INSERT INTO device (id, tenant, app, user_id, created, lease_until, deleted) VALUES ($1, $2, $3, $4, $5, $6, 0)`,
		int64(d.ID), int64(d.Tenant), int64(d.App), int64(d.User), int64(d.Created), int64(d.LeaseUntil))
	if err != nil || d.Imported == "" {
		return err
	}
	_, err = q.Exec(ctx, `INSERT INTO device_alias (text, device) VALUES ($1, $2)`, d.Imported, int64(d.ID))
	return err
}

// CountDevices counts the devices that a user has in an app, pending ones
// included.
func CountDevices(ctx context.Context, q store.SQL, user core.UserID, app core.AppID) (n int64, err error) {
	err = q.Query(ctx, `SELECT COUNT(*) FROM device WHERE user_id = $1 AND app = $2 AND deleted = 0`,
		func(r store.Scanner) error { return r.Scan(&n) }, int64(user), int64(app))
	return n, err
}

// ActivateDevice ends the pending state; false when the device is gone.
func ActivateDevice(ctx context.Context, q store.SQL, device core.DeviceID) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE device SET lease_until = 0 WHERE id = $1 AND lease_until > 0`, int64(device))
	return n == 1, err
}

// ReleaseDevice takes a pending device back, its addresses with it. One that
// is active stays.
func ReleaseDevice(ctx context.Context, q store.SQL, device core.DeviceID) error {
	return releaseDevices(ctx, q, `SELECT id FROM device WHERE id = $1 AND lease_until > 0`, int64(device))
}

// ReleaseLapsedDevices takes a user's pending devices back whose lease lapsed,
// their addresses with them.
func ReleaseLapsedDevices(ctx context.Context, q store.SQL, user core.UserID, now store.Time) error {
	return releaseDevices(ctx, q, `SELECT id FROM device WHERE user_id = $1 AND lease_until > 0 AND lease_until <= $2`, int64(user), int64(now))
}

func releaseDevices(ctx context.Context, q store.SQL, which string, args ...any) error {
	for _, sql := range [...]string{
		`DELETE FROM tunnel_peer WHERE device IN (` + which + `)`,
		`DELETE FROM device_alias WHERE device IN (` + which + `)`,
		`DELETE FROM device WHERE id IN (` + which + `)`,
	} {
		if _, err := q.Exec(ctx, sql, args...); err != nil {
			return err
		}
	}
	return nil
}

// DeleteDevice hides a device for good. Its peer stays until DeletePeer, and
// its imported id is never free again. False: there is no such device.
func DeleteDevice(ctx context.Context, q store.SQL, device core.DeviceID, now store.Time) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE device SET deleted = $1 WHERE id = $2 AND lease_until = 0`, int64(now), int64(device))
	return n == 1, err
}

const deviceColumns = `SELECT d.id, d.tenant, d.app, d.user_id, d.created, d.lease_until, COALESCE(a.text, '')
	FROM device d LEFT JOIN device_alias a ON a.device = d.id WHERE d.deleted = 0 AND d.lease_until = 0 AND `

// DevicesOfUser lists the n newest active devices that a user has in an app,
// newest first, ties by id descending.
func DevicesOfUser(ctx context.Context, q store.SQL, user core.UserID, app core.AppID, n int) ([]Device, error) {
	return readDevices(ctx, q, deviceColumns+`d.user_id = $1 AND d.app = $2 ORDER BY d.created DESC, d.id DESC LIMIT $3`,
		int64(user), int64(app), int64(n))
}

// DeviceByID reads an active device; false when there is none.
func DeviceByID(ctx context.Context, q store.SQL, id core.DeviceID) (Device, bool, error) {
	return firstDevice(readDevices(ctx, q, deviceColumns+`d.id = $1`, int64(id)))
}

// DeviceByImportedID reads the active device of an id that was issued
// elsewhere; false when there is none.
func DeviceByImportedID(ctx context.Context, q store.SQL, text string) (Device, bool, error) {
	return firstDevice(readDevices(ctx, q, deviceColumns+`a.text = $1`, text))
}

func firstDevice(found []Device, err error) (Device, bool, error) {
	if err != nil || len(found) == 0 {
		return Device{}, false, err
	}
	return found[0], true, nil
}

func readDevices(ctx context.Context, q store.SQL, sql string, args ...any) ([]Device, error) {
	var all []Device
	err := q.Query(ctx, sql, func(r store.Scanner) error {
		var id, tenant, app, user, created, lease int64
		var d Device
		if err := r.Scan(&id, &tenant, &app, &user, &created, &lease, &d.Imported); err != nil {
			return err
		}
		d.ID, d.Tenant, d.App, d.User = core.DeviceID(id), core.TenantID(tenant), core.AppID(app), core.UserID(user)
		d.Created, d.LeaseUntil = store.Time(created), store.Time(lease)
		all = append(all, d)
		return nil
	}, args...)
	return all, err
}
