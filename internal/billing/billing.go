package billing

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Kind is one of the four accounts behind a pool.
type Kind uint8

// The kinds of account. Available and held never go below zero; the engines
// check that too.
const (
	Available Kind = 1 // what the owner can spend
	Held      Kind = 2 // reserved for what is under way
	Revenue   Kind = 3 // spent
	Funding   Kind = 4 // where top-ups come from; its balance is minus their sum
)

// Owner is who an account belongs to: an app, or a tenant as a whole.
type Owner int64

// OwnerApp is an app's own account.
func OwnerApp(id core.AppID) Owner { return Owner(id) }

// OwnerTenant is a tenant's account, shared by apps that have TenantPays set.
func OwnerTenant(id core.TenantID) Owner { return Owner(1<<32 | int64(id)) }

// Account is the id of one account: owner, pool and kind packed.
func Account(o Owner, pool core.Pool, kind Kind) store.AccountID {
	return store.AccountID(int64(o)<<8 | int64(pool)<<4 | int64(kind))
}

// Payer says which account pays, and for whom.
type Payer struct {
	Owner  Owner
	Tenant core.TenantID
	App    core.AppID
	Pool   core.Pool
}

// PayerOf is the payer of an app in a pool.
func PayerOf(tenant core.TenantID, app core.AppID, tenantPays bool, pool core.Pool) Payer {
	if tenantPays {
		return Payer{Owner: OwnerTenant(tenant), Tenant: tenant, Pool: pool}
	}
	return Payer{Owner: OwnerApp(app), Tenant: tenant, App: app, Pool: pool}
}

// Want names the accounts that a reservation, settlement or refund touches.
func Want(b *store.Batch, p Payer) {
	b.Accounts.Want(Account(p.Owner, p.Pool, Available))
	b.Accounts.Want(Account(p.Owner, p.Pool, Held))
	b.Accounts.Want(Account(p.Owner, p.Pool, Revenue))
}

// WantTopUp names the accounts that a top-up touches.
func WantTopUp(b *store.Batch, p Payer) {
	b.Accounts.Want(Account(p.Owner, p.Pool, Available))
	b.Accounts.Want(Account(p.Owner, p.Pool, Funding))
}

// Reserve takes amount out of what the payer can spend and holds it for ref.
// KindInsufficientBalance when it can not pay; nothing is changed then. An
// amount of zero reserves nothing.
func Reserve(b *store.Batch, ids *core.IDs, p Payer, amount core.Credits, ref int64) error {
	if amount < 0 {
		return core.E(core.KindInternal, "a negative price")
	}
	if amount == 0 {
		return nil
	}
	if have, _ := b.Accounts.Get(Account(p.Owner, p.Pool, Available)); have.Balance < amount {
		return core.E(core.KindInsufficientBalance, "")
	}
	transfer(b, core.LedgerID(ids.Next()), p, Available, Held, amount, store.LedgerReserve, ref)
	return nil
}

// Settle spends what Reserve held.
func Settle(b *store.Batch, ids *core.IDs, p Payer, amount core.Credits, ref int64) {
	if amount > 0 {
		transfer(b, core.LedgerID(ids.Next()), p, Held, Revenue, amount, store.LedgerSettle, ref)
	}
}

// Refund gives back what Reserve held.
func Refund(b *store.Batch, ids *core.IDs, p Payer, amount core.Credits, ref int64) {
	if amount > 0 {
		transfer(b, core.LedgerID(ids.Next()), p, Held, Available, amount, store.LedgerRefund, ref)
	}
}

// RefundSettled gives back what Settle spent, when an operator decides so.
func RefundSettled(b *store.Batch, ids *core.IDs, p Payer, amount core.Credits, ref int64) {
	if amount > 0 {
		transfer(b, core.LedgerID(ids.Next()), p, Revenue, Available, amount, store.LedgerRefund, ref)
	}
}

// transfer moves amount between two of a payer's accounts. Moving out of held
// more than is held is a mistake of the caller's and panics: the batch refuses
// the command.
func transfer(b *store.Batch, id core.LedgerID, p Payer, from, to Kind, amount core.Credits, kind store.LedgerKind, ref int64) {
	debit := move(b, p, from, -amount)
	credit := move(b, p, to, amount)
	b.Ledger.Put(id, store.Ledger{ID: id, Debit: debit, Credit: credit, Amount: amount, Kind: kind, Ref: ref})
}

func move(b *store.Batch, p Payer, kind Kind, by core.Credits) store.AccountID {
	id := Account(p.Owner, p.Pool, kind)
	a, exists := b.Accounts.Get(id)
	if !exists {
		a = store.Account{ID: id, Tenant: p.Tenant, App: p.App, Pool: p.Pool}
	}
	a.Balance += by
	if a.Balance < 0 && (kind == Available || kind == Held) {
		panic("billing: an account would go below zero")
	}
	b.Accounts.Put(id, a)
	return id
}

// Bounds of top-ups, so that no sum overflows.
const (
	mostCredits = 1 << 53 // in one top-up, and to spend: exact in every JSON reader
	mostFunding = 1 << 62 // topped up in all
)

// TopUp is the command that gives a payer credits to spend.
type TopUp struct {
	IDs    *core.IDs
	ID     core.LedgerID // drawn before, so that the top-up can be run again without being doubled; 0: IDs draws it
	Payer  Payer
	Amount core.Credits // > 0, up to 2⁵³; negative takes unspent credits back

	Balance  core.Credits // result: what the payer can spend now
	Repeated bool         // result: the top-up of this ID was made before, nothing was done
}

// Want names the accounts, and the ledger row that may exist.
func (c *TopUp) Want(b *store.Batch) {
	WantTopUp(b, c.Payer)
	if c.ID != 0 {
		b.Ledger.Want(c.ID)
	}
}

// Decide transfers the amount. KindInsufficientBalance when a correction would
// take more than is there; KindBadField for zero, or for more than an account
// can hold.
func (c *TopUp) Decide(b *store.Batch) error {
	available := Account(c.Payer.Owner, c.Payer.Pool, Available)
	have, _ := b.Accounts.Get(available)
	if c.wasMade(b) {
		c.Balance, c.Repeated = have.Balance, true
		return nil
	}
	c.Repeated = false
	switch {
	case c.Amount == 0 || c.Amount > mostCredits || c.Amount < -mostCredits:
		return core.Field(core.KindBadField, "amount")
	case c.Amount < 0 && have.Balance < -c.Amount:
		return core.E(core.KindInsufficientBalance, "")
	case c.Amount < 0:
		transfer(b, c.id(), c.Payer, Available, Funding, -c.Amount, store.LedgerTopUp, 0)
	case have.Balance+c.Amount > mostCredits || funded(b, c.Payer)+c.Amount > mostFunding:
		return core.Field(core.KindBadField, "amount")
	default:
		transfer(b, c.id(), c.Payer, Funding, Available, c.Amount, store.LedgerTopUp, 0)
	}
	have, _ = b.Accounts.Get(available)
	c.Balance = have.Balance
	return nil
}

// funded is how much a payer was given in all.
func funded(b *store.Batch, p Payer) core.Credits {
	funding, _ := b.Accounts.Get(Account(p.Owner, p.Pool, Funding))
	return -funding.Balance
}

func (c *TopUp) wasMade(b *store.Batch) bool {
	if c.ID == 0 {
		return false
	}
	_, made := b.Ledger.Get(c.ID)
	return made
}

func (c *TopUp) id() core.LedgerID {
	if c.ID != 0 {
		return c.ID
	}
	return core.LedgerID(c.IDs.Next())
}
