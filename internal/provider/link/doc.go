// Package link keeps one connection to a carrier up, for the protocols that
// submit within a window over TCP and get answers by sequence number: SMPP and
// CMPP. It owns the connection and its one writer, the window, the time-outs,
// probing, reconnecting with backoff, and which of the five outcomes a lost
// connection leaves. It knows no field of any PDU: that is its Protocol's.
//
//	Client.Send ── window, pace ──▶ Link.queue ── Encode ──▶ Conn.Append ── WriteLoop ──▶ TCP
//	done ◀── submission ◀── Link.Answered | expire | abandon ◀── Protocol.Handle ◀── Conn.Next ◀── TCP
//	run:  dial ─ Protocol.Login ─ readLoop + WriteLoop + watch ─ abandon ─ rest ─ again
//
// Conn alone serves the other end too: the carriers in the process that tests
// and development use.
package link
