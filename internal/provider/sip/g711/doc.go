// Package g711 owns the two codecs of the telephone network, ITU-T G.711:
// A-law (PCMA, RTP payload type 8) and µ-law (PCMU, 0). 8,000 octets are a
// second. It never touches the network.
//
//	[]int16 at 8 kHz ──Law.Encode──▶ octets ──Law.Decode──▶ []int16
package g711
