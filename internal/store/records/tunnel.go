package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// TunnelPool is the row of the table tunnel_pool: what the numbers of networks
// mean.
type TunnelPool struct {
	IPv4         string // first address
	IPv4Bits     int64  // prefix length of one network
	IPv6         string // first address
	TestNetworks int64  // numbers 1 to this are for test users
}

// ReadTunnelPool reads the row; false when no network was given out yet.
func ReadTunnelPool(ctx context.Context, q store.SQL) (p TunnelPool, found bool, err error) {
	err = q.Query(ctx, `SELECT ipv4, ipv4_bits, ipv6, test_networks FROM tunnel_pool WHERE id = 1`, func(r store.Scanner) error {
		found = true
		return r.Scan(&p.IPv4, &p.IPv4Bits, &p.IPv6, &p.TestNetworks)
	})
	return p, found, err
}

// InsertTunnelPool writes the row. store.ErrUnique: it exists.
func InsertTunnelPool(ctx context.Context, q store.SQL, p TunnelPool) error {
	_, err := q.Exec(ctx, `INSERT INTO tunnel_pool (id, ipv4, ipv4_bits, ipv6, test_networks) VALUES (1, $1, $2, $3, $4)`,
		p.IPv4, p.IPv4Bits, p.IPv6, p.TestNetworks)
	return err
}

// UserNetwork is the part of a user's row that concerns the tunnel.
type UserNetwork struct {
	Tenant  core.TenantID
	Test    bool
	Network int64 // 0: none yet
}

// LockUserNetwork reads it and keeps other transactions from the user's row
// until the end of this one; false when there is no such user.
func LockUserNetwork(ctx context.Context, q store.SQL, user core.UserID) (UserNetwork, bool, error) {
	// A write that changes nothing is the lock that every engine has.
	if n, err := q.Exec(ctx, `UPDATE users SET network = network WHERE id = $1`, int64(user)); err != nil || n == 0 {
		return UserNetwork{}, false, err
	}
	return ReadUserNetwork(ctx, q, user)
}

// ReadUserNetwork reads it without a lock; false when there is no such user.
func ReadUserNetwork(ctx context.Context, q store.SQL, user core.UserID) (u UserNetwork, found bool, err error) {
	err = q.Query(ctx, `SELECT tenant, test, network FROM users WHERE id = $1`, func(r store.Scanner) error {
		var tenant int64
		found = true
		err := r.Scan(&tenant, &u.Test, &u.Network)
		u.Tenant = core.TenantID(tenant)
		return err
	}, int64(user))
	return u, found, err
}

// SetUserNetwork gives a user that has no network the one of a number; false
// when it has one. store.ErrUnique: the network is another user's.
func SetUserNetwork(ctx context.Context, q store.SQL, user core.UserID, number int64) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE users SET network = $1 WHERE id = $2 AND network = 0`, number, int64(user))
	return n == 1, err
}

// InsertNetwork adds a network that is leased until an instant, or kept (0).
// store.ErrUnique: the number is taken, or the user has a lease.
func InsertNetwork(ctx context.Context, q store.SQL, number int64, user core.UserID, until store.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO tunnel_network (number, user_id, lease_until) VALUES ($1, $2, $3)`,
		number, int64(user), int64(until))
	return err
}

// LeasedNetwork is the number of the network that is leased for a user,
// whether the lease lapsed or not; 0 when there is none.
func LeasedNetwork(ctx context.Context, q store.SQL, user core.UserID) (number int64, err error) {
	err = q.Query(ctx, `SELECT number FROM tunnel_network WHERE user_id = $1 AND lease_until > 0`,
		func(r store.Scanner) error { return r.Scan(&number) }, int64(user))
	return number, err
}

// LapsedNetwork is the lowest number from low to high whose lease lapsed; 0
// when there is none. KeepReferredNetworks comes before it.
func LapsedNetwork(ctx context.Context, q store.SQL, now store.Time, low, high int64) (number int64, err error) {
	err = q.Query(ctx, `SELECT COALESCE(MIN(number), 0) FROM tunnel_network
		WHERE lease_until > 0 AND lease_until <= $1 AND number BETWEEN $2 AND $3`,
		func(r store.Scanner) error { return r.Scan(&number) }, int64(now), low, high)
	return number, err
}

// HighestNetwork is the highest number in use from low to high; 0 when none is.
func HighestNetwork(ctx context.Context, q store.SQL, low, high int64) (number int64, err error) {
	err = q.Query(ctx, `SELECT COALESCE(MAX(number), 0) FROM tunnel_network WHERE number BETWEEN $1 AND $2`,
		func(r store.Scanner) error { return r.Scan(&number) }, low, high)
	return number, err
}

// KeepReferredNetworks keeps every network whose lease lapsed and that a user
// or a peer refers to: they were committed while the lease ran.
func KeepReferredNetworks(ctx context.Context, q store.SQL, now store.Time) error {
	_, err := q.Exec(ctx, `UPDATE tunnel_network SET lease_until = 0 WHERE lease_until > 0 AND lease_until <= $1
		AND (EXISTS (SELECT 1 FROM users WHERE users.network = tunnel_network.number AND users.network <> 0)
			OR EXISTS (SELECT 1 FROM tunnel_peer WHERE tunnel_peer.network = tunnel_network.number))`, int64(now))
	return err
}

// LeaseNetwork leases a network anew, until an instant or for ever (0): a lapsed
// one for whomever, one that still runs for the same user. False: another
// transaction was faster.
func LeaseNetwork(ctx context.Context, q store.SQL, number int64, user core.UserID, now, until store.Time) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE tunnel_network SET user_id = $1, lease_until = $2
		WHERE number = $3 AND lease_until > 0 AND (lease_until <= $4 OR user_id = $1)`,
		int64(user), int64(until), number, int64(now))
	return n == 1, err
}

// Peer is a row of the table tunnel_peer.
type Peer struct {
	Device       core.DeviceID
	Network      int64
	Host         int64
	PublicKey    []byte
	PrivateKey   []byte // sealed; nil once handed out and forgotten
	PresharedKey []byte // sealed
}

// InsertPeer adds a peer. store.ErrUnique: the address or the device is taken.
func InsertPeer(ctx context.Context, q store.SQL, p Peer) error {
	_, err := q.Exec(ctx, `INSERT INTO tunnel_peer (device, network, host, public_key, private_key, preshared_key)
		VALUES ($1, $2, $3, $4, $5, $6)`, int64(p.Device), p.Network, p.Host, p.PublicKey, p.PrivateKey, p.PresharedKey)
	return err
}

// PeerHosts lists the hosts that are taken in a network, in ascending order.
func PeerHosts(ctx context.Context, q store.SQL, network int64) (hosts []int64, err error) {
	err = q.Query(ctx, `SELECT host FROM tunnel_peer WHERE network = $1 ORDER BY host`, func(r store.Scanner) error {
		var host int64
		err := r.Scan(&host)
		hosts = append(hosts, host)
		return err
	}, network)
	return hosts, err
}

// PeerOfDevice reads the peer of a device; false when it has none, or the
// device is pending or deleted.
func PeerOfDevice(ctx context.Context, q store.SQL, device core.DeviceID) (p Peer, found bool, err error) {
	p.Device = device
	err = q.Query(ctx, `SELECT p.network, p.host, p.public_key, p.private_key, p.preshared_key
		FROM tunnel_peer p JOIN device d ON d.id = p.device WHERE p.device = $1 AND d.lease_until = 0 AND d.deleted = 0`,
		func(r store.Scanner) error {
			found = true
			return r.Scan(&p.Network, &p.Host, &p.PublicKey, &p.PrivateKey, &p.PresharedKey)
		}, int64(device))
	return p, found, err
}

// ForgetPrivateKey erases a peer's private key; false when it was erased
// before.
func ForgetPrivateKey(ctx context.Context, q store.SQL, device core.DeviceID) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE tunnel_peer SET private_key = NULL WHERE device = $1 AND private_key IS NOT NULL`, int64(device))
	return n == 1, err
}

// DeletePeer gives a device's addresses back.
func DeletePeer(ctx context.Context, q store.SQL, device core.DeviceID) error {
	_, err := q.Exec(ctx, `DELETE FROM tunnel_peer WHERE device = $1`, int64(device))
	return err
}
