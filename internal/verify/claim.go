package verify

import (
	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// commitClaim ends a claim whose outside call succeeded: the code is used, the
// price settled, the user logged in.
type commitClaim struct {
	ids     *core.IDs
	claimed store.Verification // as checkCode left it
	number  account.Number
	known   knownScope
	payer   billing.Payer
	fresh   core.UserID
	network int64
	imports bool

	login // result
}

// Want names the claimed code, the counters, the user and the accounts.
func (c *commitClaim) Want(b *store.Batch) {
	b.Verifications.Want(c.claimed.ID)
	b.FailureOf.Want(c.failureKey())
	account.WantUser(b, c.number)
	c.known.want(b)
	if u, found := account.FindUser(b, c.number); found && c.imports {
		b.Aliases.Want(store.AliasKey{App: c.claimed.App, User: u.ID})
	}
	if c.claimed.Held > 0 {
		billing.Want(b, c.payer)
	}
}

// Decide refuses with KindWrongCode when the claim is not ours any more.
func (c *commitClaim) Decide(b *store.Batch) error {
	v, ok := b.Verifications.Get(c.claimed.ID)
	if !ok || v.State != store.VerificationClaimed || v.Claim != c.claimed.Claim {
		return core.E(core.KindWrongCode, "the claim lapsed")
	}
	billing.Settle(b, c.ids, c.payer, v.Held, int64(v.ID))
	v.State, v.Claim, v.ClaimUntil, v.Held = store.VerificationVerified, 0, 0, 0
	b.PutVerification(v)
	if failure, counting := b.Failure(c.failureKey(), c.known.scope(b)); counting {
		b.Failures.Delete(failure.ID)
	}
	c.login = logIn(b, c.number, v.App, c.fresh, c.network, c.imports)
	c.known.remember(b, c.login.user)
	return nil
}

func (c *commitClaim) failureKey() store.FailureKey {
	return store.FailureKey{App: c.claimed.App, Purpose: c.claimed.Purpose, Index: c.claimed.Index.Either()}
}

// releaseClaim ends a claim whose outside call failed: the code is pending
// again, nothing was counted, the price is given back.
type releaseClaim struct {
	ids     *core.IDs
	claimed store.Verification
	payer   billing.Payer
}

// Want names the claimed code, its number's other codes, and the accounts.
func (c *releaseClaim) Want(b *store.Batch) {
	b.Verifications.Want(c.claimed.ID)
	b.Live.Want(c.liveKey())
	if c.claimed.Held > 0 {
		billing.Want(b, c.payer)
	}
}

// Decide changes nothing when the claim is not ours any more.
func (c *releaseClaim) Decide(b *store.Batch) error {
	v, ok := b.Verifications.Get(c.claimed.ID)
	if !ok || v.State != store.VerificationClaimed || v.Claim != c.claimed.Claim {
		return nil
	}
	release(b, c.ids, c.payer, v, len(b.LiveVerifications(c.liveKey())) > 1)
	return nil
}

func (c *releaseClaim) liveKey() store.LiveKey {
	return store.LiveKey{App: c.claimed.App, Purpose: c.claimed.Purpose, Index: c.claimed.Index.Either()}
}

// release gives back what a claim held and makes the code pending again, or
// superseded when a newer one was sent meanwhile.
func release(b *store.Batch, ids *core.IDs, payer billing.Payer, v store.Verification, newer bool) store.Verification {
	billing.Refund(b, ids, payer, v.Held, int64(v.ID))
	v.State, v.Claim, v.ClaimUntil, v.Held = store.VerificationPending, 0, 0, 0
	if newer {
		v.State = store.VerificationSuperseded
	}
	b.PutVerification(v)
	return v
}

// lapsedClaims releases claims that a crash left behind.
type lapsedClaims struct {
	ids   *core.IDs
	codes []core.VerificationID
	payer func(core.AppID) (billing.Payer, bool)
}

// Want names the codes, then their numbers' other codes and accounts.
func (c *lapsedClaims) Want(b *store.Batch) {
	for _, id := range c.codes {
		b.Verifications.Want(id)
		v, ok := b.Verifications.Get(id)
		if !ok {
			continue
		}
		b.Live.Want(store.LiveKey{App: v.App, Purpose: v.Purpose, Index: v.Index.Either()})
		if payer, known := c.payer(v.App); known && v.Held > 0 {
			billing.Want(b, payer)
		}
	}
}

// Decide releases those that are still claimed and past their time.
func (c *lapsedClaims) Decide(b *store.Batch) error {
	for _, id := range c.codes {
		v, ok := b.Verifications.Get(id)
		if !ok || v.State != store.VerificationClaimed || b.Now < v.ClaimUntil {
			continue
		}
		payer, known := c.payer(v.App)
		if !known && v.Held > 0 {
			continue // an app that nobody knows: the hold stays for the operator
		}
		key := store.LiveKey{App: v.App, Purpose: v.Purpose, Index: v.Index.Either()}
		release(b, c.ids, payer, v, len(b.LiveVerifications(key)) > 1)
	}
	return nil
}
