// Package altcha is proof of work as the ALTCHA widget does it (its protocol
// v1): the browser finds the number whose SHA-256 together with a salt is known.
// It owns the wire and the arithmetic; it keeps nothing, signs nothing (package
// captcha does) and decides about no one.
//
//	New: salt, number ─▶ Challenge{algorithm, challenge, maxnumber, salt, signature}
//	browser: 0, 1, 2 … ─▶ SHA-256(salt ‖ number) = challenge
//	Decode: Base64 of JSON ─▶ Payload ─▶ Solved
//
// A salt ends in "&", so that no digit can move from the number into the salt's
// expires parameter or back.
package altcha
