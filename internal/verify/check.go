package verify

import (
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
)

// claimLife is how long a claim may wait for its outside call; one that a
// crash left behind lapses then (contracts/yunbox.md §4.1).
const claimLife = 30 * time.Second

// longestLife is how long codes live at most (contracts/README.md §5), and
// clockStep how far a clock may be set back without a code's dying of it.
const (
	longestLife = 10 * time.Minute
	clockStep   = time.Minute
)

// codeChecker compares a guess with a stored code in constant time.
type codeChecker interface {
	CheckCode(c keyring.CodeContext, tag keyring.CodeTag, guess core.Code) bool
	CheckAbsent(c keyring.CodeContext, guess core.Code) bool
}

// verdict is how a check ended.
type verdict uint8

const (
	wrong    verdict = iota // none, wrong, expired, used, superseded, exhausted, locked: all look alike
	claimed                 // right; the code waits for the outside call
	verified                // right, used, paid, logged in
)

// checkCode compares a guess with the number's live code. A right one is
// verified at once (code used, price settled, user logged in, counters
// cleared), or only claimed when an outside call has to come first.
type checkCode struct {
	policy  guard.FailurePolicy
	checker codeChecker
	ids     *core.IDs
	app     core.AppID
	purpose core.Purpose
	phone   core.Phone
	guess   core.Code
	number  account.Number
	known   knownScope
	payer   billing.Payer
	price   core.Credits
	outside bool          // the first login of a number needs an outside call
	imports bool          // the app has users with ids issued elsewhere
	longest time.Duration // what is left of a code's life at most
	claimAs int64         // who claims: a call with an Idempotency-Key that is repeated takes its own claim up again; 0: nobody else

	verdict verdict            // result
	row     store.Verification // result: the code that was claimed or verified
	owner   core.UserID        // result, when claimed: whose network is to be made
	login                      // result, when verified
}

// login is who was logged in.
type login struct {
	user  store.User
	isNew bool
	alias string // the id issued elsewhere, if the user has one in this app
}

// Want names the live codes, the counters and, for a price, the accounts: also
// those of a claim that holds one, because it may have lapsed. The user is read
// only where a code is alive: without one, a refusal takes the same time whether
// the number has a user or not (requirement row 9).
func (c *checkCode) Want(b *store.Batch) {
	b.Live.Look(c.liveKey())
	b.FailureOf.Want(c.failureKey())
	c.known.want(b)
	for _, v := range b.LiveVerifications(c.liveKey()) {
		wantHeld(b, v)
		account.WantUser(b, c.number)
	}
	if u, found := account.FindUser(b, c.number); found && c.imports {
		account.WantImported(b, c.app, u)
	}
	if c.price > 0 {
		billing.Want(b, c.payer)
	}
}

// Decide counts, compares and, where nothing else stands between, logs in. It
// refuses only with KindInsufficientBalance; then nothing is counted and the
// code stays as it was.
func (c *checkCode) Decide(b *store.Batch) error {
	c.verdict, c.row, c.owner, c.login = wrong, store.Verification{}, 0, login{}
	failure, counting := b.Failure(c.failureKey(), c.known.scope(b))
	settled := c.policy.Settle(failure, b.Now)
	v, alive := c.candidate(b)
	if _, locked := c.policy.Locked(settled, b.Now); locked || !alive {
		c.checker.CheckAbsent(c.context(0), c.guess)
		return nil
	}
	// A code that came into being in this very batch was not read by anybody: a
	// guess that happens to match it counts as wrong.
	if !c.checker.CheckCode(c.context(v.ID), tagOf(v), c.guess) || !account.WantedUser(b, c.number) {
		c.countWrong(b, v, settled, counting)
		return nil
	}
	if err := billing.Reserve(b, c.ids, c.payer, c.price, int64(v.ID)); err != nil {
		return err
	}
	if u, found := account.FindUser(b, c.number); c.outside && (!found || u.Network == 0) {
		c.claim(b, v)
		c.owner = newUser(v)
		if found {
			c.owner = u.ID
		}
		return nil
	}
	billing.Settle(b, c.ids, c.payer, c.price, int64(v.ID))
	v.State = store.VerificationVerified
	b.PutVerification(v)
	c.verdict, c.row = verified, v
	c.login = logIn(b, c.number, c.app, newUser(v), 0, c.imports)
	c.known.remember(b, c.login.user)
	if counting {
		b.Failures.Delete(failure.ID)
	}
	return nil
}

// candidate is the code that a guess is compared with: the newest pending one
// that has not expired. One with more life left than codes have is from before
// the clock was set back, and dead: nobody knows how old it is. A claim that
// lapsed counts as pending again and gives back what it held.
func (c *checkCode) candidate(b *store.Batch) (store.Verification, bool) {
	live := b.LiveVerifications(c.liveKey())
	for i := len(live) - 1; i >= 0; i-- {
		v := live[i]
		if v.State == store.VerificationClaimed {
			if b.Now < v.ClaimUntil && (c.claimAs == 0 || v.Claim != c.claimAs) {
				continue
			}
			v = release(b, c.ids, v)
		}
		if v.State == store.VerificationPending && b.Now < v.Expires && v.Expires <= b.Now.Add(c.longest) {
			return v, true
		}
	}
	return store.Verification{}, false
}

// countWrong adds one try to the code and to the number, and kills the code
// at the limit.
func (c *checkCode) countWrong(b *store.Batch, v store.Verification, f store.Failure, counting bool) {
	if !counting {
		f = store.Failure{ID: core.FailureID(c.ids.Next()), Tenant: c.number.Tenant, App: c.app, Purpose: c.purpose,
			Index: c.number.Index, Scope: c.known.scope(b), Phone: c.number.Sealed}
	}
	f, dead := c.policy.Wrong(f, b.Now)
	b.PutFailure(f)
	v.Wrong++
	if dead || v.Wrong >= c.policy.PerCode {
		v.State = store.VerificationExhausted
	}
	b.PutVerification(v)
}

func (c *checkCode) claim(b *store.Batch, v store.Verification) {
	claim := c.claimAs
	if claim == 0 {
		claim = c.ids.Next()
	}
	v.State, v.Claim, v.ClaimUntil = store.VerificationClaimed, claim, b.Now.Add(claimLife)
	v.Held, v.TenantPays = c.price, c.payer.Owner == billing.OwnerTenant(c.payer.Tenant)
	b.PutVerification(v)
	c.verdict, c.row = claimed, v
}

func (c *checkCode) context(id core.VerificationID) keyring.CodeContext {
	return keyring.CodeContext{Verification: id, App: c.app, Purpose: c.purpose, Phone: c.phone}
}

func (c *checkCode) liveKey() store.LiveKey {
	return store.LiveKey{App: c.app, Purpose: c.purpose, Index: c.number.Index.Lookup()}
}

func (c *checkCode) failureKey() store.FailureKey {
	return store.FailureKey{App: c.app, Purpose: c.purpose, Index: c.number.Index.Lookup()}
}

func tagOf(v store.Verification) keyring.CodeTag {
	return keyring.CodeTag{Key: v.CodeKey, Salt: v.CodeSalt, MAC: v.CodeMAC}
}

// newUser is the id of the user whom a code registers: the code's own. A login
// that is tried again, because an answer was lost, makes the same user, and
// gets the same network.
func newUser(v store.Verification) core.UserID { return core.UserID(v.ID) }

func logIn(b *store.Batch, n account.Number, app core.AppID, fresh core.UserID, network int64, imports bool) login {
	user, isNew := account.Login(b, n, fresh, network)
	done := login{user: user, isNew: isNew}
	if imports && !isNew {
		done.alias = account.ImportedText(b, app, user)
	}
	return done
}
