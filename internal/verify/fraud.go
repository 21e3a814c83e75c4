package verify

import (
	"context"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/tenant"
)

// Sentry is the fraud guard (internal/guard/sentry).
type Sentry interface {
	// Send judges and counts a code that is about to be sent: nil,
	// KindChallengeRequired or KindBlocked.
	Send(now time.Time, app *tenant.App, s fraud.Subject) error
	// Resend judges a later step of a plan, and counts nothing.
	Resend(now time.Time, app *tenant.App, s fraud.Subject) error
	// GiveBack takes back what Send counted, when nothing was sent.
	GiveBack(now time.Time, app *tenant.App, s fraud.Subject)
	// Check judges a guess before it is compared: nil or KindBlocked.
	Check(now time.Time, app *tenant.App, s fraud.Subject) error
	// Verified and Failed tell what became of a guess.
	Verified(now time.Time, app *tenant.App, s fraud.Subject)
	Failed(now time.Time, app *tenant.App, s fraud.Subject)
}

// allowAll is the guard of a service without one.
type allowAll struct{}

func (allowAll) Send(time.Time, *tenant.App, fraud.Subject) error   { return nil }
func (allowAll) Resend(time.Time, *tenant.App, fraud.Subject) error { return nil }
func (allowAll) Check(time.Time, *tenant.App, fraud.Subject) error  { return nil }
func (allowAll) GiveBack(time.Time, *tenant.App, fraud.Subject)     {}
func (allowAll) Verified(time.Time, *tenant.App, fraud.Subject)     {}
func (allowAll) Failed(time.Time, *tenant.App, fraud.Subject)       {}

// suspect is whom a request concerns, as the fraud guard counts it.
func (s *Service) suspect(app *tenant.App, phone core.Phone, endUser netip.Addr, purpose core.Purpose) fraud.Subject {
	who := fraud.Subject{Tenant: app.Tenant, App: app.ID, IP: endUser, Purpose: purpose}
	if !phone.IsZero() {
		who.Country, who.Prefix, who.Number = guard.Region(phone), fraud.PrefixOf(phone), s.ring.PhoneBase(phone)
	}
	return who
}

// admit asks, once the limits let a send pass, whoever else may refuse it: the
// limits that want a challenge, the fraud guard, the SIM's operator. What the
// guard counted is given back here, where somebody after it refuses.
func (s *Service) admit(ctx context.Context, now time.Time, r *StartRequest, who fraud.Subject, challenge bool) error {
	if challenge && r.CanChallenge && !r.Challenged {
		return core.RetryIn(core.KindChallengeRequired, time.Minute, "a limit")
	}
	if err := s.sentry.Send(now, r.App, who); err != nil {
		return err
	}
	err := s.sameSIM(ctx, r.App, simswap.ActionSend, r.Phone, r.Challenged)
	if err != nil {
		s.sentry.GiveBack(now, r.App, who)
	}
	return err
}

// guess is a try to enter a code, from the guard's side: it is judged before
// anything is looked up, and told how it ended (requirement row 24).
type guess struct {
	sentry Sentry
	app    *tenant.App
	who    fraud.Subject
	now    time.Time
}

// guessing asks whether a try may be made: KindBlocked.
func (s *Service) guessing(now time.Time, app *tenant.App, phone core.Phone, endUser netip.Addr, purpose core.Purpose) (guess, error) {
	g := guess{sentry: s.sentry, app: app, who: s.suspect(app, phone, endUser, purpose), now: now}
	return g, s.sentry.Check(now, app, g.who)
}

func (g *guess) right() { g.sentry.Verified(g.now, g.app, g.who) }
func (g *guess) wrong() { g.sentry.Failed(g.now, g.app, g.who) }
