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

// Withdraw ends a message whose code became void while it waited for a provider:
// its price is given back, and nobody gets digits that do not work. One that was
// given to a provider goes its way.
func Withdraw(b *store.Batch, ids *core.IDs, id core.MessageID) {
	m, found := b.Messages.Get(id)
	if !found || m.State != store.MessageQueued || maybeTaken(&m) {
		return
	}
	expire(b, ids, &m)
	b.Messages.Put(id, m)
}
