// Package receipt owns what carriers' delivery reports mean: the table of
// contracts/delivery.md §8 from a carrier's code to provider.State and the jsms
// status, and the parser of SMPP receipt texts (§2.3). It is data and pure
// functions; matching a report to a message is the outbox's.
//
//	"id:… stat:DELIVRD …" ── ParseText ──▶ Text ── Classify(Stat) ──▶ Meaning
//	message_state 2 ── FromMessageState ──▶ code ── Classify ──▶ Meaning{delivered, 4001}
//	Kannel's %d ── FromKannel ──▶ code ── Classify ──▶ Meaning
package receipt
