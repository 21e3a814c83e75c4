// Package declared asks a carrier's gateway that its stanza describes: what
// China Unicom and China Telecom give to partners only, and aggregators
// (contracts/carriers.md §4, §8). No protocol of theirs is in here.
//
// It makes one attempt, and keeps nothing.
//
//	Question ─▶ fields or JSON body, headers (internal/declare) ─▶ signature ─▶ one HTTP call
//	         ─▶ JSON answer ─▶ code at its path ─▶ match · mismatch · number · class of error by the code table
package declared
