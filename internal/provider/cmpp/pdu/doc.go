// Package pdu is the CMPP 2.0 and 3.0 codec: the packets of
// contracts/delivery.md §3, their fixed widths in either version, the
// authenticators of a login, and the bits of a Msg_Id. It opens no connection,
// holds no clock and starts no goroutine; decoding never trusts a length.
//
//	conn ──▶ frame.Reader ──▶ Split ──▶ Header, body ── Parse… ──▶ Connect, Submit, Deliver, Report
//	Connect, Submit, … ── Append… ──▶ bytes at the end of the caller's buffer ──▶ conn
//
// What Parse… returns as []byte aliases the body; strings are copies. Answers
// are read by their length, so that one of the other version is understood.
package pdu
