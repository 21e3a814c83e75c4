package outbox

import (
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// Receipt is a carrier's report, to be recorded.
type Receipt struct {
	provider.Receipt
	Provider string // who brought it
}

// RecordReceipts records what carriers report, in any order and any number of
// times. It refuses nothing: a receipt that leads to no message waits 60
// seconds for its submit response (contracts/delivery.md §2.4).
type RecordReceipts struct {
	IDs      *core.IDs
	Failover bool // the sweep finds out whether an undelivered message goes to another provider
	Receipts []Receipt

	Delivered, Undelivered, Orphaned int // results: messages, messages, receipts
}

// verdict is what a receipt says about one part.
type verdict struct {
	state  provider.State
	code   string
	status uint16

	failover bool // another provider may be asked
}

// step is the verdict as the history keeps it; which part it is about matters
// only where there are several.
func (v verdict) step(kind StepKind, m *store.Message, ref store.ReceiptRef) Step {
	s := Step{Kind: kind, Code: v.code, Status: v.status}
	if m.Parts > 1 {
		s.Parts = []string{ref.Key.PartID}
	}
	return s
}

// Want names the id as the carrier wrote it, its other spellings only where
// that one leads nowhere, then the messages found, or the place where the
// receipt will wait.
func (c *RecordReceipts) Want(b *store.Batch) {
	for i := range c.Receipts {
		r := &c.Receipts[i]
		asked, found := true, false
		r.spellings(func(k store.ReceiptKey) bool {
			if !b.Receipts.Has(k) {
				b.Receipts.Want(k)
				asked = false
				return false
			}
			ref, known := b.Receipts.Get(k)
			if known {
				found = true
				b.Messages.Want(ref.Message)
				if m, ok := b.Messages.Get(ref.Message); ok {
					wantMoney(b, &m)
					wantCode(b, &m)
				}
			}
			return !known
		})
		if asked && !found && r.State != provider.StateSubmitted {
			r.spellings(func(k store.ReceiptKey) bool { b.Orphans.Want(k); return true })
		}
	}
}

// spellings calls f with the receipt's keys, likeliest first, until f says no.
func (r *Receipt) spellings(f func(store.ReceiptKey) bool) {
	if !f(store.ReceiptKey{Provider: r.Provider, PartID: r.PartID}) {
		return
	}
	for _, alt := range r.AltIDs {
		if !f(store.ReceiptKey{Provider: r.Provider, PartID: alt}) {
			return
		}
	}
}

// Decide records each receipt in turn.
func (c *RecordReceipts) Decide(b *store.Batch) error {
	c.Delivered, c.Undelivered, c.Orphaned = 0, 0, 0
	for i := range c.Receipts {
		r := &c.Receipts[i]
		v := verdict{state: r.State, code: provider.CleanCode(r.Code), status: uint16(r.JSMS)}
		ref, known := r.find(b)
		if !known {
			if r.State != provider.StateSubmitted && keepOrphan(b, r, v) {
				c.Orphaned++
			}
			continue
		}
		v.failover = c.Failover
		switch before, after := report(b, c.IDs, ref, v); {
		case before == after:
		case after == store.MessageDelivered:
			c.Delivered++
		case after == store.MessageUndelivered:
			c.Undelivered++
		}
	}
	return nil
}

// find looks the receipt's message up: the literal id first, then its other
// spellings (contracts/delivery.md §2.3).
func (r *Receipt) find(b *store.Batch) (ref store.ReceiptRef, known bool) {
	r.spellings(func(k store.ReceiptKey) bool {
		if b.Receipts.Has(k) {
			ref, known = b.Receipts.Get(k)
		}
		return !known
	})
	return ref, known
}

// keepOrphan lets a receipt wait for its message under each of its spellings.
// Delivered is never replaced by undelivered. A key that the command did not
// want had a message when the batch began: the receipt is a repetition.
func keepOrphan(b *store.Batch, r *Receipt, v verdict) (kept bool) {
	r.spellings(func(k store.ReceiptKey) bool {
		if !b.Orphans.Has(k) {
			return true
		}
		have, waits := b.Orphans.Get(k)
		if waits && provider.State(have.State) == provider.StateDelivered && b.Now.Sub(have.At) <= orphanLife {
			return true
		}
		b.Orphans.Put(k, store.Orphan{Key: k, State: uint8(v.state), Code: v.code, Status: v.status, At: b.Now})
		kept = true
		return true
	})
	return kept
}

// report applies what a receipt says about one part to its message. A final
// state stays, except that undelivered may become delivered
// (contracts/delivery.md §8). The reference goes when nothing more can come of
// it: a repetition then leads nowhere.
func report(b *store.Batch, ids *core.IDs, ref store.ReceiptRef, v verdict) (before, after store.MessageState) {
	m, found := b.Messages.Get(ref.Message)
	if !found || final(m.State) {
		b.Receipts.Delete(ref.Key)
		return m.State, m.State
	}
	before = m.State
	if slices.Contains(abandonedBy(&m), ref.Key.Provider) {
		reportAbandoned(b, ids, &m, ref, v)
		return before, m.State
	}
	if before != store.MessageSubmitted && before != store.MessageUndelivered {
		submit(b, ids, &m) // a receipt proves that the carrier took it
		b.Messages.Put(m.ID, m)
	}
	switch v.state {
	case provider.StateDelivered:
		b.Receipts.Delete(ref.Key)
		partDelivered(b, ids, &m, ref, v)
	case provider.StateUndelivered:
		if !ref.Failed {
			ref.Failed = true
			b.Receipts.Put(ref.Key, ref)
			partFailed(b, ids, &m, ref, v)
		}
	case provider.StateSubmitted: // says no more than that it was taken
	}
	return before, m.State
}

// final tells whether no receipt can change a message any more.
func final(s store.MessageState) bool {
	return of(s)&of(store.MessageDelivered, store.MessageRejected, store.MessageExpired, store.MessageDead) != 0
}

// partDelivered counts a part. The message is delivered when all parts of its
// latest submission are.
func partDelivered(b *store.Batch, ids *core.IDs, m *store.Message, ref store.ReceiptRef, v verdict) {
	if ref.Attempt != m.Attempts {
		if m.Segments <= 1 {
			deliver(b, ids, m, ref, v) // an older copy was the whole message
		}
		return // its other parts are not known any more
	}
	if m.PartsDone++; m.PartsDone >= m.Parts {
		deliver(b, ids, m, ref, v)
		return
	}
	note(m, b.Now, v.step(StepDelivered, m, ref))
	b.Messages.Put(m.ID, *m)
}

// partFailed marks the message: it is undelivered when any part of its latest
// submission is.
func partFailed(b *store.Batch, ids *core.IDs, m *store.Message, ref store.ReceiptRef, v verdict) {
	if ref.Attempt != m.Attempts || m.State != store.MessageSubmitted {
		return
	}
	move(m, store.MessageUndelivered, b.Now)
	m.Code, m.Status = v.code, v.status
	note(m, b.Now, v.step(StepUndelivered, m, ref))
	if v.failover && failsOver(m, b.Now) {
		m.Due = b.Now // undecided
	} else {
		tell(b, ids, m)
		awaitReceipt(m, b.Now)
	}
	b.Messages.Put(m.ID, *m)
}
