// Package idempotency owns calls with an Idempotency-Key: each takes effect
// once, and is answered the same for 24 hours (contracts/README.md §3.4).
//
// It never knows what a call does: its caller says whose key it is, what was
// asked for, and puts the effect's command Around the call's row. Keys, bodies
// and answers are in the database as keyed hashes and sealed only.
//
//	Begin  one call of a key at a time on this node
//	       ─▶ [seen? ── with another body ─▶ KindMalformed
//	              ├─ answered ─▶ Replayed: the answer again
//	              ├─ begun by another node ─▶ looked at again until it is answered, at most 15 s
//	              └─ new, or left without an answer ─▶ noted]  one commit
//	Around [not answered yet? ─▶ the effect, and its answer]   one commit
//	       a call that took no effect is forgotten by Release
//
// A row without an answer therefore means that the effect is not on disk: after
// a crash the call simply runs again. When two nodes run it at once, the second
// to commit finds the answer of the first and does nothing (ErrAnswered).
package idempotency
