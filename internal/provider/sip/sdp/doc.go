// Package sdp owns the little of SDP (RFC 8866, RFC 3264) that a call needs:
// the offer of one G.711 stream with telephone events, and what an answer made
// of it. Nothing else of SDP is understood, and nothing is fetched.
//
//	Offer ──Append──▶ INVITE … 200 ──ParseAnswer──▶ Answer{where to, which codec}
package sdp
