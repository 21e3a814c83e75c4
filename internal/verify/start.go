package verify

import (
	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
)

// startVerification stores a new code and its message: locked numbers are
// refused, the older live code is superseded, the price is reserved. All or
// nothing.
type startVerification struct {
	policy    guard.FailurePolicy
	ids       *core.IDs
	payers    []billing.Payer // the first one that can, pays
	capped    *billing.Capped // nil: the app has no caps on its spending
	known     knownScope
	supersede bool // a new code voids the older one: all dialects but jsms
	row       store.Verification
	message   store.Message
	journal   []byte

	leased store.Message // result: the message as it was stored
}

// Want names the number's counters and live codes, and the payer's accounts.
func (c *startVerification) Want(b *store.Batch) {
	b.FailureOf.Want(c.failureKey())
	c.known.want(b)
	if c.supersede {
		b.Live.Want(c.liveKey())
	}
	for _, p := range c.payers {
		billing.Want(b, p)
	}
	c.capped.Want(b)
}

// Decide refuses with KindLocked, KindSpendCap or KindInsufficientBalance.
func (c *startVerification) Decide(b *store.Batch) error {
	failure, _ := b.Failure(c.failureKey(), c.known.scope(b))
	if wait, locked := c.policy.Locked(c.policy.Settle(failure, b.Now), b.Now); locked {
		return core.RetryIn(core.KindLocked, wait, "wrong tries")
	}
	if c.supersede {
		supersede(b, b.LiveVerifications(c.liveKey()))
	}
	if err := outbox.Enqueue(b, c.ids, billing.Able(b, c.payers, c.message.Price), c.capped, c.message); err != nil {
		return err
	}
	c.leased, _ = b.Messages.Get(c.message.ID)
	b.PutVerification(c.row)
	b.AppendJournal(c.journal)
	return nil
}

func (c *startVerification) failureKey() store.FailureKey {
	return store.FailureKey{App: c.row.App, Purpose: c.row.Purpose, Index: c.row.Index.Lookup()}
}

func (c *startVerification) liveKey() store.LiveKey {
	return store.LiveKey{App: c.row.App, Purpose: c.row.Purpose, Index: c.row.Index.Lookup()}
}

// supersede voids the older codes of a number. One that is claimed belongs to
// a login under way, which may end well; but its life ends now, so that it does
// not come back if that login fails, whatever became of the newer code.
func supersede(b *store.Batch, live []store.Verification) {
	for _, v := range live {
		if v.State == store.VerificationPending {
			v.State = store.VerificationSuperseded
		} else {
			v.Expires = 0 // over, even if the clock is set back
		}
		b.PutVerification(v)
	}
}

// lockCheck asks only whether a number is locked: a lock is told before a
// limit (contracts/yunbox.md §3 steps 8 and 9).
type lockCheck struct {
	policy guard.FailurePolicy
	key    store.FailureKey
	known  knownScope
}

// Want names the number's counters.
func (c *lockCheck) Want(b *store.Batch) {
	b.FailureOf.Want(c.key)
	c.known.want(b)
}

// Decide refuses with KindLocked.
func (c *lockCheck) Decide(b *store.Batch) error {
	failure, _ := b.Failure(c.key, c.known.scope(b))
	if wait, locked := c.policy.Locked(c.policy.Settle(failure, b.Now), b.Now); locked {
		return core.RetryIn(core.KindLocked, wait, "wrong tries")
	}
	return nil
}

// knownFor is how long a device or address counts as its owner's after a login
// (contracts/README.md §5).
const knownFor = 90 * 24 * 3600 * 1e9

// knownScope decides whose counters a try goes to: those of a device or
// address that logged in here within 90 days, or everybody else's.
type knownScope struct {
	app    core.AppID
	number account.Number
	hash   uint64 // of the device or address; 0 when none is known
}

func (k knownScope) key(u store.User) store.KnownKey {
	return store.KnownKey{App: k.app, User: u.ID, Scope: k.hash}
}

func (k knownScope) want(b *store.Batch) {
	if k.hash == 0 {
		return
	}
	account.WantUser(b, k.number)
	if u, found := account.FindUser(b, k.number); found {
		b.Known.Want(k.key(u))
	}
}

func (k knownScope) scope(b *store.Batch) uint64 {
	if k.hash == 0 {
		return 0
	}
	u, found := account.FindUser(b, k.number)
	if !found || !b.Known.Has(k.key(u)) {
		return 0
	}
	if seen, ok := b.Known.Get(k.key(u)); ok && b.Now < seen.LastLogin+knownFor {
		return k.hash
	}
	return 0
}

// remember records a login from the device or address.
func (k knownScope) remember(b *store.Batch, u store.User) {
	if k.hash != 0 {
		b.Known.Put(k.key(u), store.Known{Key: k.key(u), LastLogin: b.Now})
	}
}
