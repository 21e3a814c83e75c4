package verify

import (
	"context"
	"errors"
	"net/netip"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// StepRequest asks for the next step of a code's fall-back plan.
type StepRequest struct {
	App     *tenant.App
	Message core.MessageID // that carries the code now
	Number  int            // of the step in the app's plan, from 1
}

// Step sends a code that nobody entered yet once more, by a step of its app's
// plan: with new digits that take the place of the old ones under the same id
// and the same counters of wrong tries, so that the old digits are void and a
// guesser gains nothing (requirement rows 5 and 7). It counts in every limit
// and costs what any code costs. sent is false when nothing is left to do: the
// code was entered, ended, or is carried by another message already.
//
// Errors: KindRateLimited, KindLocked, KindChallengeRequired, KindBlocked and
// KindSpendCap with the time to wait,
// KindInsufficientBalance, KindOverloaded, KindInternal.
func (s *Service) Step(ctx context.Context, r StepRequest) (sent bool, err error) {
	if r.Number < 1 || r.Number >= len(r.App.Plan) {
		return false, core.E(core.KindInternal, "the plan has no such step")
	}
	look := &lookAtCode{message: r.Message}
	if err := s.store.Do(ctx, look); err != nil || !look.waits {
		return false, err
	}
	phone, err := s.ring.OpenPhone(look.row.Phone)
	if err != nil {
		return false, err
	}
	step := r.App.Plan[r.Number]
	start := StartRequest{App: r.App, Phone: phone, Purpose: look.code.Purpose, Channel: step.Channel, Report: look.row.Report, again: look.code.ID}
	if step.Channel == core.ChannelVoice {
		start.Pool, start.Price, start.Priced = core.PoolVoice, r.App.VoicePrice, true
	}
	now := s.now()
	c, out, err := s.prepare(&start, now)
	if err != nil {
		return false, err
	}
	c.supersede = false // it takes the place of its own digits, in the row itself
	next := &stepVerification{startVerification: c, fresh: c.row, old: r.Message}
	outbox.Planned(&c.message, r.Number)
	who := s.suspect(r.App, phone, netip.Addr{}, start.Purpose)
	who.Channel = start.Channel
	if err := s.sentry.Resend(now, r.App, who); err != nil {
		return false, err
	}
	var space [8]guard.Bucket
	taken, err := s.limiter.Take(ctx, now, start.Limits.SendBuckets(space[:0], guard.SendSubject{Keys: s.ring,
		Phone: who.Number, App: r.App.ID, Tenant: r.App.Tenant, Content: guard.ContentOf(out.Text)}))
	if err != nil {
		return false, err
	}
	c.journal = taken.Journal(nil)
	if err := s.store.Do(ctx, next); err != nil {
		if leftNoTrace(err) {
			s.limiter.GiveBack(ctx, taken)
		}
		if errors.Is(err, errCodeMoved) {
			return false, nil
		}
		return false, err
	}
	out.Row = c.leased
	s.outbox.HandOff(out)
	return true, nil
}

// errCodeMoved refuses a step: the code was entered, or ended, or went on.
var errCodeMoved = core.E(core.KindConflict, "the code is not that message's any more")

// waiting tells whether a code is still to be entered, and that message's.
func waiting(v store.Verification, m core.MessageID, now store.Time) bool {
	return v.State == store.VerificationPending && v.Message == m && now < v.Expires
}

// lookAtCode reads a message and its code.
type lookAtCode struct {
	message core.MessageID

	row   store.Message      // result
	code  store.Verification // result
	waits bool               // result: the code is still to be entered
}

// Want names the message, then its code.
func (c *lookAtCode) Want(b *store.Batch) {
	b.Messages.Want(c.message)
	if m, found := b.Messages.Get(c.message); found {
		b.Verifications.Want(m.Verification)
	}
}

// Decide changes nothing. The text of a caller's own (core.PurposeVerify) can
// not be made anew: such a code has no plan.
func (c *lookAtCode) Decide(b *store.Batch) error {
	c.row, _ = b.Messages.Get(c.message)
	code, found := b.Verifications.Get(c.row.Verification)
	c.code, c.waits = code, found && waiting(code, c.message, b.Now) && code.Purpose != core.PurposeVerify
	return nil
}

// stepVerification puts new digits and a new message in the place of a code's.
type stepVerification struct {
	*startVerification
	fresh store.Verification // the new digits and their life
	old   core.MessageID
}

// Want names what a new code wants, the code and the older message.
func (c *stepVerification) Want(b *store.Batch) {
	c.startVerification.Want(b)
	b.Verifications.Want(c.fresh.ID)
	outbox.WantWithdrawn(b, c.old)
}

// Decide refuses with errCodeMoved, or as startVerification does. The wrong
// tries against the code stay counted.
func (c *stepVerification) Decide(b *store.Batch) error {
	v, found := b.Verifications.Get(c.fresh.ID)
	if !found || !waiting(v, c.old, b.Now) {
		return errCodeMoved
	}
	v.Channel, v.Expires, v.Message = c.fresh.Channel, c.fresh.Expires, c.fresh.Message
	v.CodeKey, v.CodeSalt, v.CodeMAC = c.fresh.CodeKey, c.fresh.CodeSalt, c.fresh.CodeMAC
	c.row = v
	if err := c.startVerification.Decide(b); err != nil {
		return err
	}
	outbox.Withdraw(b, c.ids, c.old)
	return nil
}
