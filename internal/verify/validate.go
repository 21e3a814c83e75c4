package verify

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Outcome is what a code that is named by its id turned out to be
// (contracts/camara.md §3.2).
type Outcome uint8

// The outcomes, in the order in which they are looked at.
const (
	OutcomeUnknown Outcome = iota // no such code of the app's, or older than a day
	OutcomeOver                   // superseded, or past its life
	OutcomeDead                   // five wrong tries, this one included
	OutcomeWrong                  // a wrong try; more may follow
	OutcomeRight                  // right, and used from now on
	OutcomeUsed                   // right, and used before
)

// validateFor is how long a code is known by its id (contracts/camara.md §3.2).
const validateFor = 24 * time.Hour

// ValidateRequest answers a code that Start made for PurposeVerify or
// PurposeCode, by its id.
type ValidateRequest struct {
	App     *tenant.App
	Purpose core.Purpose // 0: PurposeVerify
	ID      core.VerificationID
	Code    core.Code  // as it was typed: any text
	EndUser netip.Addr // the person's address; invalid when nobody told it

	Call   *idempotency.Call // nil without an Idempotency-Key
	Status int               // of a success: what Call notes
	Answer []byte            // … with this body
}

// Validate counts the try and compares, in one commit that is on disk when it
// returns. It logs nobody in and costs nothing. Errors: KindBlocked (the fraud
// guard), KindOverloaded, KindInternal.
func (s *Service) Validate(ctx context.Context, r ValidateRequest) (Outcome, error) {
	if r.Purpose == 0 {
		r.Purpose = core.PurposeVerify
	}
	guess, err := s.guessing(s.now(), r.App, core.Phone{}, r.EndUser, r.Purpose)
	if err != nil {
		return OutcomeUnknown, err
	}
	c := &validateCode{policy: s.policyFor(r.Purpose), purpose: r.Purpose, checker: s.checker, ring: s.ring, ids: s.ids, app: r.App, id: r.ID, guess: r.Code}
	var command store.Command = c
	if r.Call != nil {
		status := r.Status
		if status == 0 {
			status = http.StatusOK
		}
		command = r.Call.Around(c, status, func() []byte {
			if c.outcome != OutcomeRight {
				return nil // a refusal is the dialect's to note
			}
			return append([]byte{}, r.Answer...)
		})
	}
	if err := s.store.Do(context.WithoutCancel(ctx), command); err != nil {
		return OutcomeUnknown, err
	}
	guess.who = s.suspect(r.App, c.phone, r.EndUser, r.Purpose) // whose code it is: of whom it was sent to, a wrong one is a slip
	switch c.outcome {
	case OutcomeRight:
		guess.right()
		s.converted(c.message)
	case OutcomeWrong, OutcomeDead:
		guess.wrong()
	default: // not a guess: there was no code to be guessed
	}
	return c.outcome, nil
}

// validateCode compares a guess with one code.
type validateCode struct {
	policy  guard.FailurePolicy
	purpose core.Purpose
	checker codeChecker
	ring    *keyring.Ring
	ids     *core.IDs
	app     *tenant.App
	id      core.VerificationID
	guess   core.Code

	phone  core.Phone // the code's, once its message was read
	number account.Number

	outcome Outcome        // result
	message core.MessageID // result, when right: what carried the code
}

// Want names the code, then its message, which has the number, then the
// number's counters.
func (c *validateCode) Want(b *store.Batch) {
	b.Verifications.Want(c.id)
	v, ok := b.Verifications.Get(c.id)
	if !ok || !c.mine(v) {
		return
	}
	b.Messages.Want(v.Message)
	if m, ok := b.Messages.Get(v.Message); ok && c.readNumber(m) {
		b.FailureOf.Want(c.failureKey())
	}
}

// readNumber opens the number, once.
func (c *validateCode) readNumber(m store.Message) bool {
	if !c.phone.IsZero() {
		return true
	}
	phone, err := c.ring.OpenPhone(m.Phone)
	if err != nil {
		return false
	}
	c.phone = phone
	c.number = account.Number{Tenant: m.Tenant, Index: c.ring.Index(phone), Sealed: m.Phone}
	return true
}

func (c *validateCode) mine(v store.Verification) bool {
	return v.App == c.app.ID && v.Tenant == c.app.Tenant && v.Purpose == c.purpose
}

func (c *validateCode) failureKey() store.FailureKey {
	return store.FailureKey{App: c.app.ID, Purpose: c.purpose, Index: c.number.Index.Lookup()}
}

// Decide is contracts/camara.md §3.2 "Order".
func (c *validateCode) Decide(b *store.Batch) error {
	v, ok := b.Verifications.Get(c.id)
	switch {
	case !ok || !c.mine(v) || b.Now.Sub(c.knownFrom(v)) >= validateFor:
		c.outcome = OutcomeUnknown
		return nil
	case v.State == store.VerificationExhausted:
		c.outcome = OutcomeDead
		return nil
	case v.State == store.VerificationVerified:
		c.outcome = OutcomeUsed
		return nil
	case v.State != store.VerificationPending || b.Now >= v.Expires || v.Expires > b.Now.Add(c.longest()+clockStep):
		c.outcome = OutcomeOver
		return nil
	}
	if _, ok := b.Messages.Get(v.Message); !ok || c.phone.IsZero() {
		return core.E(core.KindInternal, "a code whose number can not be read")
	}
	c.message = v.Message
	return c.compare(b, v)
}

// knownFrom is when the day begins for which a code is known: with the code
// (contracts/camara.md §3.2), or with the end of its life (jsms.md §4).
func (c *validateCode) knownFrom(v store.Verification) store.Time {
	if c.purpose == core.PurposeCode {
		return v.Expires
	}
	return store.At(core.IDTime(int64(c.id)))
}

// longest is the life that a code can have at most.
func (c *validateCode) longest() time.Duration {
	if c.purpose == core.PurposeCode {
		return LongestCode + RingTime
	}
	return longestLife
}

// compare counts before it compares (contracts/README.md §5).
func (c *validateCode) compare(b *store.Batch, v store.Verification) error {
	failure, counting := b.Failure(c.failureKey(), 0)
	settled := c.policy.Settle(failure, b.Now)
	if _, locked := c.policy.Locked(settled, b.Now); locked {
		v.State = store.VerificationExhausted
		b.PutVerification(v)
		c.outcome = OutcomeDead
		return nil
	}
	bound := keyring.CodeContext{Verification: v.ID, App: v.App, Purpose: v.Purpose, Phone: c.phone}
	if c.checker.CheckCode(bound, tagOf(v), c.guess) {
		v.State = store.VerificationVerified
		b.PutVerification(v)
		if counting {
			b.Failures.Delete(failure.ID)
		}
		c.outcome = OutcomeRight
		return nil
	}
	if !counting {
		settled = store.Failure{ID: core.FailureID(c.ids.Next()), Tenant: v.Tenant, App: v.App, Purpose: v.Purpose,
			Index: c.number.Index, Phone: c.number.Sealed}
	}
	counted, dead := c.policy.Wrong(settled, b.Now)
	b.PutFailure(counted)
	c.outcome = OutcomeWrong
	if v.Wrong++; dead || v.Wrong >= c.policy.PerCode {
		v.State, c.outcome = store.VerificationExhausted, OutcomeDead
	}
	b.PutVerification(v)
	return nil
}
