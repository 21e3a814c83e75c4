// Package fsck looks through a database for what must not be: every invariant
// that the use-cases rely on, checked from the outside, on either engine.
//
// It owns the checks and how they say what they found, in one line each. It
// changes nothing and mends nothing; a server may be running, because
// everything is read from one state.
//
//	View ─┬─ damage    pages and indexes (SQLite)
//	      ├─ ledger    transfers, balances against rows, money that is held
//	      ├─ rows      states of codes and messages, against their money
//	      ├─ links     what a row names is there, and of the same tenant
//	      └─ sealed    fields open with the keyring, numbers are found by it
//	                   ▼
//	            Report: the sums of the ledger, the findings
package fsck
