package dispatch

import (
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
)

// enqueue stores drafts that nothing refused: each with a charge of its own, from
// the first pool that can pay it (contracts/jsms.md §8).
type enqueue struct {
	ids    *core.IDs
	drafts []*draft
	strict bool // one that can not be paid refuses the command
	late   bool // of a schedule: what is there already is left alone, what is refused is stored as dead
}

// Want names the payers' accounts, and of a schedule the messages.
func (c *enqueue) Want(b *store.Batch) {
	for _, d := range c.drafts {
		for _, p := range d.payers {
			billing.Want(b, p)
		}
		d.capped.Want(b)
		if c.late {
			b.Messages.Want(d.row.ID)
		}
	}
}

// Decide refuses with KindInsufficientBalance where it is strict. Otherwise each
// draft's result says what became of it.
func (c *enqueue) Decide(b *store.Batch) error {
	for _, d := range c.drafts {
		d.accepted, d.unpaid = false, nil
		if c.late {
			if _, there := b.Messages.Get(d.row.ID); there {
				continue
			}
		}
		if d.refused != nil {
			c.refuse(b, d, d.refused)
			continue
		}
		err := outbox.Enqueue(b, c.ids, billing.Able(b, d.payers, d.row.Price), d.capped, d.row)
		if err != nil {
			if c.strict || !unpaid(err) {
				return err
			}
			d.unpaid = err
			c.refuse(b, d, err)
			continue
		}
		b.AppendJournal(d.journal)
		d.stored, _ = b.Messages.Get(d.row.ID)
		d.accepted = true
	}
	c.settle()
	return nil
}

// unpaid tells the refusals of one draft that leave the others alone.
func unpaid(err error) bool {
	kind := core.KindOf(err)
	return kind == core.KindInsufficientBalance || kind == core.KindSpendCap
}

// settle copies what the last run decided into the results.
func (c *enqueue) settle() {
	for _, d := range c.drafts {
		d.result.Err = d.refused
		if d.refused == nil {
			d.result.Err = d.unpaid
		}
	}
}

func (c *enqueue) refuse(b *store.Batch, d *draft, why error) {
	if !c.late {
		return
	}
	m := d.row
	m.Code, m.Status = reasonOf(why)
	outbox.Refuse(b, c.ids, m)
}

// reasonOf is how a recipient of a schedule is reported that was refused at its
// time (contracts/jsms.md §7, §10).
func reasonOf(err error) (code string, status uint16) {
	switch core.KindOf(err) {
	case core.KindInsufficientBalance, core.KindSpendCap:
		return "BALANCE", 4005
	case core.KindRateLimited:
		return "FREQUENCY", 4006
	case core.KindOptedOut:
		return "OPTOUT", 4002
	default:
		return "REFUSED", 4100
	}
}
