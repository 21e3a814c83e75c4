// Package memory is the limiter of one node: exact event times in sharded,
// packed memory without pointers, so that a million numbers cost the garbage
// collector nothing. It owns the counters, their sweep and their load at start;
// it never writes a disk (the journal travels inside the store's commands) and
// never decides which limits apply (guard.Rules).
//
//	Take ─▶ lock the buckets' shards in order
//	     ─▶ judge every bucket: table slot ─▶ one time, or a chunk of times
//	     ─▶ all allow: add the event everywhere; one refuses: add nothing
//	Sweep ─▶ a few thousand slots a call: expired subjects leave, chunks shrink
//
// Times are Unix milliseconds modulo 2^32. Nothing is kept longer than a week
// after its time, so a difference of two of them is never ambiguous.
package memory
