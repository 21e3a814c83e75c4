package outbox

import (
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Requeue is the command by which an operator has a dead or undelivered message
// tried again, inside the rules: its text must be there and its life not over,
// which is a code's own for a message that carries one. A price that was given
// back is reserved anew; one that was settled is not charged twice. A message
// that is on its way already stays as it is: running the command twice changes
// nothing.
//
// KindNotFound for an unknown id, KindConflict with the reason for a message
// that may not be tried again, KindInsufficientBalance when the payer can not
// pay.
type Requeue struct {
	IDs *core.IDs
	ID  core.MessageID

	Message store.Message // result: as it is now
	Changed bool          // result
}

// Want names the message, then the accounts of its payer.
func (c *Requeue) Want(b *store.Batch) {
	b.Messages.Want(c.ID)
	if m, found := b.Messages.Get(c.ID); found {
		billing.Want(b, payerOf(&m))
		wantCounted(b, &m)
	}
}

// Decide queues the message.
func (c *Requeue) Decide(b *store.Batch) error {
	m, found := b.Messages.Get(c.ID)
	c.Message, c.Changed = m, false
	switch {
	case !found:
		return core.E(core.KindNotFound, "no such message")
	case m.State == store.MessageQueued || m.State == store.MessageLeased:
		return nil
	}
	if reason := NotRequeued(&m, b.Now); reason != "" {
		return core.E(core.KindConflict, reason)
	}
	if m.Money == store.MoneyRefunded {
		if err := billing.Reserve(b, c.IDs, payerOf(&m), m.Price, int64(m.ID)); err != nil {
			return err
		}
		m.Money = store.MoneyReserved
		count(b, &m, m.Price) // an operator's decision: no cap refuses it
	}
	move(&m, store.MessageQueued, b.Now)
	m.Due, m.Status = b.Now, 0
	note(&m, b.Now, Step{Kind: StepRequeued})
	b.Messages.Put(m.ID, m)
	c.Message, c.Changed = m, true
	return nil
}

// NotRequeued is why an operator may not have a message tried again, in plain
// words; "" when it may.
func NotRequeued(m *store.Message, now store.Time) string {
	switch m.State {
	case store.MessageDead, store.MessageUndelivered:
	case store.MessageQueued, store.MessageLeased:
		return "it is on its way"
	case store.MessageUnknown:
		return "the carrier may have it: a third copy is never sent"
	case store.MessageSubmitted:
		return "the carrier has it, and its receipt is waited for"
	case store.MessageDelivered:
		return "it was delivered"
	default:
		return "its time is over"
	}
	switch {
	case !codeLives(m, now) && m.Verification != 0:
		return "its code is dead: the user asks for a new one"
	case !codeLives(m, now):
		return "its time is over"
	case len(m.Body) == 0:
		return "its text was erased"
	case m.Resends > 0 && m.State != store.MessageUndelivered:
		return "the carrier may have an earlier copy: a third one is never sent"
	}
	return ""
}

// GiveBack is the command by which an operator gives the price of a message
// back that was charged and not delivered. Once: for a message whose price was
// given back it changes nothing.
//
// KindNotFound for an unknown id, KindConflict with the reason when there is
// nothing to give back.
type GiveBack struct {
	IDs *core.IDs
	ID  core.MessageID

	Message store.Message // result: as it is now
	Changed bool          // result
}

// Want names the message, then the accounts of its payer.
func (c *GiveBack) Want(b *store.Batch) {
	b.Messages.Want(c.ID)
	if m, found := b.Messages.Get(c.ID); found {
		billing.Want(b, payerOf(&m))
		wantCounted(b, &m)
	}
}

// Decide moves the price back to what the payer can spend.
func (c *GiveBack) Decide(b *store.Batch) error {
	m, found := b.Messages.Get(c.ID)
	c.Message, c.Changed = m, false
	switch {
	case !found:
		return core.E(core.KindNotFound, "no such message")
	case m.Money == store.MoneyRefunded:
		return nil
	}
	if reason := NotRefunded(&m); reason != "" {
		return core.E(core.KindConflict, reason)
	}
	billing.RefundSettled(b, c.IDs, payerOf(&m), m.Price, int64(m.ID))
	m.Money = store.MoneyRefunded
	count(b, &m, -m.Price)
	note(&m, b.Now, Step{Kind: StepRefunded})
	b.Messages.Put(m.ID, m)
	c.Message, c.Changed = m, true
	return nil
}

// NotRefunded is why the price of a message can not be given back, in plain
// words; "" when it can.
func NotRefunded(m *store.Message) string {
	switch m.State {
	case store.MessageUndelivered, store.MessageExpired, store.MessageDead:
	case store.MessageDelivered:
		return "it was delivered"
	case store.MessageSubmitted, store.MessageUnknown:
		return "the carrier may still deliver it: its receipt is waited for"
	default:
		return "it is on its way: its price is only held"
	}
	switch m.Money {
	case store.MoneySettled:
		return ""
	case store.MoneyRefunded:
		return "its price was given back"
	default:
		return "it cost nothing"
	}
}

// Why tells in plain words why a message stands where it stands.
func Why(m *store.Message) string {
	who := "the carrier"
	if m.Provider != "" {
		who = m.Provider
	}
	code := ""
	if m.Code != "" {
		code = " (" + m.Code + ")"
	}
	switch m.State {
	case store.MessageQueued:
		return "waits for its turn" + code
	case store.MessageLeased:
		return "is being sent"
	case store.MessageUnknown:
		return who + " got it and did not answer: whether it was taken is not known"
	case store.MessageSubmitted:
		return who + " took it; no receipt came yet"
	case store.MessageDelivered:
		return who + " reported it delivered" + code
	case store.MessageUndelivered:
		return who + " could not deliver it: " + meaning(m.Status) + code
	case store.MessageRejected:
		return who + " refused it" + code
	case store.MessageExpired:
		return expiredWhy(m)
	case store.MessageDead:
		switch m.Code {
		case "no route":
			return "no provider may carry it"
		case "restored":
			return "a restore of an old backup ended it: it may have been sent since"
		}
		return who + " refused it and no route was left" + code
	}
	return ""
}

func expiredWhy(m *store.Message) string {
	switch {
	case m.Money == store.MoneySettled || m.Parts > 0:
		return "no receipt came within 72 hours"
	case m.Resends > 0 || m.Attempts > 0:
		return "nothing was heard of it within 72 hours"
	default:
		return "no provider could take it while it was alive"
	}
}

// meaning is the jsms status of a receipt in words (contracts/jsms.md §10).
func meaning(status uint16) string {
	switch status {
	case 4002:
		return "the carrier's blacklist, or opted out"
	case 4003:
		return "handset off or suspended"
	case 4004:
		return "no such number"
	case 4005:
		return "the balance at the carrier is used up"
	case 4006:
		return "the carrier's frequency limit"
	case 4007:
		return "not answered"
	case 4008:
		return "busy"
	case 4009:
		return "unreachable"
	case 4010:
		return "content filtered"
	}
	return "another reason"
}
