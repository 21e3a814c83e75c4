package verify

import (
	"context"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// loginTest logs in the one user of a test number, making it at the first
// time. Nothing is sent, counted or charged (contracts/yunbox.md §5).
type loginTest struct {
	number  account.Number
	fresh   core.UserID
	network int64 // 0 while none was made
	outside bool  // a user without a network needs an outside call first

	waits bool // result: the network has to be made first
	login      // result
}

// Want names the user.
func (c *loginTest) Want(b *store.Batch) { account.WantUser(b, c.number) }

// Decide logs in, unless the network is missing.
func (c *loginTest) Decide(b *store.Batch) error {
	c.waits, c.login = false, login{}
	if u, found := account.FindUser(b, c.number); c.outside && c.network == 0 && (!found || u.Network == 0) {
		c.waits = true
		c.login.user = u
		return nil
	}
	user, isNew := account.Login(b, c.number, c.fresh, c.network)
	c.login = login{user: user, isNew: isNew}
	return nil
}

// LoginTest logs in an app's test user after its fixed code was given. The
// literal is the test number as configured; it need not be a valid number.
// Errors: KindProvisioningUnreachable, KindProvisioningRefused,
// KindOverloaded, KindInternal.
func (s *Service) LoginTest(ctx context.Context, app *tenant.App, literal string) (LoggedIn, error) {
	number, err := account.TestNumber(s.ring, app.Tenant, app.ID, literal)
	if err != nil {
		return LoggedIn{}, err
	}
	c := &loginTest{number: number, fresh: core.UserID(s.ids.Next()), outside: s.networks.Outside()}
	if err := s.store.Do(ctx, c); err != nil {
		return LoggedIn{}, err
	}
	if c.waits {
		if c.login.user.ID != 0 {
			c.fresh = c.login.user.ID
		}
		if c.network, err = s.provisionUser(ctx, app, c.fresh, true); err != nil {
			return LoggedIn{}, err
		}
		if err := s.store.Do(context.WithoutCancel(ctx), c); err != nil {
			return LoggedIn{}, err
		}
	}
	return s.loggedIn(app, c.login), nil
}
