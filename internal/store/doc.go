// Package store turns many small requests into few large commits.
//
// It owns the rows, the batch (the working set of rows that a group of
// commands shares), the group commit and the port to the engines. It knows no
// rule: what may happen to a row is decided by the commands, which live with
// their use-cases. Engines (store/sqlite, store/postgres) know rows, keys and
// sets, never a command.
//
//	use-case ── Do(command) ──▶ queue (bounded; full = shed at once)
//	                              │ everything that waits becomes one batch
//	   Want    every command names its rows      ◀─┐ until nothing new is named
//	   Load    the engine reads them, a kind a query ─┘
//	   Decide  in arrival order, on the shared rows; a refusal undoes its own changes
//	   Write   changed and new rows, a kind a statement ─▶ one commit, fsynced
//	                              │
//	use-case ◀── answered ────────┘ never before the commit is on disk
//
// Tables that are rarely written (apps, devices, audit …) do not need any of
// this: records holds them in portable SQL, run through View and Update.
package store
