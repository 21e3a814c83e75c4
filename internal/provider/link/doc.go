// Package link keeps connections to a carrier up, for the protocols that submit
// within a window over TCP and get answers by sequence number: SMPP and CMPP. It
// owns the connections and their writers, the windows, the time-outs, probing,
// reconnecting with backoff, which of several links a message takes, and which of
// the five outcomes a lost connection leaves. It knows no field of any PDU: that
// is its Protocol's.
//
//	Client.Send ── a link's window, pace ──▶ Link.queue ── Encode ──▶ Conn.Append ── WriteLoop ──▶ TCP
//	done ◀── submission ◀── Link.Answered | expire | abandon ◀── Protocol.Handle ◀── Conn.Next ◀── TCP
//	keeper.run, for each link:  dial ─ Protocol.Login ─ readLoop + WriteLoop + watch ─ abandon ─ rest ─ again
//
// A message takes the link that may send soonest, and of these the emptiest; all
// its parts go over that one. When a link is lost, what was written on it is
// Unknown and the others go on.
//
// Conn serves the other end too: the carriers in the process that tests and
// development use. They share Server, which accepts their connections, and Queue,
// which spreads what they have to deliver.
package link
