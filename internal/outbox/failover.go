package outbox

import (
	"bytes"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// Which provider may still be asked for a message follows from its history:
// those that refused it, and those whose copy was reported as not delivered, are
// never asked again (contracts/delivery.md §8). An operator who has a message
// tried again begins anew.

// refusedBy are the providers that a message does not go to any more.
func refusedBy(m *store.Message) []string { return stepsBack(m, StepRejected, StepFailover) }

// abandonedBy are the providers whose copy was reported as not delivered, after
// which the message went on.
func abandonedBy(m *store.Message) []string { return stepsBack(m, StepFailover) }

// stepsBack are the providers of the steps of some kinds since the message was
// last requeued.
func stepsBack(m *store.Message, kinds ...StepKind) (names []string) {
	if !slices.ContainsFunc(kinds, func(k StepKind) bool { return bytes.IndexByte(m.History, byte(k)) >= 0 }) {
		return nil // as of almost all
	}
	steps, _ := History(m)
	for _, s := range steps {
		switch {
		case s.Kind == StepRequeued:
			names = names[:0]
		case slices.Contains(kinds, s.Kind) && s.Provider != "":
			names = append(names, s.Provider)
		}
	}
	return names
}

// around is a route without the providers that refused the message; the one
// that had it last comes last.
func around(route []provider.Provider, m *store.Message) []provider.Provider {
	refused := refusedBy(m)
	left := make([]provider.Provider, 0, len(route))
	var last provider.Provider
	for _, p := range route {
		switch name := p.Name(); {
		case slices.Contains(refused, name):
		case name == m.Provider:
			last = p
		default:
			left = append(left, p)
		}
	}
	if last != nil {
		left = append(left, last)
	}
	return left
}

// The jsms statuses after which nobody else would do better: opted out or on a
// blacklist, no such number, a call that was not answered or met a busy line
// (contracts/delivery.md §8).
func hopeless(status uint16) bool {
	return status == 4002 || status == 4004 || status == 4007 || status == 4008
}

// failsOver tells whether an undelivered message may go to another provider:
// its code lives, its text is there, and its price was not given back.
func failsOver(m *store.Message, now store.Time) bool {
	return codeLives(m, now) && len(m.Body) > 0 && m.Money != store.MoneyRefunded && !hopeless(m.Status) && ringsElsewhere(m)
}

// undecided marks an undelivered message of which the sweep has to find out
// whether another provider may have it: it is due before its code dies.
func undecided(m *store.Message) bool { return m.Due != 0 && m.Due < m.ValidUntil }

// undelivered sends a message on after its receipt, or lets that be its end.
func (c *Recover) undelivered(b *store.Batch, m *store.Message) {
	switch {
	case !undecided(m):
		awaitReceipt(m, b.Now)
	case !failsOver(m, b.Now) || c.Next == nil || !c.Next(m):
		tell(b, c.IDs, m)
		awaitReceipt(m, b.Now)
	case !c.mayTake(m):
		m.Due = min(b.Now.Add(shortestPause), m.ValidUntil-1)
	default:
		note(m, b.Now, Step{Kind: StepFailover, Provider: m.Provider})
		move(m, store.MessageQueued, b.Now)
		m.Status = 0
		c.take(b, m)
		c.FailedOver++
	}
}

// hasNext tells whether a provider is left for a message that is to be sent
// again: after a receipt another one than the one that had it.
func (o *Outbox) hasNext(m *store.Message) bool {
	to, err := o.options.Sealer.OpenPhone(m.Phone)
	if err != nil {
		return false
	}
	refused := refusedBy(m)
	return slices.ContainsFunc(o.options.Able(m, to), func(name string) bool {
		return !slices.Contains(refused, name) && (m.State != store.MessageUndelivered || name != m.Provider)
	})
}

// next is Recover.Next.
func (o *Outbox) next() func(*store.Message) bool {
	if o.options.Able == nil {
		return nil
	}
	return o.hasNext
}

// reportAbandoned applies a receipt of a copy that the message went on after:
// that it was delivered after all counts, everything else was known.
func reportAbandoned(b *store.Batch, ids *core.IDs, m *store.Message, ref store.ReceiptRef, v verdict) {
	if v.state != provider.StateDelivered {
		return
	}
	b.Receipts.Delete(ref.Key)
	if ref.Attempt == m.Attempts { // its parts are those that are counted
		m.PartsDone++
		b.Messages.Put(m.ID, *m)
		if m.PartsDone < m.Parts {
			return
		}
	} else if m.Segments > 1 {
		return // its other parts are not known any more
	}
	deliver(b, ids, m, ref, v)
}

// deliver ends a message: a carrier reports that it was delivered.
func deliver(b *store.Batch, ids *core.IDs, m *store.Message, ref store.ReceiptRef, v verdict) {
	if m.State != store.MessageSubmitted && m.State != store.MessageUndelivered {
		submit(b, ids, m)
	}
	note(m, b.Now, v.step(StepDelivered, m, ref))
	move(m, store.MessageDelivered, b.Now)
	beginLife(b, m)
	m.Body, m.Due = nil, 0
	m.Code, m.Status = v.code, v.status
	tell(b, ids, m)
	b.Messages.Put(m.ID, *m)
}
