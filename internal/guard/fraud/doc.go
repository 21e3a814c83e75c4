// Package fraud tells traffic of people from traffic that only costs money or
// guesses codes: adaptive leaky buckets of codes that nobody entered, a
// conversion breaker, a breaker on wrong codes. It owns the levels, their
// 14-day history, what is written of them and how nodes tell each other.
//
// It never sees a number (only its leading digits and 64 keyed bits), never
// refuses by itself (its callers do), and never asks the database in the way of
// a request.
//
//	Admit ─▶ up to five subjects: country, prefix, app, address range, wider range
//	      ─▶ each: leak ─▶ held? level over the hour's threshold? converts too little?
//	      ─▶ the worst of them, one step milder for broad subjects when the
//	         request's own range has a good history
//	      ─▶ allowed: one more unverified code in every subject;  refused: noted, a hold goes on
//	Verified drains, Failed pours into the buckets of wrong codes, GiveBack undoes
//	Keeper ─▶ every second: deltas ─▶ the database ─▶ other nodes; one 64th of the state
//	Load   ─▶ the state, then the deltas that are younger
package fraud
