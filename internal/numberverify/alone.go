package numberverify

import (
	"context"
	"sync"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Where one process has the database for itself (Options.Alone), a question
// costs one commit instead of two: what is under way is known in memory, and the
// proof's use, the charge and the answer go to the disk together, before the
// caller is told (docs/adr/0030-one-commit-a-question.md).

// ample is how many times the price an account must have left, beside what is
// under way, so that nothing is reserved on disk first: a charge that fails
// after the carrier answered is the exception then.
const ample = 1000

// underway is what this process asks at this moment.
type underway struct {
	mu     sync.Mutex
	proofs map[store.ProofKey]struct{}
	prices map[billing.Owner]core.Credits // of questions that nothing is reserved for
}

func (u *underway) init() {
	u.proofs, u.prices = map[store.ProofKey]struct{}{}, map[billing.Owner]core.Credits{}
}

// enter is false while the proof is being asked with.
func (u *underway) enter(keys []store.ProofKey) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range keys { // a question from before a rotation is under an older key
		if _, busy := u.proofs[k]; busy {
			return false
		}
	}
	u.proofs[keys[0]] = struct{}{}
	return true
}

// hold counts a price that is not reserved on disk, where the account has plenty.
func (u *underway) hold(o billing.Owner, price, available core.Credits) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if price > 0 && (available-u.prices[o])/ample < price {
		return false
	}
	u.prices[o] += price
	return true
}

// leave ends a question; held is what hold counted for it.
func (u *underway) leave(k store.ProofKey, o billing.Owner, held core.Credits) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.proofs, k)
	if u.prices[o] -= held; u.prices[o] == 0 {
		delete(u.prices, o)
	}
}

// foresight is a command that only reads: whose proof it is, and whether the
// question would be refused.
type foresight struct {
	spend

	carrier   Carrier      // result: by record
	available core.Credits // result
	refused   error        // result: as spend.Decide
}

// Decide refuses nothing: what comes before in the order of checks is not known yet.
func (c *foresight) Decide(b *store.Batch) error {
	c.carrier = recorded(b, c.keys)
	c.available = c.balance(b)
	c.refused = c.spend.Decide(b)
	return nil
}

// foresee looks at the proof and the balance, in one read.
func (s *Service) foresee(ctx context.Context, q *question) error {
	c := &foresight{spend: spend{payer: q.payer(), keys: q.keys, dry: true, row: store.NumberCheck{App: q.app.ID, Price: q.price}}}
	if err := s.o.Store.Do(ctx, c); err != nil {
		return err
	}
	q.available, q.refused = c.available, c.refused
	if q.carrier = q.proof.Carrier; q.carrier == CarrierUnknown && q.proof.Number.IsZero() {
		if q.carrier = c.carrier; q.carrier == CarrierUnknown {
			q.carrier = byShape(q.proof.Token.Reveal())
		}
	}
	return nil
}

// whole is the command SpendNumberCheck in one: the proof's use, the charge of
// an answer, what became of the question.
type whole struct {
	ids      *core.IDs
	payer    billing.Payer
	keys     []store.ProofKey
	row      store.NumberCheck // as it shall be; Price is that of an answer
	answered bool              // charge for it
}

// Want names the proof under every token key, and the payer's accounts.
func (c *whole) Want(b *store.Batch) {
	wantProof(b, c.keys)
	if c.answered && c.row.Price > 0 {
		billing.Want(b, c.payer)
	}
}

// Decide refuses with ErrProof where somebody else used the proof, and with
// KindInsufficientBalance. It looks no more at the proof's life: that it was
// alive when the carrier was asked is enough.
func (c *whole) Decide(b *store.Batch) error {
	row := c.row
	row.Updated = b.Now
	proof := store.NumberProof{Key: c.keys[0], Until: b.Now.Add(ProofKept)}
	for _, k := range c.keys {
		if have, ok := b.Proofs.Get(k); ok && (have.Until > b.Now || have.Check != 0) {
			proof = have
		}
	}
	if proof.Check != 0 {
		return ErrProof()
	}
	proof.Check, proof.App, proof.Until = row.ID, row.App, b.Now.Add(ProofKept)
	b.Proofs.Put(proof.Key, proof)
	switch {
	case !c.answered:
		row.Price = 0 // what is not charged costs nothing
	case row.Price > 0:
		if err := billing.Reserve(b, c.ids, c.payer, row.Price, int64(row.ID)); err != nil {
			return err
		}
		billing.Settle(b, c.ids, c.payer, row.Price, int64(row.ID))
		row.Money = store.MoneySettled
	}
	b.NumberChecks.Put(row.ID, row)
	return nil
}

// look reads what has to be known before a carrier is chosen.
func (s *Service) look(ctx context.Context, q *question) error {
	if s.o.Alone {
		return s.foresee(ctx, q)
	}
	return s.recordedCarrier(ctx, q)
}

// enter takes the proof for this question, before it is looked at: whoever had
// it before has written by then, or still has it. It is left in any case.
func (s *Service) enter(q *question) (leave func()) {
	if !s.o.Alone {
		return func() {}
	}
	if q.busy = !s.underway.enter(q.keys); q.busy {
		return func() {}
	}
	return func() { s.underway.leave(q.keys[0], q.payer().Owner, q.held) }
}

// mayAsk tells whether a carrier may be asked, and whether anything must be
// reserved on disk first. Errors: what the look found; ErrProof while the proof
// is being asked with.
func (s *Service) mayAsk(q *question) error {
	switch {
	case !s.o.Alone:
		return nil
	case q.refused != nil:
		return q.refused
	case q.busy:
		return ErrProof()
	}
	if q.once = s.underway.hold(q.payer().Owner, q.price, q.available); q.once {
		q.held = q.price
	}
	return nil
}

// end is the only commit of a question of which nothing is on disk; or the
// second one of another.
func (s *Service) end(ctx context.Context, q *question, row store.NumberCheck, a Answer, failed error) error {
	if !q.once {
		return s.o.Store.Do(ctx, q.noted(&outcome{ids: s.o.IDs, row: row, answered: failed == nil}, a, failed))
	}
	return s.o.Store.Do(ctx, q.noted(&whole{ids: s.o.IDs, payer: q.payer(), keys: q.keys, row: row, answered: failed == nil}, a, failed))
}

// burn notes the use of a proof whose answer is withheld, and that it is.
func (s *Service) burn(ctx context.Context, q *question, row store.NumberCheck) {
	row.State = store.NumberCheckWithheld
	if err := s.o.Store.Do(ctx, &whole{keys: q.keys, row: row}); err != nil {
		s.o.Log.Error("numberverify: the use of a proof could not be noted", "check", int64(q.id), "error", err.Error())
	}
}
