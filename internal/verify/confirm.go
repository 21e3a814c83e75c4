package verify

import (
	"context"
	"net/netip"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// ConfirmRequest answers a code of any purpose of the oneaccess dialect for an
// app's backend, which does with it what it wants.
type ConfirmRequest struct {
	App     *tenant.App
	Phone   core.Phone
	Literal string // of a test number; then Phone is zero
	Purpose core.Purpose
	Code    core.Code
	EndUser netip.Addr // the person's address; invalid when nobody told it
}

// Confirm checks a code once and logs nobody in (contracts/oneaccess.md §8.5).
// Errors: KindWrongCode; KindLocked with the time to wait; KindRateLimited,
// KindOverloaded, KindInternal.
func (s *Service) Confirm(ctx context.Context, r ConfirmRequest) error {
	a, err := s.attempt(r.App, r.Purpose, r.Phone, r.Literal, r.Code, s.scopeOf(r.EndUser))
	if err != nil {
		return err
	}
	c := &confirm{attempt: a, event: core.LoginID(s.ids.Next())}
	return s.tryCode(ctx, r.App, r.EndUser, r.Phone, r.Purpose, c, func() (core.MessageID, error) { return c.message, c.refusal })
}

// confirm counts, compares and uses up.
type confirm struct {
	attempt
	event core.LoginID

	refusal error          // result
	message core.MessageID // result: what carried the code
}

// Decide refuses nothing that was counted: refusals are results.
func (c *confirm) Decide(b *store.Batch) error {
	c.refusal, c.message = nil, 0
	l := c.look(b)
	if l.outcome != right {
		if l.outcome == mistake {
			c.noteWrong(b, c.event, l, c.count(b, l), 0)
		}
		c.refusal = l.refused()
		return nil
	}
	c.use(b, l)
	c.message = l.row.Message
	u, _ := account.FindUser(b, c.number)
	b.Logins.Put(c.event, c.attempt.event(c.event, store.LoginConfirmed, u.ID, l.row.ID, 0))
	return nil
}
