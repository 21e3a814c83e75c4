package storetest

import (
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// startCode inserts a pending code for a number, after superseding those that
// live.
type startCode struct {
	key store.LiveKey
	id  core.VerificationID
}

func (c *startCode) Want(b *store.Batch) { b.Live.Want(c.key) }

func (c *startCode) Decide(b *store.Batch) error {
	for _, v := range b.LiveVerifications(c.key) {
		v.State = store.VerificationSuperseded
		b.PutVerification(v)
	}
	b.PutVerification(store.Verification{ID: c.id, Tenant: 1, App: c.key.App, Purpose: c.key.Purpose,
		Index: core.PhoneIndex{A: c.key.Index}})
	return nil
}

// useCode takes a pending code; exactly one can.
type useCode struct{ id core.VerificationID }

func (c *useCode) Want(b *store.Batch) { b.Verifications.Want(c.id) }

func (c *useCode) Decide(b *store.Batch) error {
	v, exists := b.Verifications.Get(c.id)
	if !exists || v.State != store.VerificationPending {
		return core.E(core.KindWrongCode, "")
	}
	v.State = store.VerificationVerified
	b.PutVerification(v)
	return nil
}

// transfer moves an amount between two accounts and enters it in the ledger. It
// is refused when the debited account, of a kind that may not, would go below
// zero.
type transfer struct {
	id       core.LedgerID
	from, to store.AccountID
	amount   core.Credits
}

func (c *transfer) Want(b *store.Batch) {
	b.Accounts.Want(c.from)
	b.Accounts.Want(c.to)
}

func (c *transfer) Decide(b *store.Batch) error {
	from, _ := b.Accounts.Get(c.from)
	from.ID = c.from
	from.Balance -= c.amount
	b.Accounts.Put(c.from, from) // before the check: a refusal takes it back
	if kind := c.from & 15; from.Balance < 0 && kind != 3 && kind != 4 {
		return core.E(core.KindInsufficientBalance, "")
	}
	to, _ := b.Accounts.Get(c.to)
	to.ID = c.to
	to.Balance += c.amount
	b.Accounts.Put(c.to, to)
	b.Ledger.Put(c.id, store.Ledger{ID: c.id, Debit: c.from, Credit: c.to, Amount: c.amount, Kind: store.LedgerTopUp})
	b.AppendJournal([]byte{byte(c.id)})
	return nil
}

// Accounts that the tests move money between.
const (
	available store.AccountID = 1<<8 | 1
	other     store.AccountID = 2<<8 | 1
	revenue   store.AccountID = 3
	funding   store.AccountID = 4
)

// balances reads accounts; those that do not exist are zero.
func balances(t *testing.T, e store.Engine, ids ...store.AccountID) []core.Credits {
	t.Helper()
	got := make([]core.Credits, len(ids))
	load(t, e, func(b *store.Batch) {
		for _, id := range ids {
			b.Accounts.Want(id)
		}
	}, func(b *store.Batch) {
		for i, id := range ids {
			a, _ := b.Accounts.Get(id)
			got[i] = a.Balance
		}
	})
	return got
}

// entered tells which ledger rows exist.
func entered(t *testing.T, e store.Engine, ids ...core.LedgerID) []bool {
	t.Helper()
	got := make([]bool, len(ids))
	load(t, e, func(b *store.Batch) {
		for _, id := range ids {
			b.Ledger.Want(id)
		}
	}, func(b *store.Batch) {
		for i, id := range ids {
			_, got[i] = b.Ledger.Get(id)
		}
	})
	return got
}

func isKind(err error, kind core.Kind) bool { return err != nil && core.KindOf(err) == kind }
