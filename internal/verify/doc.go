// Package verify owns one-time codes: it makes them, sends them on their way,
// checks them, and logs the person in. Every rule about a code's life is a
// pure decision on the rows of a batch; the database sees only rows.
//
// It never talks to a carrier (outbox does), never keeps a code in the clear,
// and never tells a caller why a code was wrong.
//
//	Start  limits ─▶ [lock? ─ supersede ─ reserve ─ code + message] one commit ─▶ outbox
//	Login  [count ─ compare ─ reserve ─ verified + settled + user]  one commit: fused
//	       where the first login needs an outside call:
//	       [Claim: right, reserved] ─▶ provision the network ─▶ [Commit] or [Release]
//	       a claim left by a crash lapses after 30 s and is released by ReleaseLapsed
//	SignIn [lock? ─ count ─ compare ─ policy ─ user + session + line of the audit]  one commit
//	       SecondStep, Register: the same; Confirm: no user and no session
//	ChangePhone [both codes right ─ number moved + other sessions end + notice to the old number]
//
// Wrong tries are counted in the same commit in which the code is compared,
// and nothing is answered before that commit is on disk: a crash in between
// tells the guesser nothing.
package verify
