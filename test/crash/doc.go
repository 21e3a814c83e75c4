//go:build interop

// Package crash ends a server under load with kill -9, again and again, and
// holds what it finds on disk and at the carrier against what was answered.
//
//	load ──HTTP──▶ yanma serve ──SMPP──▶ counting SMSC (this process)
//	 │ what was answered    │ kill -9, start again            │ what arrived
//	 └──────────────▶ verdict ◀── database, ledger ◀──────────┘
//
// YANMA_KILLS is the number of kills, 20 by default; make soak takes 200.
package crash
