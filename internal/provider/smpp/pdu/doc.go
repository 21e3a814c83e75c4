// Package pdu is the SMPP 3.4 codec: the PDUs of contracts/delivery.md §2.1,
// their limits, and the reader that cuts a byte stream into frames. It opens
// no connection, holds no clock and starts no goroutine; decoding never
// trusts a length.
//
//	conn ──▶ Reader.Next ──▶ Header, body ── Parse… ──▶ SM, Bind, BindResp, message id
//	SM, Bind, … ── Append… ──▶ bytes at the end of the caller's buffer ──▶ conn
//
// What Parse… returns as []byte aliases the reader's buffer and is valid until
// the next call of Next; strings are copies.
package pdu
