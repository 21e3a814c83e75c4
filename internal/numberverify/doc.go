// Package numberverify owns the question "is the SIM in this phone really that
// number?", which a carrier answers without any code: network proofs, the
// carrier gateways' port, the question's money, and its record.
//
// It never retries a proof after a byte of it left (a proof serves one call),
// never answers before the charge is on disk, never logs a number or a proof,
// and passes no carrier's text on unscrubbed.
//
//	Report   the device's proof, seen by our own script: carrier and life noted
//	Verify   choose a gateway ─▶ [reserve ─ proof burnt ─ check noted]  one commit
//	Fetch        ─▶ gateway: match · mismatch · number · error, ≤ 5 s in all
//	             ─▶ answered: [settle ─ outcome noted]                  one commit ─▶ result
//	             ─▶ error:    [refund ─ outcome noted]                  one commit ─▶ Error
//	             ─▶ the charge failed: result withheld, [given back]    ─▶ Error
//	             Options.Alone: the first commit is a read, and the second does both
//	             a check that a crash left behind is given back after a minute
//
// Gateways live in folders of their own below this one and know core,
// httpcall and this package only: chinamobile, camaraup, declared. simswap asks
// an operator whether a SIM was changed lately; its policy stands there too.
package numberverify
