package verify

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// OneAccessPolicy is how many wrong tries a number may take in the oneaccess
// dialect (contracts/oneaccess.md §2.4), for StartRequest.Failures.
func OneAccessPolicy() *guard.FailurePolicy {
	p := guard.RowPolicy()
	return &p
}

// StepLife is how long the second step of a login waits (contracts/oneaccess.md §5).
const StepLife = 300 * time.Second

// SignInRequest answers a code in order to get a session. The app has settings
// of the oneaccess dialect.
type SignInRequest struct {
	App         *tenant.App
	Phone       core.Phone
	Literal     string // of a test number; then Phone is zero
	Code        core.Code
	Fingerprint string     // of the device, which the session is bound to
	EndUser     netip.Addr // the person's address; invalid when nobody told it
}

// SignInStatus is how a right code ended.
type SignInStatus uint8

// How a right code ended.
const (
	SignInSuccess SignInStatus = 1
	SignInMFA     SignInStatus = 2 // a second code is asked for
	SignInDenied  SignInStatus = 3 // the user is disabled
)

// SignedIn is what a right code led to, on disk.
type SignedIn struct {
	Status   SignInStatus
	Person   account.Person
	New      bool          // registered just now
	Token    core.Secret   // of the session; of SignInSuccess
	Life     time.Duration // of the session
	AuthTime time.Time
	Step     string // names the second step: the jti of its state token; of SignInMFA
}

// SignIn checks a code and, by the app's policy, registers its number, asks for
// a second code, refuses, or writes a session: all in one commit (contracts/
// oneaccess.md §2.4). Errors: KindWrongCode; KindLocked with the time to wait;
// KindNotFound with the field user, after a right code; KindRateLimited (the
// address failed too often); KindOverloaded, KindInternal.
func (s *Service) SignIn(ctx context.Context, r SignInRequest) (SignedIn, error) {
	c, err := s.signIn(r, core.PurposeLogin)
	if err != nil {
		return SignedIn{}, err
	}
	c.register, c.second = r.App.OneAccess.AutoRegister, r.App.OneAccess.SecondSMS
	return s.runSignIn(ctx, r, c)
}

// Register checks a code and makes a user with a session. Errors as SignIn, and
// KindConflict with the field mobile where the number has a user, after a right
// code.
func (s *Service) Register(ctx context.Context, r SignInRequest, p account.Profile) (SignedIn, error) {
	c, err := s.signIn(r, core.PurposeRegister)
	if err != nil {
		return SignedIn{}, err
	}
	c.register, c.mustBeNew, c.life = true, true, r.App.OneAccess.RegisterLife()
	if c.profile, err = account.SealProfile(s.ring, p); err != nil {
		return SignedIn{}, err
	}
	return s.runSignIn(ctx, r, c)
}

// SecondStep checks the second code of a login that SignIn let wait. Errors as
// SignIn, KindConflict with the field mobile for another number than the user's,
// and KindUnauthenticated with the field state_token once the step is over.
func (s *Service) SecondStep(ctx context.Context, r SignInRequest, step account.Step) (SignedIn, error) {
	if r.Phone != step.Person.Phone || r.Literal != step.Person.Literal {
		return SignedIn{}, core.Field(core.KindConflict, "mobile")
	}
	c, err := s.signIn(r, core.PurposeMFA)
	if err != nil {
		return SignedIn{}, err
	}
	c.step, c.stepUser = step.Key, step.Person.User
	return s.runSignIn(ctx, r, c)
}

// attempt is the try of a code by number.
func (s *Service) attempt(app *tenant.App, purpose core.Purpose, phone core.Phone, literal string, code core.Code, known uint64) (attempt, error) {
	a := attempt{}
	number, err := account.RealNumber(s.ring, app.Tenant, phone)
	if literal != "" {
		number, err = account.TestNumber(s.ring, app.Tenant, app.ID, literal)
		a.test = testWrong
		if want, ok := app.TestCode(literal); ok && subtle.ConstantTimeCompare([]byte(want), []byte(code.Digits())) == 1 {
			a.test = testRight
		}
	}
	a.checkCode = checkCode{policy: *OneAccessPolicy(), checker: s.checker, ids: s.ids, app: app.ID, purpose: purpose, phone: phone, guess: code,
		number: number, known: knownScope{app: app.ID, number: number, hash: known}, imports: app.ImportedUsers,
		longest: max(app.CodeLife, longestLife) + clockStep}
	return a, err
}

func (s *Service) signIn(r SignInRequest, purpose core.Purpose) (*signIn, error) {
	device := account.DeviceHash(s.ring, r.App.ID, r.Fingerprint)
	a, err := s.attempt(r.App, purpose, r.Phone, r.Literal, r.Code, device)
	if err != nil {
		return nil, err
	}
	session, err := account.DrawSession(s.random, s.ids)
	if err != nil {
		return nil, err
	}
	return &signIn{attempt: a, ring: s.ring, device: device, session: session, life: r.App.OneAccess.SessionLife(),
		recycledAfter: time.Duration(r.App.OneAccess.RecycledDays) * 24 * time.Hour, recycled: r.App.OneAccess.Recycled}, nil
}

// runSignIn runs the command between the limits of the address.
func (s *Service) runSignIn(ctx context.Context, r SignInRequest, c *signIn) (SignedIn, error) {
	if c.purpose != core.PurposeRegister && r.Literal == "" {
		if err := s.sameSIM(ctx, r.App, simswap.ActionLogin, r.Phone, c.step != (store.SessionKey{})); err != nil {
			return SignedIn{}, err
		}
	}
	if err := s.tryCode(ctx, r.App, r.EndUser, r.Phone, c.purpose, c, func() (core.MessageID, error) { return c.used.Message, c.refusal }); err != nil {
		return SignedIn{}, err
	}
	person, err := s.aliases.PersonOf(r.App, c.user, c.alias, c.profileRow, r.Phone, r.Literal)
	if err != nil {
		return SignedIn{}, err
	}
	in := SignedIn{Status: c.status, Person: person, New: c.isNew, AuthTime: c.at.Time()}
	switch c.status {
	case SignInSuccess:
		in.Token, in.Life = c.session.Token, c.life
	case SignInMFA:
		in.Step = c.session.Token.Reveal()
	case SignInDenied:
	}
	return in, nil
}

// tryCode runs a command that checks a code of a number (none: a test number's),
// unless the end user's address failed too often or the fraud guard blocks
// guesses (KindBlocked), and counts for both what failed.
func (s *Service) tryCode(ctx context.Context, app *tenant.App, endUser netip.Addr, phone core.Phone, purpose core.Purpose, c store.Command, result func() (core.MessageID, error)) error {
	now := s.now()
	var space [4]guard.Bucket
	failed := app.Unchallenged.IPCheckFailed.ForIP(space[:0], s.ring, endUser, uint32(app.ID))
	if len(failed) > 0 {
		if v, err := s.limiter.Peek(ctx, now, failed); err != nil {
			return err
		} else if err := v.Refused(); err != nil {
			return err
		}
	}
	guess, err := s.guessing(now, app, phone, endUser, purpose)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.store.Do(ctx, c); err != nil {
		return err
	}
	carrier, err := result()
	switch {
	case core.KindOf(err) == core.KindWrongCode && err != nil:
		guess.wrong()
		if len(failed) > 0 {
			_, _ = s.limiter.Take(ctx, now, failed) // a refusal now comes with the next request
		}
	case carrier != 0:
		guess.right()
		s.converted(carrier)
	}
	return err
}
