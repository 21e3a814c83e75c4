package numberverify

import (
	"context"
	"errors"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/store"
)

// The kinds of question, as rows have them.
const (
	kindVerify uint8 = 1
	kindFetch  uint8 = 2
)

// ProofKept is how long a used proof is remembered: 24 hours and the longest
// life before (contracts/submail.md §4.3).
const ProofKept = 25 * time.Hour

// HashField is the name under which a NumberCheck's Hash is sealed.
const HashField = "number_check.phone_hash"

// caller is a call with an Idempotency-Key; nil without one.
type caller = *idempotency.Call

// spend is the command SpendNumberCheck, first half: the price is reserved, the
// proof burnt, the question noted. All or nothing.
type spend struct {
	ids   *core.IDs
	payer billing.Payer
	keys  []store.ProofKey // of the proof, newest key first
	row   store.NumberCheck
	hold  time.Duration
	dry   bool // only looks whether it would be refused
}

// Want names the proof under every token key, and the payer's accounts.
func (c *spend) Want(b *store.Batch) {
	wantProof(b, c.keys)
	if c.row.Price > 0 {
		billing.Want(b, c.payer)
	}
}

func wantProof(b *store.Batch, keys []store.ProofKey) {
	for _, k := range keys {
		b.Proofs.Want(k)
	}
}

// Decide refuses with KindInsufficientBalance, then with ErrProof.
func (c *spend) Decide(b *store.Batch) error {
	if c.dry {
		if c.row.Price > c.balance(b) {
			return core.E(core.KindInsufficientBalance, "")
		}
		_, err := usable(b, c.keys, c.row.App)
		return err
	}
	if err := billing.Reserve(b, c.ids, c.payer, c.row.Price, int64(c.row.ID)); err != nil {
		return err
	}
	proof, err := usable(b, c.keys, c.row.App)
	if err != nil {
		return err
	}
	proof.Check, proof.App, proof.Until = c.row.ID, c.row.App, b.Now.Add(ProofKept)
	b.Proofs.Put(proof.Key, proof)
	row := c.row
	row.Due, row.Updated = b.Now.Add(c.hold), b.Now
	if row.Price > 0 {
		row.Money = store.MoneyReserved
	}
	b.NumberChecks.Put(row.ID, row)
	return nil
}

// balance is what the payer can spend; 0 where nothing has to be paid.
func (c *spend) balance(b *store.Batch) core.Credits {
	if c.row.Price == 0 {
		return 0
	}
	available, _ := b.Accounts.Get(billing.Account(c.payer.Owner, c.payer.Pool, billing.Available))
	return available.Balance
}

// usable is the proof's row, made anew where there is none; ErrProof when it was
// used, is another app's, or past its life.
func usable(b *store.Batch, keys []store.ProofKey, app core.AppID) (store.NumberProof, error) {
	proof := store.NumberProof{Key: keys[0], App: app, Until: b.Now.Add(ProofKept)}
	for _, k := range keys {
		row, ok := b.Proofs.Get(k)
		if !ok || row.Until <= b.Now && row.Check == 0 {
			continue
		}
		if row.Check != 0 || row.App != 0 && row.App != app || row.Expires != 0 && row.Expires <= b.Now {
			return row, ErrProof()
		}
		proof = row
	}
	return proof, nil
}

// outcome is the command SpendNumberCheck, second half: what became of a
// question, and of its money.
type outcome struct {
	ids *core.IDs
	row store.NumberCheck // as it shall be: State, and what the carrier said

	answered bool // charge for it; otherwise give the price back
}

// Want names the row and the payer's accounts.
func (c *outcome) Want(b *store.Batch) {
	b.NumberChecks.Want(c.row.ID)
	wantHeld(b, c.row)
}

func wantHeld(b *store.Batch, n store.NumberCheck) {
	if n.Price > 0 {
		billing.Want(b, payerOf(n))
	}
}

// payerOf is who paid for a question: the app's setting may have changed since.
func payerOf(n store.NumberCheck) billing.Payer {
	return billing.PayerOf(n.Tenant, n.App, n.TenantPays, core.PoolGeneral)
}

// errLapsed is the refusal to charge for a question whose reservation was given
// back meanwhile.
var errLapsed = core.E(core.KindConflict, "the reservation lapsed")

// Decide refuses to charge for what is not reserved any more.
func (c *outcome) Decide(b *store.Batch) error {
	have, ok := b.NumberChecks.Get(c.row.ID)
	if !ok || have.State != store.NumberCheckAsking {
		return errLapsed
	}
	row := c.row
	row.Due, row.Updated, row.Money = 0, b.Now, have.Money
	if have.Phone != nil { // it may have been sealed anew, or indexed
		row.Phone, row.Index = have.Phone, have.Index
	}
	row.Hash = have.Hash
	if row.Money == store.MoneyReserved {
		if c.answered {
			billing.Settle(b, c.ids, payerOf(row), row.Price, int64(row.ID))
			row.Money = store.MoneySettled
		} else {
			billing.Refund(b, c.ids, payerOf(row), row.Price, int64(row.ID))
			row.Money = store.MoneyRefunded
		}
	}
	b.NumberChecks.Put(row.ID, row)
	return nil
}

// withhold is the command that gives back what was charged, or is still
// reserved, for an answer that nobody was told, and forgets that answer.
type withhold struct {
	ids *core.IDs
	withheld
}

// withheld is a question whose answer nobody was told.
type withheld struct {
	id   core.NumberCheckID
	call caller // whose answer it would be
}

// Want names the row, then the payer's accounts.
func (c *withhold) Want(b *store.Batch) {
	if c.call != nil {
		c.call.Want(b)
	}
	b.NumberChecks.Want(c.id)
	if row, ok := b.NumberChecks.Get(c.id); ok {
		wantHeld(b, row)
	}
}

// Decide gives back once; a row that is gone or has nothing to give is fine.
func (c *withhold) Decide(b *store.Batch) error {
	row, ok := b.NumberChecks.Get(c.id)
	if ok {
		giveBack(b, c.ids, row, store.NumberCheckWithheld)
	}
	if ok && c.call != nil {
		c.call.Forget(b)
	}
	return nil
}

func giveBack(b *store.Batch, ids *core.IDs, row store.NumberCheck, state store.NumberCheckState) {
	switch row.Money {
	case store.MoneyReserved:
		billing.Refund(b, ids, payerOf(row), row.Price, int64(row.ID))
		row.Money = store.MoneyRefunded
	case store.MoneySettled:
		billing.RefundSettled(b, ids, payerOf(row), row.Price, int64(row.ID))
		row.Money = store.MoneyRefunded
	case store.MoneyNone, store.MoneyRefunded:
		if row.State != store.NumberCheckAsking {
			return
		}
	}
	row.State, row.Due, row.Updated = state, 0, b.Now
	b.NumberChecks.Put(row.ID, row)
}

// lapse is the command that ends questions which a crash left behind.
type lapse struct {
	ids *core.IDs
	all []core.NumberCheckID // candidates; each is looked at again
}

// Want names the rows, then the accounts of those that hold something.
func (c *lapse) Want(b *store.Batch) {
	for _, id := range c.all {
		b.NumberChecks.Want(id)
		if row, ok := b.NumberChecks.Get(id); ok {
			wantHeld(b, row)
		}
	}
}

// Decide leaves alone what is under way or ended already.
func (c *lapse) Decide(b *store.Batch) error {
	for _, id := range c.all {
		if row, ok := b.NumberChecks.Get(id); ok && row.State == store.NumberCheckAsking && row.Due <= b.Now {
			giveBack(b, c.ids, row, store.NumberCheckFailed)
		}
	}
	return nil
}

// Lapse gives back what questions hold that a crash left behind. The list may
// hold others; they stay as they are.
func (s *Service) Lapse(ctx context.Context, all []core.NumberCheckID) error {
	if len(all) == 0 {
		return nil
	}
	return s.o.Store.Do(ctx, &lapse{ids: s.o.IDs, all: all})
}

// peek looks whether begin would refuse.
func (s *Service) peek(ctx context.Context, q *question) error {
	return s.o.Store.Do(ctx, &spend{payer: q.payer(), keys: q.keys, dry: true,
		row: store.NumberCheck{App: q.app.ID, Price: q.price}})
}

// begin reserves the price, burns the proof and notes the question: nobody is
// asked before that is on disk, or q.once says that it need not be.
func (s *Service) begin(ctx context.Context, q *question) (store.NumberCheck, error) {
	q.id = core.NumberCheckID(s.o.IDs.Next())
	row := store.NumberCheck{ID: q.id, Tenant: q.app.Tenant, App: q.app.ID, Kind: q.kind, Carrier: uint8(q.carrier),
		TenantPays: q.app.TenantPays, Price: q.price}
	if err := s.sealNumber(&row, q.ask.Phone, q.ask.Hash); err != nil || q.once {
		return row, err
	}
	return row, s.o.Store.Do(ctx, &spend{ids: s.o.IDs, payer: q.payer(), keys: q.keys, row: row, hold: s.o.Hold})
}

func (s *Service) sealNumber(row *store.NumberCheck, phone core.Phone, hash [32]byte) (err error) {
	switch {
	case !phone.IsZero():
		row.Index = s.o.Ring.Index(phone)
		row.Phone, err = s.o.Ring.SealPhone(phone)
	case hash != [32]byte{}:
		row.Hash, err = s.o.Ring.Seal(HashField, hash[:])
	}
	return err
}

var states = map[Outcome]store.NumberCheckState{OutcomeMatch: store.NumberCheckMatch, OutcomeMismatch: store.NumberCheckMismatch,
	OutcomeNumber: store.NumberCheckNumber}

// settle charges for an answer. It withholds the answer when that fails: the
// charge is refused (ClassDebit), or could not be written (ClassLedger).
func (s *Service) settle(ctx context.Context, q *question, row store.NumberCheck, t *turn, a Answer) error {
	row.State, row.Gateway, row.Code, row.Reference = states[a.Outcome], t.name(), clip(a.Code, 32), clip(a.ID, 64)
	row.Counted, row.Latency = a.Counted, uint32(max(a.Latency.Milliseconds(), 0))
	if row.Phone == nil && q.kind == kindFetch {
		if err := s.sealNumber(&row, a.Phone, [32]byte{}); err != nil {
			return s.withheld(ctx, q, ClassLedger, err)
		}
	}
	err := s.end(ctx, q, row, a, nil)
	switch e, own := AsError(err); {
	case err == nil:
		return nil
	case own: // somebody else used the proof meanwhile
		return e
	case errors.Is(err, idempotency.ErrAnswered):
		if q.once {
			s.burn(ctx, q, row)
		}
		s.undo.add(q.id, nil)
		return err
	case core.KindOf(err) == core.KindInternal, core.KindOf(err) == core.KindOverloaded:
		return s.withheld(ctx, q, ClassLedger, err)
	default:
		if q.once {
			s.burn(ctx, q, row)
		}
		return s.withheld(ctx, q, ClassDebit, err)
	}
}

// withheld gives the charge back, now or as soon as the store works again.
func (s *Service) withheld(_ context.Context, q *question, class Class, err error) error {
	s.o.Log.Error("numberverify: a charge failed, the answer is withheld", "check", int64(q.id), "class", class.String(), "error", err.Error())
	s.undo.add(q.id, q.call)
	desc := "deduction failed"
	if class == ClassLedger {
		desc = "credit deduction log failed"
	}
	return &Error{Class: class, Desc: desc, Sent: true}
}

// fail gives the price of a question back that got no answer.
func (s *Service) fail(ctx context.Context, q *question, row store.NumberCheck, t *turn, failed error) error {
	row.State, row.Gateway = store.NumberCheckFailed, t.name()
	if e, ok := AsError(failed); ok {
		row.Code = clip(e.Code, 32)
		if e.Class == ClassTimeout {
			row.Code = "timeout"
		}
	}
	err := s.end(ctx, q, row, Answer{}, failed)
	if errors.Is(err, idempotency.ErrAnswered) {
		s.undo.add(q.id, nil)
		return err
	}
	if err != nil {
		s.o.Log.Error("numberverify: a reservation could not be given back yet", "check", int64(q.id), "error", err.Error())
		s.undo.add(q.id, nil)
	}
	return failed
}

// noted puts the answer of a call with an Idempotency-Key into the command's
// commit.
func (q *question) noted(c store.Command, a Answer, err error) store.Command {
	if q.call == nil || q.answer == nil {
		return c
	}
	status, body := q.answer(a, err)
	return q.call.Around(c, status, func() []byte { return body })
}

func clip(s string, n int) string { return s[:min(len(s), n)] }
