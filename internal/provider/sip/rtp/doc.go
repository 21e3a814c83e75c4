// Package rtp owns what travels beside a call's signalling: RTP packets
// (RFC 3550), the sender that speaks at the pace of a clock, and the keys of
// telephone events (RFC 4733). It knows no sockets and no SIP.
//
//	samples ──Sender.Speak──▶ packets of 20 ms, one every 20 ms ──write──▶
//	packet ──Parse──▶ Packet ──Keys.Press──▶ '5', once for each press
package rtp
