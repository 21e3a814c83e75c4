// Package schedule runs functions later: the late answers and the receipts of
// the carriers in the process, smpp/smsc and cmpp/gateway. One goroutine runs
// them all, in the order of their times; it keeps nothing over a restart.
//
//	After(d, f) ──▶ heap by time ── Loop ──▶ f()
package schedule
