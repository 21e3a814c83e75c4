package tunnel

import (
	"context"
	"net/netip"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Peer is the WireGuard peer of one device. NewPeer makes it, AddPeer gives it
// its addresses.
type Peer struct {
	device    core.DeviceID
	public    [keySize]byte
	preshared core.Secret // 32 bytes
	row       records.Peer
	network   Network
}

// NewPeer draws and seals the keys of a device's peer. It needs no transaction.
func (s *Service) NewPeer(device core.DeviceID) (*Peer, error) {
	k, err := newKeys(s.random)
	if err != nil {
		return nil, err
	}
	row := records.Peer{Device: device, PublicKey: k.public[:]}
	if row.PrivateKey, err = s.sealer.Seal(privateField(device), k.private[:]); err != nil {
		return nil, err
	}
	if row.PresharedKey, err = s.sealer.Seal(presharedField(device), k.preshared[:]); err != nil {
		return nil, err
	}
	return &Peer{device: device, public: k.public, preshared: core.NewSecret(string(k.preshared[:])), row: row}, nil
}

// AddPeer gives a peer the lowest free host of its user's network, and the
// user a network if there is none yet, in the caller's transaction, which has
// locked the user's row. KindNotFound: no such user; KindProvisioningRefused:
// no network, or no address in it, is free.
func (s *Service) AddPeer(ctx context.Context, q store.SQL, user core.UserID, p *Peer) error {
	number, err := s.networkOf(ctx, q, user)
	if err != nil {
		return err
	}
	taken, err := records.PeerHosts(ctx, q, number)
	if err != nil {
		return err
	}
	p.row.Network = number
	if p.row.Host = lowestFree(taken, firstHost, s.config.lastHost()); p.row.Host == 0 {
		return core.E(core.KindProvisioningRefused, "every address of the user's network is taken")
	}
	p.network = s.config.network(number)
	return records.InsertPeer(ctx, q, p.row)
}

// networkOf is the number of the user's network, given to the user just now if
// need be.
func (s *Service) networkOf(ctx context.Context, q store.SQL, user core.UserID) (int64, error) {
	row, found, err := records.ReadUserNetwork(ctx, q, user)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, core.E(core.KindNotFound, "no such user")
	}
	if row.Network != 0 {
		return row.Network, nil
	}
	number, err := s.takeNetwork(ctx, q, user, row.Test, store.At(s.now()), 0)
	if err != nil {
		return 0, err
	}
	ok, err := records.SetUserNetwork(ctx, q, user, number)
	if err == nil && !ok {
		err = store.ErrAgain
	}
	return number, err
}

// Addresses are the peer's IPv4 and IPv6 address, once it has them.
func (p *Peer) Addresses() []netip.Prefix { return p.network.addresses(p.row.Host) }

// DeviceRecord says whose device a peer is, for the webhook.
type DeviceRecord struct {
	Tenant     core.TenantID
	App        core.AppID
	UserText   string
	DeviceText string
	Test       bool
}

// AnnounceDevice tells the webhook of a peer; without one it does nothing.
// Errors: KindProvisioningUnreachable (it may have acted all the same),
// KindProvisioningRefused.
func (s *Service) AnnounceDevice(ctx context.Context, d DeviceRecord, p *Peer) error {
	if s.webhook == nil {
		return nil
	}
	return s.webhook.send(ctx, deviceRecord(d, p))
}

// RetractDevice tells the webhook that a device is gone. Errors as
// AnnounceDevice.
func (s *Service) RetractDevice(ctx context.Context, d DeviceRecord) error {
	if s.webhook == nil {
		return nil
	}
	return s.webhook.send(ctx, removalRecord(d))
}
