//go:build interop

// Package faults breaks what the server stands on, while it serves: the disk,
// the database, the connection to it in the middle of a commit, the carrier's
// name, the carrier. Requirement rows 20 and 41, on both engines.
//
//	healthy ─ break ─ callers are refused in their dialect, or accepted and kept;
//	                  /readyz and the log tell it
//	        ─ mend ── it works again by itself
//	        ─ verdict: what was accepted arrived once; what arrived is paid for
//
// It knows the binary from outside: HTTP, its log, its files. docs/operations.md
// has the table of what each fault looks like. YANMA_STOP is how long a database
// is stopped, 4s by default; make soak takes 20s. Jumps of the clock are
// internal/app's: no clock of a real process can be set.
package faults
