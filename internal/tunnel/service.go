package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// networkLease is how long a number is held for a user whose row is not
// committed yet. verify's claim lapses after 30 s, so no commit comes later.
const networkLease = 60 * time.Second

// Store is the part of the database that the service needs.
type Store interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Sealer encrypts the keys of peers (keyring.Ring).
type Sealer interface {
	Seal(field string, plaintext []byte) ([]byte, error)
	Open(field string, sealed []byte) ([]byte, error)
}

// Options are what a Service is made of; all but Dial are required.
type Options struct {
	Config Config
	Store  Store
	Sealer Sealer
	Now    func() time.Time
	Random io.Reader // cryptographic, safe for concurrent use
	Dial   dialer    // opens connections to the webhook; nil means plain TCP
}

// Service gives users networks and devices peers.
type Service struct {
	config  Config
	store   Store
	sealer  Sealer
	now     func() time.Time
	random  io.Reader
	webhook *webhook // nil without one
}

// New returns the service. Errors are those of Config.Validate.
func New(o Options) (*Service, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	s := &Service{config: o.Config, store: o.Store, sealer: o.Sealer, now: o.Now, random: o.Random}
	if o.Config.Provisioner == ProvisionerWebhook {
		s.webhook = newWebhook(o.Config.Webhook, o.Dial, o.Now)
	}
	return s, nil
}

// Prepare compares the configuration with the database, at the start: once a
// network was given out, other pools would give every peer another address.
func (s *Service) Prepare(ctx context.Context) error {
	return s.store.View(store.Patient(ctx), func(q store.SQL) error {
		if _, err := s.poolKnown(ctx, q); err != nil {
			return err
		}
		highest, err := records.HighestNetwork(ctx, q, 1, 1<<62)
		if err != nil {
			return err
		}
		if highest > s.config.networks() {
			return fmt.Errorf("tunnel: the pools have %d networks, but %d are given out: enlarge ipv4_pool and ipv6_pool", s.config.networks(), highest)
		}
		return nil
	})
}

// Close closes idle connections. Closing twice is fine.
func (s *Service) Close() {
	if s.webhook != nil {
		s.webhook.client.Close()
	}
}

// Outside tells whether a user's first login needs a call out of the process.
func (s *Service) Outside() bool { return s.webhook != nil }

// UserNetwork is a user who needs a network. The user's row need not exist yet.
type UserNetwork struct {
	Tenant   core.TenantID
	App      core.AppID // the app of the login
	User     core.UserID
	UserText string // the user's id in that app, for the webhook
	Test     bool   // a test user: gets one of the networks set apart
}

// ProvisionUser leases a network to a user for 60 s and tells the webhook, if
// there is one. The caller writes the number to the user's row within the
// lease; otherwise it is given to another user later. Asking again within the
// lease gives the same number.
//
// Errors: KindProvisioningUnreachable (the back end did not answer, or not
// readably, within its time), KindProvisioningRefused (it refused, or no
// network is free), KindInternal. The lease then lapses by itself: when the
// answer was lost, the back end may know the network (contracts/yunbox.md §2).
func (s *Service) ProvisionUser(ctx context.Context, u UserNetwork) (number int64, err error) {
	known := false
	err = records.Update(ctx, s.store, func(q store.SQL) error {
		var row records.UserNetwork
		if row, _, err = records.ReadUserNetwork(ctx, q, u.User); err != nil {
			return err
		}
		if known = row.Network != 0; known {
			number = row.Network
			return nil
		}
		now := store.At(s.now())
		number, err = s.takeNetwork(ctx, q, u.User, u.Test, now, now.Add(networkLease))
		return err
	})
	if err != nil {
		return 0, provisioningError(err, "lease a network")
	}
	if known || s.webhook == nil {
		return number, nil
	}
	if err := s.webhook.send(ctx, userRecord(u, s.config.network(number))); err != nil {
		return 0, err
	}
	return number, nil
}

// takeNetwork leases a network to a user until an instant, or for ever (0):
// the one that is leased to the user already, the lowest lapsed one, or the
// next new one.
func (s *Service) takeNetwork(ctx context.Context, q store.SQL, user core.UserID, test bool, now, until store.Time) (int64, error) {
	if err := s.fixPool(ctx, q); err != nil {
		return 0, err
	}
	if err := records.KeepReferredNetworks(ctx, q, now); err != nil {
		return 0, err
	}
	low, high := s.config.numbers(test)
	number, err := records.LeasedNetwork(ctx, q, user)
	if err == nil && number == 0 {
		number, err = records.LapsedNetwork(ctx, q, now, low, high)
	}
	if err != nil {
		return 0, err
	}
	if number != 0 {
		ok, err := records.LeaseNetwork(ctx, q, number, user, now, until)
		if err == nil && !ok {
			err = store.ErrAgain
		}
		return number, err
	}
	highest, err := records.HighestNetwork(ctx, q, low, high)
	if err != nil {
		return 0, err
	}
	if number = max(low, highest+1); number > high {
		return 0, core.E(core.KindProvisioningRefused, "every network of the pools is given out")
	}
	return number, records.InsertNetwork(ctx, q, number, user, until)
}

// fixPool writes down, with the first network, what numbers mean.
func (s *Service) fixPool(ctx context.Context, q store.SQL) error {
	known, err := s.poolKnown(ctx, q)
	if err != nil || known {
		return err
	}
	return records.InsertTunnelPool(ctx, q, s.config.pool())
}

// poolKnown tells whether a pool is written down; it must be the configured one.
func (s *Service) poolKnown(ctx context.Context, q store.SQL) (bool, error) {
	have, found, err := records.ReadTunnelPool(ctx, q)
	if err != nil || !found {
		return false, err
	}
	if want := s.config.pool(); have != want {
		return true, fmt.Errorf("tunnel: networks were given out with ipv4_pool %s/…, ipv4_bits %d, ipv6_pool %s/…, test_networks %d; "+
			"these cannot change to %s/…, %d, %s/…, %d, only the pools' lengths can",
			have.IPv4, have.IPv4Bits, have.IPv6, have.TestNetworks, want.IPv4, want.IPv4Bits, want.IPv6, want.TestNetworks)
	}
	return true, nil
}

// provisioningError leaves the errors of ours as they are and says of the rest
// what failed.
func provisioningError(err error, what string) error {
	var ours *core.Error
	if errors.As(err, &ours) {
		return ours
	}
	return fmt.Errorf("tunnel: %s: %w", what, err)
}
