// Package sentry stands between the use-cases and the fraud engine: whom it
// asks about, what is done with the answer in each mode, who is always allowed,
// and what an operator sees of it afterwards.
//
// It judges nothing itself (guard/fraud does), and it never keeps a number:
// lists of numbers are keyed bits, findings are of prefixes and networks.
//
//	app's mode, else the operator's, else the configuration's
//	   off ─────────▶ not asked, not told
//	   record ──────▶ asked and told; everything passes
//	   enforce ─────▶ Send   ─ challenge ─▶ KindChallengeRequired
//	                         ─ block ─────▶ KindBlocked
//	                  Check  ─ block ─────▶ KindBlocked   (nobody can solve a challenge with a code)
//	   allowed ─▶ Verified | Failed | GiveBack
//	findings ─ every few seconds ─▶ guard_decision: a row a minute and subject
package sentry
