// Package sip owns calls: a provider.Provider that rings a number over a
// configured SIP trunk (RFC 3261, by emiago/sipgo) and speaks a code. It carries
// core.ChannelVoice only. It never repeats a call by itself, never calls two
// numbers for one message, and takes no calls.
//
//	Submit ──▶ a place, the pace ──▶ INVITE with an offer (sdp)
//	   401, 407 ─▶ INVITE once more, with the digest
//	   no answer at all in time ─▶ Unknown; what comes later still counts
//	   refused by the trunk ─▶ Rejected, Throttled, NotSent (class.go)
//	   18x, 2xx, busy, gone ─▶ Accepted; then one receipt:
//	2xx ──▶ ACK ─▶ answered (4001) ─▶ speak twice (rtp) ─▶ a key repeats it ─▶ BYE
//	486 ──▶ busy (4008)    480, rang too long + CANCEL ──▶ no answer (4007)    404, 503 ──▶ unreachable (4009)
//
// Subpackages: g711, rtp, sdp (the media), speech (what is said), listen (what
// was heard), trunk (the other end, for tests and `yanma dev`).
package sip
