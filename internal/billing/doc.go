// Package billing owns the accounts, the price of things and the double-entry
// ledger: reserve → settle | refund. Its rules are pure functions on the rows
// of a batch; they never talk to a database and never know what was bought.
//
//	accept   available ──reserve──▶ held      refused when it would go below zero
//	submit   held ──────settle───▶ revenue
//	failed   held ──────refund───▶ available
//	operator funding ───top-up───▶ available
//
// Every transfer is one ledger row with both sides, so the balances of an
// installation sum to zero at any time.
package billing
