//go:build interop

// Package carrier is the far end of the line for tests of the whole program: an
// SMSC in the test's own process that takes every message, counts what each
// number got, sends receipts, and outlives the servers that bind to it.
//
//	yanma serve ──SMPP──▶ Start: Carrier ── Code(number) ─▶ the test
//	            ◀─receipts──┘            └─ Counts
//
// It knows nothing of what was asked of the server, and refuses nothing.
package carrier
