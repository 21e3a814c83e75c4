// Package wire is one TCP connection of SMPP frames, the same for client and
// SMSC: a queue of encoded PDUs that one goroutine writes, as many as there
// are at a time, and a reader with a deadline for every frame. It knows
// nothing about binds, windows or messages.
//
//	many goroutines ── Conn.Append ──▶ queue ── WriteLoop, one Write for all ──▶ TCP
//	one goroutine   ◀── Conn.Next ◀── frames, each whole within its deadline ── TCP
package wire
