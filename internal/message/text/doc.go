// Package text owns how a text becomes short messages and back: the GSM-7
// default alphabet with its extension table, UCS-2, the limits of one message
// and of each segment of a long one, the concatenation header, and reassembly
// (contracts/delivery.md §7). It knows no template, no signature and no
// carrier, and imports only the standard library.
//
//	text ── Choose ──▶ GSM7 | UCS2 ── Segments ──▶ parts of the text
//	part ── Alphabet.Append ──▶ octets, AppendHeader before them when there are several
//	octets ── ParseHeader, Alphabet.Decode ──▶ part ── Reassembler.Add ──▶ text
package text
