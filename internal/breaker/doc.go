// Package breaker owns circuit breakers: whoever fails too often is not asked
// for a while, and then by one caller at a time until it answers again.
//
// It never calls anybody, and never decides what a failure is.
//
//	Allow ─▶ Permit ─▶ the caller asks ─▶ Done(failed) or Cancel
//	closed    ─ Failures within Within ─▶ open
//	open      ─ Rest is over ─▶ half-open: one permit at a time
//	half-open ─ it failed ─▶ open;  it answered ─▶ closed, all forgotten
package breaker
