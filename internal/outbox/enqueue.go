package outbox

import (
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// BodyField is the field name under which Message.Body is sealed.
const BodyField = "message.body"

// DefaultLease is how long the accepting node has a new message to itself.
const DefaultLease = 30 * time.Second

// Enqueue accepts a message inside another command's Decide: its price is
// reserved and its row is inserted, leased by the node that made its id
// (contracts/README.md §7, delivery.md §8 "queued → leased: at insert the
// accepting node"). The command must have wanted the payer's accounts
// (billing.Want). m brings ID, Tenant, App, Verification, Channel, Price,
// Segments, Phone, Body, Template and ValidUntil; the rest is set here, and
// the command reads the row back with b.Messages.Get(m.ID) for HandOff.
//
// KindInsufficientBalance when the payer can not pay; KindInternal for a
// message without a text or a life. Nothing is changed then.
// capped is nil for a message that counts against no cap of its app; otherwise
// the command must have wanted the caps' rows, too: KindSpendCap when a cap has no
// room for the message.
func Enqueue(b *store.Batch, ids *core.IDs, payer billing.Payer, capped *billing.Capped, m store.Message) error {
	if m.ID == 0 || len(m.Body) == 0 || m.ValidUntil <= b.Now {
		return core.E(core.KindInternal, "a message without an id, a text or a life")
	}
	if err := capped.Check(b, m.Price); err != nil {
		return err
	}
	if err := billing.Reserve(b, ids, payer, m.Price, int64(m.ID)); err != nil {
		return err
	}
	m.Money = store.MoneyNone
	if m.Price > 0 {
		m.Money = store.MoneyReserved
		if capped != nil {
			capped.Count(b, m.Price)
			noteCounted(&m, b.Now, capped.Key())
		}
	}
	m.Pool, m.TenantPays = payer.Pool, payer.Owner == billing.OwnerTenant(payer.Tenant)
	m.State, m.Node = store.MessageLeased, core.IDNode(int64(m.ID))
	m.Updated, m.Due = b.Now, b.Now.Add(DefaultLease)
	m.Parts, m.PartsDone, m.Resends, m.Attempts = 0, 0, 0, 0
	m.Provider, m.Code, m.Status = "", "", 0
	b.Messages.Put(m.ID, m)
	return nil
}
