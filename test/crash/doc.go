//go:build interop

// Package crash ends a server under load with kill -9, again and again, and
// holds what it finds on disk and at the carrier against what was answered: on
// SQLite, and on PostgreSQL, which is ended as well in every fourth round.
//
//	load ──HTTP──▶ yanma serve ──SMPP──▶ counting SMSC (this process)
//	 │ what was answered    │ kill -9, start again            │ what arrived
//	 └──────────────▶ verdict ◀── database, ledger ◀──────────┘
//
// YANMA_KILLS is the number of kills on each engine, 20 by default; make soak
// takes 200.
package crash
