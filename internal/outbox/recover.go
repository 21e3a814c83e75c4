package outbox

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Custody is what a node knows about a message that it leased.
type Custody uint8

// The kinds of custody.
const (
	// EarlierLife: leased before this process began; bytes may have been written.
	EarlierLife Custody = iota
	// InFlight: in the queue, with a provider, or its outcome is being recorded.
	InFlight
	// NeverSent: leased in this life and never given to a provider.
	NeverSent
)

// Recover looks at messages that are due: lapsed leases, unknown outcomes
// whose hold is over, messages that wait for another try, texts whose code
// died, receipts that never came. Every message that it looks at is due later
// or never afterwards. It refuses nothing.
type Recover struct {
	IDs     *core.IDs
	Node    uint8
	Lease   time.Duration
	Hold    time.Duration
	Due     []core.MessageID
	Room    int                          // how many may be leased for sending; the rest waits
	Custody func(*store.Message) Custody // of messages leased by Node
	Start   bool                         // leases of an earlier life need not have lapsed
	// Next tells whether a provider is left for a message to be sent again: after
	// a receipt another one. nil: only an unknown outcome is, and to anybody.
	Next func(*store.Message) bool

	Taken      []store.Message // result: leased by Node, to be sent now
	Resent     int             // result: how many of them after an unknown outcome
	FailedOver int             // result: how many of them after an undelivered receipt
	Expired    int             // result
	Dead       int             // result
}

// Want names the messages, then their payers' accounts.
func (c *Recover) Want(b *store.Batch) {
	for _, id := range c.Due {
		b.Messages.Want(id)
		if m, found := b.Messages.Get(id); found {
			wantMoney(b, &m)
		}
	}
}

// Decide looks at each message in turn.
func (c *Recover) Decide(b *store.Batch) error {
	c.Taken, c.Resent, c.FailedOver, c.Expired, c.Dead = c.Taken[:0], 0, 0, 0, 0
	for _, id := range c.Due {
		m, found := b.Messages.Get(id)
		if !found || m.Due == 0 || !c.isDue(&m, b.Now) {
			continue
		}
		c.look(b, &m)
		b.Messages.Put(id, m)
		switch m.State {
		case store.MessageExpired:
			c.Expired++
		case store.MessageDead:
			c.Dead++
		default: // not ended
		}
	}
	return nil
}

// isDue tells whether it is this node's turn. Other nodes renew their leases
// when those lapse: they have one lease's time to do so.
func (c *Recover) isDue(m *store.Message, now store.Time) bool {
	switch {
	case m.State != store.MessageLeased:
		return m.Due <= now
	case m.Node != c.Node:
		return m.Due.Add(c.Lease) <= now
	case c.Start && c.Custody(m) == EarlierLife:
		return true
	default:
		return m.Due <= now
	}
}

func (c *Recover) look(b *store.Batch, m *store.Message) {
	switch m.State {
	case store.MessageQueued:
		c.retry(b, m)
	case store.MessageLeased:
		c.lapsed(b, m)
	case store.MessageUnknown:
		if mayResend(m) && codeLives(m, b.Now) && (c.Next == nil || c.Next(m)) {
			c.resend(b, m)
			return
		}
		c.await(b, m)
	case store.MessageSubmitted:
		c.await(b, m)
	case store.MessageUndelivered:
		c.undelivered(b, m)
	case store.MessageRejected:
		bury(b, c.IDs, m)
	default: // dead, with the text that an operator could have had sent
		m.Body, m.Due = nil, 0
	}
}

// lapsed handles a lease that ran out (doc.go "What a lease proves").
func (c *Recover) lapsed(b *store.Batch, m *store.Message) {
	custody := EarlierLife
	if m.Node == c.Node {
		custody = c.Custody(m)
	}
	switch custody {
	case InFlight:
		m.Due = b.Now.Add(c.Lease)
	case NeverSent:
		move(m, store.MessageQueued, b.Now)
		c.retry(b, m)
	case EarlierLife:
		m.Attempts++
		note(m, b.Now, Step{Kind: StepLost})
		hold(m, c.Hold, b.Now)
	}
}

// retry leases a queued message for sending, or ends it when its code is dead.
func (c *Recover) retry(b *store.Batch, m *store.Message) {
	if !codeLives(m, b.Now) {
		endQueued(b, c.IDs, m)
		return
	}
	c.take(b, m)
}

// resend sends a message of unknown outcome once more, with the same text
// (contracts/delivery.md §1).
func (c *Recover) resend(b *store.Batch, m *store.Message) {
	if !c.mayTake(m) {
		m.Due = b.Now.Add(shortestPause)
		return
	}
	move(m, store.MessageQueued, b.Now)
	m.Resends++
	note(m, b.Now, Step{Kind: StepResent})
	c.take(b, m)
	c.Resent++
}

func (c *Recover) take(b *store.Batch, m *store.Message) {
	if !c.mayTake(m) {
		m.Due = min(b.Now.Add(shortestPause), m.ValidUntil)
		return
	}
	lease(m, c.Node, b.Now.Add(c.Lease), b.Now)
	c.Taken = append(c.Taken, *m)
}

// mayTake tells whether there is room for the message, and this node has not
// got it already: its last outcome may be stored and not yet known to be.
func (c *Recover) mayTake(m *store.Message) bool {
	return len(c.Taken) < c.Room && c.Custody(m) != InFlight
}

// await goes on waiting for a receipt, or gives it up.
func (c *Recover) await(b *store.Batch, m *store.Message) {
	if receiptOverdue(m, b.Now) {
		expire(b, c.IDs, m)
		return
	}
	awaitReceipt(m, b.Now)
}
