// Package records owns the tables that are rarely written, and the bulk
// statements of sweeps, in SQL that every engine understands: placeholders
// $1, $2 … in the order of their first use, integers, text and blobs, no
// dialect's functions. Each function is one statement or a short read inside
// the caller's transaction (Engine.View or Engine.Update). It decides nothing.
//
//	use-case ── Engine.Update(func(q) { records.InsertApp(q, …); records.BumpRevision(q) }) ──▶ one commit
//	use-case ── Engine.View(func(q)   { records.Apps(q) }) ──▶ one state
//
// What every request writes is not here: that goes through store.Batcher.
package records
