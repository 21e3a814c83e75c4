package verify

import (
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// attempt is one try to enter a code that was found by its number and purpose,
// in a dialect whose lock is told to the caller (contracts/oneaccess.md §2.4).
// What it looks at, it changes only when it is told to: an action that needs two
// codes uses up neither while one of them is wrong.
type attempt struct {
	checkCode
	test fixedCode
}

// fixedCode is what became of a test number's code, which is compared before
// anything else: it is in no row, and counts nothing (contracts/README.md §8).
type fixedCode uint8

const (
	noTest fixedCode = iota
	testWrong
	testRight
)

// outcome is what an attempt comes to.
type outcome uint8

const (
	absent  outcome = iota // no code is alive: nothing is counted
	mistake                // a wrong try against a code
	locked                 // the number may not try
	right
)

// looked is what an attempt found.
type looked struct {
	outcome  outcome
	wait     time.Duration // of a lock
	row      store.Verification
	failure  store.Failure // settled
	counting bool          // the failure has a row
}

// Want names the live codes, the counters and the user. Nothing is charged.
func (c *attempt) Want(b *store.Batch) {
	if c.test == noTest {
		c.checkCode.Want(b)
	} else if c.test == testRight {
		account.WantUser(b, c.number)
		if u, found := account.FindUser(b, c.number); found && c.known.hash != 0 {
			b.Known.Want(c.known.key(u))
		}
	}
}

// look compares the guess, in the same time whatever is there.
func (c *attempt) look(b *store.Batch) looked {
	if c.test == testRight {
		return looked{outcome: right}
	} else if c.test == testWrong {
		return looked{outcome: absent}
	}
	var l looked
	l.failure, l.counting = b.Failure(c.failureKey(), c.known.scope(b))
	l.failure = c.policy.Settle(l.failure, b.Now)
	v, alive := c.candidate(b)
	if wait, is := c.policy.Locked(l.failure, b.Now); is || !alive {
		c.checker.CheckAbsent(c.context(0), c.guess)
		if is {
			l.outcome, l.wait = locked, wait
		}
		return l
	}
	l.row, l.outcome = v, mistake
	// A code that came into being in this very batch was not read by anybody.
	if c.checker.CheckCode(c.context(v.ID), tagOf(v), c.guess) && account.WantedUser(b, c.number) {
		l.outcome = right
	}
	return l
}

// count adds a wrong try, and tells whether that locked the number.
func (c *attempt) count(b *store.Batch, l looked) (locking bool) {
	c.countWrong(b, l.row, l.failure, l.counting)
	f, _ := b.Failure(c.failureKey(), c.known.scope(b))
	_, locking = c.policy.Locked(f, b.Now)
	return locking
}

// use uses the code up and clears the counters.
func (c *attempt) use(b *store.Batch, l looked) {
	if c.test == testRight {
		return
	}
	l.row.State = store.VerificationVerified
	b.PutVerification(l.row)
	if l.counting {
		b.Failures.Delete(l.failure.ID)
	}
}

// refused is the answer to an attempt that was not right, once it is counted.
func (l looked) refused() error {
	if l.outcome == locked {
		return core.RetryIn(core.KindLocked, l.wait, "wrong tries")
	}
	return core.E(core.KindWrongCode, "")
}

// event is a line of the audit of logins.
func (c *attempt) event(id core.LoginID, kind store.LoginKind, user core.UserID, code core.VerificationID, device uint64) store.LoginEvent {
	return store.LoginEvent{ID: id, Tenant: c.number.Tenant, App: c.app, User: user, Kind: kind, Purpose: c.purpose, Code: code, Device: device}
}

// noteWrong writes that a wrong try was counted. Of tries that count nothing
// there is no line: whoever makes them must not fill the disk.
func (c *attempt) noteWrong(b *store.Batch, id core.LoginID, l looked, locking bool, device uint64) {
	kind := store.LoginWrong
	if locking {
		kind = store.LoginLocked
	}
	u, _ := account.FindUser(b, c.number)
	b.Logins.Put(id, c.event(id, kind, u.ID, l.row.ID, device))
}
