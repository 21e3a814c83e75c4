package outbox

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Refuse stores a message that was accepted long before and can not be sent now,
// because nobody can pay or a limit is reached (contracts/jsms.md §7): it is dead
// at once, cost nothing, and its app is told, where it wants to be. m brings ID,
// Tenant, App, Channel, Segments, Phone, Template, Report, Code and Status.
func Refuse(b *store.Batch, ids *core.IDs, m store.Message) {
	m.State, m.Money, m.Price = store.MessageDead, store.MoneyNone, 0
	m.Node = core.IDNode(int64(m.ID))
	m.Body, m.Due, m.ValidUntil, m.Updated = nil, 0, b.Now, b.Now
	b.Messages.Put(m.ID, m)
	tell(b, ids, &m)
}
