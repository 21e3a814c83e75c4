// Package chinamobile asks China Mobile's gateway: tokenValidate compares a
// number (contracts/carriers.md §2), loginTokenValidate tells it (§3). The
// gateway's three-carrier product answers for Unicom and Telecom too.
//
// It makes one attempt, and keeps nothing.
//
//	Question ─▶ header: msgId, Beijing time ─▶ phoneNum, sign (SHA-256, HMAC-SHA-256; the fetch: MD5)
//	         ─▶ POST ─▶ answer: is the msgId ours? ─▶ resultCode ─▶ match · mismatch · number · class of error
package chinamobile
