// Package simswap asks a number's operator whether its SIM was changed lately,
// and decides by an app's policy what that means (contracts/camara.md §6).
//
// It never lets an action pass in silence that an app wants asked about: with
// "require", a change refuses and so does not knowing.
//
//	Allow(app, action, number) ─ policy off ─▶ allowed, nobody is asked
//	  ─▶ Signal: remembered for 10 minutes by number and age
//	        ─▶ two-legged token ─▶ POST /sim-swap/v2/check or …/retrieve-date, ≤ 1 s
//	        ─▶ swapped · clear · unsupported · unknown
//	  ─▶ observe: noted · challenge: a change asks for more · require: only clear passes
package simswap
