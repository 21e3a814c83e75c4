package outbox

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// Outcome is the end of one submission, to be recorded.
type Outcome struct {
	provider.Outcome
	Message  core.MessageID
	Node     uint8    // who submitted
	Attempt  uint8    // the row's Attempts when it was leased, plus 1
	Provider string   // who answered; "" when no route led anywhere
	Next     bool     // the route has another provider for a refused message
	Skipped  []string // providers before it that nothing could be written to

	Again bool // result: refused, and leased again for the next provider
}

// RecordOutcomes records the ends of submissions. Recording one twice changes
// nothing. It refuses nothing: what no longer fits the row is left alone.
type RecordOutcomes struct {
	IDs      *core.IDs
	Lease    time.Duration // for a message that goes on to its next provider
	Hold     time.Duration // an unknown outcome is waited for so long before the resend
	NextHold time.Duration // the same where the route has another provider; 0: Hold
	Failover bool          // as RecordReceipts.Failover, for receipts that came before
	Outcomes []Outcome

	Delivered, Undelivered, Expired, Dead int     // results: messages that ended so
	FirstDead                             Outcome // result: what ended the first dead one
}

// Want names the messages, then their payers' accounts, and for every part the
// receipt that may have come before.
func (c *RecordOutcomes) Want(b *store.Batch) {
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		b.Messages.Want(o.Message)
		o.parts(func(k store.ReceiptKey) {
			b.Receipts.Want(k)
			b.Orphans.Want(k)
		})
		if m, found := b.Messages.Get(o.Message); found {
			wantMoney(b, &m)
			wantCode(b, &m)
		}
	}
}

// Decide records each outcome in turn.
func (c *RecordOutcomes) Decide(b *store.Batch) error {
	c.Delivered, c.Undelivered, c.Expired, c.Dead = 0, 0, 0, 0
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		o.Again = false
		if m, found := b.Messages.Get(o.Message); found && c.record(b, o, &m) {
			b.Messages.Put(m.ID, m)
			c.adoptOrphans(b, o)
			c.count(b, o)
		}
	}
	return nil
}

func (c *RecordOutcomes) count(b *store.Batch, o *Outcome) {
	switch m, _ := b.Messages.Get(o.Message); m.State {
	case store.MessageDelivered:
		c.Delivered++
	case store.MessageUndelivered:
		c.Undelivered++
	case store.MessageExpired:
		c.Expired++
	case store.MessageDead:
		if c.Dead++; c.Dead == 1 {
			c.FirstDead = *o
		}
	default: // not ended
	}
}

// record changes m as o says, and tells whether it did.
func (c *RecordOutcomes) record(b *store.Batch, o *Outcome, m *store.Message) bool {
	held := m.State == store.MessageLeased && m.Node == o.Node && m.Attempts < o.Attempt
	if !held {
		return c.late(b, o, m)
	}
	switch o.Class {
	case provider.Accepted:
		answered(m, o)
		o.note(m, b.Now, StepSubmitted)
		submit(b, c.IDs, m)
		putParts(b, o, m)
	case provider.Rejected:
		answered(m, o)
		o.note(m, b.Now, StepRejected)
		c.refused(b, o, m)
	case provider.Throttled:
		m.Code = o.Code
		o.note(m, b.Now, StepThrottled)
		c.giveBack(b, m, throttled(o))
	case provider.NotSent:
		o.note(m, b.Now, StepNotSent)
		c.giveBack(b, m, retryPause(m, b.Now))
	default: // Unknown, and whatever else a provider may say
		answered(m, o)
		o.note(m, b.Now, StepUnknown)
		hold(m, c.hold(o), b.Now)
		putParts(b, o, m)
	}
	return true
}

// hold is how long the receipt of an unknown outcome is waited for.
func (c *RecordOutcomes) hold(o *Outcome) time.Duration {
	if o.Next && c.NextHold > 0 {
		return c.NextHold
	}
	return c.Hold
}

// note adds the outcome to the message's history, after the providers that were
// passed over because nothing could be written to them.
func (o *Outcome) note(m *store.Message, now store.Time, kind StepKind) {
	for _, name := range o.Skipped {
		note(m, now, Step{Kind: StepSkipped, Provider: name})
	}
	note(m, now, Step{Kind: kind, Provider: o.Provider, Code: o.Code, Parts: o.PartIDs})
}

// late handles an outcome for a message that is not this node's any more, or
// that was recorded before: only an acceptance still counts.
func (c *RecordOutcomes) late(b *store.Batch, o *Outcome, m *store.Message) bool {
	first := m.Attempts < o.Attempt
	switch {
	case o.Class == provider.Rejected:
		// Recorded before, but the answer to that commit was lost.
		o.Again = o.Next && m.State == store.MessageLeased && m.Node == o.Node && m.Attempts == o.Attempt
		return false
	case o.Class != provider.Accepted:
		return false
	case (copyOut(m) || first && maybeTaken(m)) && (m.State == store.MessageUnknown || m.State == store.MessageQueued || m.State == store.MessageLeased):
		answered(m, o) // a late answer
		o.note(m, b.Now, StepSubmitted)
		submit(b, c.IDs, m)
	case first && (m.State == store.MessageSubmitted || m.State == store.MessageUndelivered):
		answered(m, o) // a receipt for an older copy was faster
		o.note(m, b.Now, StepSubmitted)
	default:
		return false
	}
	putParts(b, o, m)
	return true
}

// answered notes who answered what to which submission.
func answered(m *store.Message, o *Outcome) {
	m.Attempts = max(m.Attempts, o.Attempt)
	m.Provider, m.Code = o.Provider, o.Code
}

// refused sends the message to the next provider, or ends it. If an older copy
// may have been taken, its receipt is still waited for.
func (c *RecordOutcomes) refused(b *store.Batch, o *Outcome, m *store.Message) {
	switch {
	case o.Next && codeLives(m, b.Now):
		move(m, store.MessageRejected, b.Now)
		move(m, store.MessageQueued, b.Now)
		lease(m, o.Node, b.Now.Add(c.Lease), b.Now)
		o.Again = true
	case maybeTaken(m):
		hold(m, c.Hold, b.Now)
	default:
		move(m, store.MessageRejected, b.Now)
		bury(b, c.IDs, m)
	}
}

// giveBack returns the lease of a message that was not sent.
func (c *RecordOutcomes) giveBack(b *store.Batch, m *store.Message, pause time.Duration) {
	requeue(m, pause, b.Now)
	if !codeLives(m, b.Now) {
		endQueued(b, c.IDs, m)
	}
}

// endQueued ends a queued message whose code is dead, unless an older copy may
// have been taken.
func endQueued(b *store.Batch, ids *core.IDs, m *store.Message) {
	if maybeTaken(m) && !receiptOverdue(m, b.Now) {
		awaitReceipt(m, b.Now)
		return
	}
	expire(b, ids, m)
}

func throttled(o *Outcome) time.Duration {
	if o.RetryAfter > 0 {
		return o.RetryAfter
	}
	return throttlePause
}

// putParts makes the message findable by the carrier's ids. An empty id stands
// for a part that has none yet.
func putParts(b *store.Batch, o *Outcome, m *store.Message) {
	if len(o.PartIDs) == 0 {
		return
	}
	m.Parts, m.PartsDone = uint8(min(len(o.PartIDs), 255)), 0
	if o.Class == provider.Unknown {
		m.Parts = max(m.Parts, m.Segments) // some answers are missing
	}
	o.parts(func(k store.ReceiptKey) {
		b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: m.ID, Attempt: m.Attempts})
	})
}

// adoptOrphans applies the receipts that came before the submit response
// (contracts/delivery.md §2.4).
func (c *RecordOutcomes) adoptOrphans(b *store.Batch, o *Outcome) {
	o.parts(func(k store.ReceiptKey) {
		orphan, waits := b.Orphans.Get(k)
		if !waits {
			return
		}
		b.Orphans.Delete(k)
		if ref, known := b.Receipts.Get(k); known && b.Now.Sub(orphan.At) <= orphanLife {
			report(b, c.IDs, ref, verdict{state: provider.State(orphan.State), code: orphan.Code, status: orphan.Status, failover: c.Failover})
		}
	})
}

// parts calls f with the key of every part whose id is known.
func (o *Outcome) parts(f func(store.ReceiptKey)) {
	for _, part := range o.PartIDs {
		if part != "" {
			f(store.ReceiptKey{Provider: o.Provider, PartID: part})
		}
	}
}
