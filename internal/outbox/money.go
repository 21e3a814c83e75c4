package outbox

import (
	"bytes"
	"strings"
	"time"

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
		wantCounted(b, m)
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
		count(b, m, -m.Price)
	}
}

// A message whose app has caps on its spending notes in its history in which
// rows it was counted: what is given back comes out of the same ones, whatever
// the app's caps and zone are by then.

const dateOnly = "2006-01-02"

func noteCounted(m *store.Message, now store.Time, key store.SpendKey) {
	code := time.Unix(int64(key.Day())*24*3600, 0).UTC().Format(dateOnly)
	if country := key.Country(); country != "" {
		code += " " + country
	}
	note(m, now, Step{Kind: StepCounted, Code: code})
}

// countedIn is the key that noteCounted noted.
func countedIn(m *store.Message) (key store.SpendKey, counted bool) {
	if bytes.IndexByte(m.History, byte(StepCounted)) < 0 {
		return 0, false // as of almost all
	}
	steps, _ := History(m)
	for _, s := range steps {
		if s.Kind != StepCounted {
			continue
		}
		date, country, _ := strings.Cut(s.Code, " ")
		day, err := time.Parse(dateOnly, date)
		if err != nil {
			return 0, false
		}
		return store.NewSpendKey(int(day.Unix()/(24*3600)), m.App, country), true
	}
	return 0, false
}

func wantCounted(b *store.Batch, m *store.Message) {
	if key, counted := countedIn(m); counted {
		billing.WantSpend(b, key)
	}
}

// count adds to what the message's app spent, or takes from it.
func count(b *store.Batch, m *store.Message, amount core.Credits) {
	if key, counted := countedIn(m); counted {
		billing.CountSpend(b, key, amount)
	}
}
