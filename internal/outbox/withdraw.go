package outbox

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Planned notes in a message that is to be enqueued which step of its app's
// fall-back plan it is, from 1.
func Planned(m *store.Message, step int) {
	note(m, store.At(core.IDTime(int64(m.ID))), Step{Kind: StepPlanned, Status: uint16(step)})
}

// PlanStep is which step of its app's plan a message is; 0 is the first.
func PlanStep(m *store.Message) int {
	if len(m.History) == 0 || StepKind(m.History[0]) != StepPlanned {
		return 0
	}
	steps, _ := History(m)
	return int(steps[0].Status)
}

// WantWithdrawn names what Withdraw reads.
func WantWithdrawn(b *store.Batch, id core.MessageID) {
	b.Messages.Want(id)
	if m, found := b.Messages.Get(id); found {
		wantMoney(b, &m)
	}
}

// Withdraw ends the life of a message whose code became void: nobody else gets
// digits that do not work. One that waits for a provider expires, and its price
// is given back; what a provider has, or may have, goes its way, and is neither
// sent again nor to anybody else.
func Withdraw(b *store.Batch, ids *core.IDs, id core.MessageID) {
	m, found := b.Messages.Get(id)
	if !found || final(m.State) || !codeLives(&m, b.Now) {
		return
	}
	if m.State == store.MessageUndelivered && undecided(&m) {
		tell(b, ids, &m) // nobody else is asked any more
	}
	m.ValidUntil = b.Now
	switch {
	case m.State == store.MessageQueued:
		endQueued(b, ids, &m)
	case m.State != store.MessageLeased:
		awaitReceipt(&m, b.Now)
	}
	b.Messages.Put(id, m)
}
