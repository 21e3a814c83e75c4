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
		account.WantImported(b, c.claimed.App, u)
	}
	wantHeld(b, c.claimed)
}

// Decide refuses with KindWrongCode when the claim is not ours any more, or
// lapsed: what the outside call made is given to nobody else only as long as
// that (contracts/yunbox.md §4.1).
func (c *commitClaim) Decide(b *store.Batch) error {
	v, ok := b.Verifications.Get(c.claimed.ID)
	if !ok || !holds(v, c.claimed.Claim) || b.Now >= v.ClaimUntil {
		return core.E(core.KindWrongCode, "the claim lapsed")
	}
	billing.Settle(b, c.ids, heldBy(v), v.Held, int64(v.ID))
	b.PutVerification(unclaimed(v, store.VerificationVerified))
	if failure, counting := b.Failure(c.failureKey(), c.known.scope(b)); counting {
		b.Failures.Delete(failure.ID)
	}
	c.login = logIn(b, c.number, v.App, c.fresh, c.network, c.imports)
	c.known.remember(b, c.login.user)
	return nil
}

func (c *commitClaim) failureKey() store.FailureKey {
	return store.FailureKey{App: c.claimed.App, Purpose: c.claimed.Purpose, Index: c.number.Index.Lookup()}
}

// releaseClaim ends a claim whose outside call failed: the code is pending
// again, nothing was counted, the price is given back.
type releaseClaim struct {
	ids     *core.IDs
	claimed store.Verification
}

// Want names the claimed code and the accounts.
func (c *releaseClaim) Want(b *store.Batch) {
	b.Verifications.Want(c.claimed.ID)
	wantHeld(b, c.claimed)
}

// Decide changes nothing when the claim is not ours any more.
func (c *releaseClaim) Decide(b *store.Batch) error {
	if v, ok := b.Verifications.Get(c.claimed.ID); ok && holds(v, c.claimed.Claim) {
		release(b, c.ids, v)
	}
	return nil
}

// holds tells whether a code is claimed, and by whom.
func holds(v store.Verification, claim int64) bool {
	return v.State == store.VerificationClaimed && v.Claim == claim
}

// release gives back what a claim held and makes the code pending again, or
// expired when its time ran out meanwhile (see supersede).
func release(b *store.Batch, ids *core.IDs, v store.Verification) store.Verification {
	billing.Refund(b, ids, heldBy(v), v.Held, int64(v.ID))
	state := store.VerificationPending
	if b.Now >= v.Expires {
		state = store.VerificationExpired
	}
	v = unclaimed(v, state)
	b.PutVerification(v)
	return v
}

// unclaimed is the code without its claim, in another state.
func unclaimed(v store.Verification, state store.VerificationState) store.Verification {
	v.State, v.Claim, v.ClaimUntil, v.Held, v.TenantPays = state, 0, 0, 0, false
	return v
}

// wantHeld names the accounts of what a claim holds.
func wantHeld(b *store.Batch, v store.Verification) {
	if v.Held > 0 {
		billing.Want(b, heldBy(v))
	}
}

// heldBy is who paid for what a claim holds: the app's setting may have changed
// since.
func heldBy(v store.Verification) billing.Payer {
	return billing.PayerOf(v.Tenant, v.App, v.TenantPays, core.PoolGeneral)
}

// endCodes ends what nobody answers any more: claims that a crash left behind
// are released, pending codes past their life expire.
type endCodes struct {
	ids   *core.IDs
	codes []core.VerificationID // candidates; each is looked at again
}

// Want names the codes, then the accounts of those that hold something.
func (c *endCodes) Want(b *store.Batch) {
	for _, id := range c.codes {
		b.Verifications.Want(id)
		if v, ok := b.Verifications.Get(id); ok {
			wantHeld(b, v)
		}
	}
}

// Decide leaves alone what is alive or ended already.
func (c *endCodes) Decide(b *store.Batch) error {
	for _, id := range c.codes {
		v, ok := b.Verifications.Get(id)
		switch {
		case !ok:
		case v.State == store.VerificationClaimed && b.Now >= v.ClaimUntil:
			release(b, c.ids, v)
		case v.State == store.VerificationPending && b.Now >= v.Expires:
			v.State = store.VerificationExpired
			b.PutVerification(v)
		}
	}
	return nil
}
