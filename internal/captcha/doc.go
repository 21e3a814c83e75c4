// Package captcha owns the challenges that callers without a secret have to pass
// before a code is sent: the block puzzle, proof of work, and the tokens of other
// people's verifiers (contracts/oneaccess.md §2.1, §2.2, §7; requirement row 26).
//
// It never sends anything, never knows who a user is, and keeps nothing of a
// challenge that nobody answered: tokens are sealed, what comes back is checked.
//
//	Admit      the limits of an address, before anything is read
//	Get        Pool: a picture drawn ahead ─▶ token = sealed(column, time, whose)
//	Check      token opened: age, whose ─▶ one row [token used, pass]  one commit ─▶ captcha_token
//	Redeem     pass taken                                              one commit ─▶ Kind
//	Challenge  proof of work: salt, hash, signature; Redeem marks it used, one commit
//	Required   which challenge an app asks for now; many wrong answers raise it
//
// Every token is checked once and every pass taken once, on any node and over a
// restart: the row is there before the answer is. Folders below: puzzle draws,
// point reads answers, altcha is the work's protocol, siteverify asks others.
package captcha
