package verify

import (
	"time"

	"yanma.dev/yanma/internal/core"
)

// The oracle is contracts/README.md §5 and contracts/yunbox.md §3–§4 typed
// again, on plain maps and wall-clock times, without a look at the commands.
type oracle struct {
	now     time.Time
	outside bool // a first login calls the tunnel's back end
	money   map[oraclePayer]*oracleMoney
	numbers map[oracleNumberKey]*oracleNumber
	users   map[core.Phone]*oracleUser // of the one tenant
}

type oraclePayer string

type oracleMoney struct{ available, held, revenue core.Credits }

type oracleNumberKey struct {
	app   core.AppID
	phone core.Phone
}

type oracleNumber struct {
	codes    []*oracleCode // oldest first
	counters map[string]*oracleCounters
	seen     map[string]time.Time // addresses that logged in
}

type oracleCode struct {
	id         core.VerificationID
	digits     core.Code
	expires    time.Time
	state      string // pending, claimed, verified, expired, exhausted, superseded
	wrong      int
	claim      int // the claim's number; 0 = none
	claimUntil time.Time
	holder     oraclePayer
	hold       core.Credits
	voided     bool // a newer code was sent while it was claimed
}

type oracleCounters struct {
	five, twenty, hundred int
	lastWrong             time.Time
	lockedUntil           time.Time
	disabled              bool
}

type oracleUser struct{ network bool }

func (o *oracle) number(k oracleNumberKey) *oracleNumber {
	n := o.numbers[k]
	if n == nil {
		n = &oracleNumber{counters: map[string]*oracleCounters{}, seen: map[string]time.Time{}}
		o.numbers[k] = n
	}
	return n
}

// scope is whose counters a try from an address goes to: one that logged in
// within 90 days has its own.
func (o *oracle) scope(n *oracleNumber, address string) string {
	if at, ok := n.seen[address]; ok && address != "" && o.now.Sub(at) < 90*24*time.Hour {
		return address
	}
	return "strangers"
}

// standing is the counters as they count now.
func (o *oracle) standing(n *oracleNumber, scope string) oracleCounters {
	var c oracleCounters
	if have := n.counters[scope]; have != nil {
		c = *have
	}
	if o.now.Sub(c.lastWrong) >= 15*time.Minute {
		c.five = 0
	}
	if !c.lockedUntil.IsZero() && !o.now.Before(c.lockedUntil) {
		c.lockedUntil, c.twenty = time.Time{}, 0
	}
	return c
}

// locked tells whether the number is, and for how long.
func (o *oracle) locked(c oracleCounters) (time.Duration, bool) {
	switch {
	case c.disabled:
		return 24 * time.Hour, true
	case o.now.Before(c.lockedUntil):
		return c.lockedUntil.Sub(o.now), true
	case c.five >= 5:
		return c.lastWrong.Add(15 * time.Minute).Sub(o.now), true
	}
	return 0, false
}

// send is a get-code: what it answers, and the retry time of a lock.
func (o *oracle) send(k oracleNumberKey, address string, payer oraclePayer, price core.Credits) (core.Kind, time.Duration) {
	n := o.number(k)
	if wait, locked := o.locked(o.standing(n, o.scope(n, address))); locked {
		return core.KindLocked, wait
	}
	m := o.money[payer]
	if m.available < price {
		return core.KindInsufficientBalance, 0
	}
	m.available -= price
	m.held += price
	for _, c := range n.codes {
		switch c.state {
		case "pending":
			c.state = "superseded"
		case "claimed":
			c.voided = true
		}
	}
	return noKind, 0
}

// sent adds the code of a send that was accepted.
func (o *oracle) sent(k oracleNumberKey, id core.VerificationID, digits core.Code, life time.Duration) {
	n := o.number(k)
	n.codes = append(n.codes, &oracleCode{id: id, digits: digits, expires: o.now.Add(life), state: "pending"})
}

// noKind stands for success.
const noKind = core.Kind(255)

// candidate is the newest code that can still become verified; claims that
// lapsed on the way to it are released.
func (o *oracle) candidate(n *oracleNumber) *oracleCode {
	for i := len(n.codes) - 1; i >= 0; i-- {
		c := n.codes[i]
		if c.state == "claimed" && !o.now.Before(c.claimUntil) {
			o.release(c)
		}
		if c.state == "pending" && o.now.Before(c.expires) {
			return c
		}
	}
	return nil
}

func (o *oracle) release(c *oracleCode) {
	o.money[c.holder].held -= c.hold
	o.money[c.holder].available += c.hold
	c.state, c.claim, c.hold = "pending", 0, 0
	if c.voided || !o.now.Before(c.expires) {
		c.state = "expired"
	}
}

// check is a check-code. claim is the number that a claim would get.
func (o *oracle) check(k oracleNumberKey, address string, guess core.Code, payer oraclePayer, price core.Credits, claim int) (core.Kind, *oracleCode) {
	n := o.number(k)
	if o.wouldBeUnpaid(n, address, guess, payer, price) {
		return core.KindInsufficientBalance, nil // and nothing at all has happened
	}
	code := o.candidate(n)
	scope := o.scope(n, address)
	standing := o.standing(n, scope)
	if _, locked := o.locked(standing); locked || code == nil {
		return core.KindWrongCode, nil
	}
	if guess != code.digits {
		o.count(n, scope, standing, code)
		return core.KindWrongCode, nil
	}
	m := o.money[payer]
	m.available -= price
	user := o.users[k.phone]
	if o.outside && (user == nil || !user.network) {
		m.held += price
		code.state, code.claim, code.claimUntil, code.holder, code.hold = "claimed", claim, o.now.Add(30*time.Second), payer, price
		return noKind, code
	}
	m.revenue += price
	code.state = "verified"
	o.loggedIn(k, n, address, scope, false)
	return noKind, code
}

// wouldBeUnpaid: the code is right, but the login price can not be reserved,
// also not with what a lapsed claim of this number gives back.
func (o *oracle) wouldBeUnpaid(n *oracleNumber, address string, guess core.Code, payer oraclePayer, price core.Credits) bool {
	if _, locked := o.locked(o.standing(n, o.scope(n, address))); locked {
		return false
	}
	available := o.money[payer].available
	for i := len(n.codes) - 1; i >= 0; i-- {
		c := n.codes[i]
		lapsed := c.state == "claimed" && !o.now.Before(c.claimUntil)
		if lapsed && c.holder == payer {
			available += c.hold
		}
		if (c.state == "pending" || lapsed && !c.voided) && o.now.Before(c.expires) {
			return c.digits == guess && available < price
		}
	}
	return false
}

// count is one wrong try, against the code and against the number.
func (o *oracle) count(n *oracleNumber, scope string, c oracleCounters, code *oracleCode) {
	c.five++
	c.twenty++
	c.hundred++
	c.lastWrong = o.now
	if c.twenty == 20 {
		c.lockedUntil = o.now.Add(24 * time.Hour)
	}
	if c.hundred == 100 {
		c.disabled = true
	}
	n.counters[scope] = &c
	code.wrong++
	if _, locked := o.locked(c); locked || code.wrong == 5 {
		code.state = "exhausted"
	}
}

func (o *oracle) loggedIn(k oracleNumberKey, n *oracleNumber, address, scope string, network bool) {
	delete(n.counters, scope)
	if address != "" {
		n.seen[address] = o.now
	}
	if o.users[k.phone] == nil {
		o.users[k.phone] = &oracleUser{}
	}
	o.users[k.phone].network = o.users[k.phone].network || network
}

// commit ends a claim well.
func (o *oracle) commit(k oracleNumberKey, address string, code *oracleCode, claim int) core.Kind {
	if code.state != "claimed" || code.claim != claim || !o.now.Before(code.claimUntil) {
		return core.KindWrongCode
	}
	n := o.number(k)
	o.money[code.holder].held -= code.hold
	o.money[code.holder].revenue += code.hold
	code.state, code.claim, code.hold = "verified", 0, 0
	o.loggedIn(k, n, address, o.scope(n, address), true)
	return noKind
}

// undo ends a claim badly; one that is another's by now stays.
func (o *oracle) undo(code *oracleCode, claim int) {
	if code.state == "claimed" && code.claim == claim {
		o.release(code)
	}
}

// sweep ends what nobody answers.
func (o *oracle) sweep() {
	for _, n := range o.numbers {
		for _, c := range n.codes {
			switch {
			case c.state == "claimed" && !o.now.Before(c.claimUntil):
				o.release(c)
			case c.state == "pending" && !o.now.Before(c.expires):
				c.state = "expired"
			}
		}
	}
}
