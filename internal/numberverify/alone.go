package numberverify

import (
	"context"
	"sync"
	"time"

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
	group  *gathering                     // of questions whose end is to be written; nil: none
	recall recall                         // which proofs have rows
	left   map[billing.Owner]left         // what accounts had lately
}

func (u *underway) init() {
	u.proofs, u.prices = map[store.ProofKey]struct{}{}, map[billing.Owner]core.Credits{}
	u.left = map[billing.Owner]left{}
}

// enter is not ok while the proof is being asked with. isNew says that the
// proof certainly has no row.
func (u *underway) enter(keys []store.ProofKey, now time.Time) (isNew, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range keys { // a question from before a rotation is under an older key
		if _, busy := u.proofs[k]; busy {
			return false, false
		}
	}
	u.proofs[keys[0]] = struct{}{}
	isNew = u.recall.isNew(keys)
	u.recall.add(keys[0], now)
	return isNew, true
}

// remember keeps in mind that a proof is about to get a row.
func (u *underway) remember(k store.ProofKey, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.recall.add(k, now)
}

// has notes an account's balance.
func (u *underway) has(o billing.Owner, available core.Credits, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.left[o] = left{available, now}
}

// lately is an account's balance, if it was seen just now.
func (u *underway) lately(o billing.Owner, now time.Time) (core.Credits, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l, ok := u.left[o]
	return l.available, ok && now.Sub(l.at) < leftFor
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
	known     bool         // result: the proof has a row
}

// Decide refuses nothing: what comes before in the order of checks is not known yet.
func (c *foresight) Decide(b *store.Batch) error {
	c.carrier, c.known = recorded(b, c.keys), hasRow(b, c.keys)
	c.available = c.balance(b)
	c.refused = c.spend.Decide(b)
	return nil
}

// foresee looks at the proof and the balance, in one read; or in none, where a
// new proof is asked with and the balance was seen just now.
func (s *Service) foresee(ctx context.Context, q *question) error {
	if q.isNew {
		var seen bool
		if q.available, seen = s.underway.lately(q.payer().Owner, s.o.Now()); seen || q.price == 0 {
			q.belongs(CarrierUnknown)
			return nil
		}
	}
	c := &foresight{spend: spend{payer: q.payer(), keys: q.keys, dry: true, row: store.NumberCheck{App: q.app.ID, Price: q.price}}}
	if err := s.o.Store.Do(ctx, c); err != nil {
		return err
	}
	q.available, q.refused, q.known = c.available, c.refused, c.known
	if q.price > 0 {
		s.underway.has(q.payer().Owner, c.available, s.o.Now())
	}
	q.belongs(c.carrier)
	return nil
}

// belongs decides whose proof it is: the caller's word, the record, the shape.
func (q *question) belongs(recorded Carrier) {
	if q.carrier = q.proof.Carrier; q.carrier != CarrierUnknown || !q.proof.Number.IsZero() {
		return
	}
	if q.carrier = recorded; q.carrier == CarrierUnknown {
		q.carrier = byShape(q.proof.Token.Reveal())
	}
}

// whole is the command SpendNumberCheck in one: the proof's use, the charge of
// an answer, what became of the question.
type whole struct {
	ids      *core.IDs
	payer    billing.Payer
	keys     []store.ProofKey
	row      store.NumberCheck // as it shall be; Price is that of an answer
	answered bool              // charge for it

	// known says that the proof has a row already. Otherwise it is taken for new,
	// which the engine finds out when it inserts it: the batch is run again then,
	// and that time the row is looked up.
	known bool

	left core.Credits // result: what the payer has then, where a price was charged
}

// Want names the proof under every token key, where it may have a row, and the
// payer's accounts.
func (c *whole) Want(b *store.Batch) {
	if c.known {
		wantProof(b, c.keys)
	}
	if c.answered && c.row.Price > 0 {
		billing.Want(b, c.payer)
	}
}

// Decide refuses with ErrProof where somebody else used the proof, and with
// KindInsufficientBalance. It looks no more at the proof's life: that it was
// alive when the carrier was asked is enough.
func (c *whole) Decide(b *store.Batch) error {
	c.known = true // for the next time
	row := c.row
	row.Updated = b.Now
	proof := store.NumberProof{Key: c.keys[0], Until: b.Now.Add(ProofKept)}
	for _, k := range c.keys {
		if !b.Proofs.Has(k) {
			continue
		}
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
		account, _ := b.Accounts.Get(billing.Account(c.payer.Owner, c.payer.Pool, billing.Available))
		c.left = account.Balance
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
	isNew, ok := s.underway.enter(q.keys, s.o.Now())
	if q.isNew, q.busy = isNew, !ok; q.busy {
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
	s.underway.gather()
	c := &whole{ids: s.o.IDs, payer: q.payer(), keys: q.keys, row: row, answered: failed == nil, known: q.known}
	err := s.o.Store.Do(ctx, q.noted(c, a, failed))
	if err == nil && failed == nil && q.price > 0 {
		s.underway.has(q.payer().Owner, c.left, s.o.Now())
	}
	return err
}

// burn notes the use of a proof whose answer is withheld, and that it is.
func (s *Service) burn(ctx context.Context, q *question, row store.NumberCheck) {
	row.State = store.NumberCheckWithheld
	if err := s.o.Store.Do(ctx, &whole{keys: q.keys, row: row, known: true}); err != nil {
		s.o.Log.Error("numberverify: the use of a proof could not be noted", "check", int64(q.id), "error", err.Error())
	}
}
