package outbox

import (
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// payerOf is who paid for a message.
func payerOf(m *store.Message) billing.Payer {
	return billing.PayerOf(m.Tenant, m.App, m.TenantPays, m.Pool)
}

// wantMoney names the payer's accounts while money is held for the message.
func wantMoney(b *store.Batch, m *store.Message) {
	if m.Money == store.MoneyReserved {
		billing.Want(b, payerOf(m))
	}
}

// settle spends what is held: the carrier took the message
// (contracts/delivery.md §8 "Money"). It happens once.
func settle(b *store.Batch, ids *core.IDs, m *store.Message) {
	if m.Money == store.MoneyReserved {
		billing.Settle(b, ids, payerOf(m), m.Price, int64(m.ID))
		m.Money = store.MoneySettled
	}
}

// refund gives back what is held: the message was never submitted. What is
// settled stays so; giving that back is an operator's decision.
func refund(b *store.Batch, ids *core.IDs, m *store.Message) {
	if m.Money == store.MoneyReserved {
		billing.Refund(b, ids, payerOf(m), m.Price, int64(m.ID))
		m.Money = store.MoneyRefunded
	}
}
