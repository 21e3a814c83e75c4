package text

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Alphabet is how the characters of a short message are written.
type Alphabet uint8

// The alphabets.
const (
	GSM7 Alphabet = 1 // septets, one an octet
	UCS2 Alphabet = 2 // UTF-16, big-endian
)

// String names the alphabet.
func (a Alphabet) String() string {
	switch a {
	case GSM7:
		return "gsm7"
	case UCS2:
		return "ucs2"
	}
	return "invalid"
}

// Limits of one message and of each segment of a long one, in septets or
// UTF-16 units (contracts/delivery.md §7).
const (
	singleGSM7, segmentGSM7 = 160, 153
	singleUCS2, segmentUCS2 = 70, 67
)

// Single is how many units one message holds: 160 septets or 70 UTF-16 units.
func (a Alphabet) Single() int {
	if a == GSM7 {
		return singleGSM7
	}
	return singleUCS2
}

// Segment is how many units each segment of a long message holds: 153 or 67.
func (a Alphabet) Segment() int {
	if a == GSM7 {
		return segmentGSM7
	}
	return segmentUCS2
}

// Choose is the alphabet that s travels in: GSM7 when every character is in it
// and forceUCS2 is false, otherwise UCS2 for the whole text. Texts for China
// are forced (contracts/delivery.md §7).
func Choose(s string, forceUCS2 bool) Alphabet {
	if forceUCS2 {
		return UCS2
	}
	if _, ok := septets(s); ok {
		return GSM7
	}
	return UCS2
}

// cost is what one character takes in units: septets or UTF-16 units.
func (a Alphabet) cost(char rune) int {
	if a == GSM7 {
		if e := gsm.entry(char); e != foreign {
			return 1 + int(e>>7)
		}
		return 1
	}
	if char > 0xffff {
		return 2
	}
	return 1
}

// Units is what s costs in the alphabet: septets or UTF-16 units.
func (a Alphabet) Units(s string) int {
	n := 0
	for _, char := range s {
		n += a.cost(char)
	}
	return n
}

// Append appends the octets of s: one a septet, or two a UTF-16 unit. A byte
// that is not UTF-8 travels as U+FFFD.
func (a Alphabet) Append(dst []byte, s string) []byte {
	if a == GSM7 {
		return appendGSM7(dst, s)
	}
	for _, char := range s {
		if char > 0xffff {
			hi, lo := utf16.EncodeRune(char)
			dst = append(dst, byte(hi>>8), byte(hi), byte(lo>>8), byte(lo))
			continue
		}
		dst = append(dst, byte(char>>8), byte(char))
	}
	return dst
}

// Decode reads octets back. A lone surrogate or an odd last octet becomes U+FFFD.
func (a Alphabet) Decode(octets []byte) string {
	if a == GSM7 {
		return DecodeGSM7(octets)
	}
	return decodeUCS2(octets)
}

func decodeUCS2(octets []byte) string {
	var b strings.Builder
	b.Grow(len(octets) + len(octets)/2)
	for len(octets) >= 2 {
		char := rune(octets[0])<<8 | rune(octets[1])
		octets = octets[2:]
		if utf16.IsSurrogate(char) {
			pair := utf8.RuneError
			if len(octets) >= 2 {
				pair = utf16.DecodeRune(char, rune(octets[0])<<8|rune(octets[1]))
			}
			if pair != utf8.RuneError {
				octets = octets[2:]
			}
			char = pair
		}
		b.WriteRune(char)
	}
	if len(octets) == 1 {
		b.WriteRune(utf8.RuneError)
	}
	return b.String()
}

// DecodeLatin1 reads ISO 8859-1: one character an octet.
func DecodeLatin1(octets []byte) string {
	var b strings.Builder
	b.Grow(len(octets))
	for _, o := range octets {
		b.WriteRune(rune(o))
	}
	return b.String()
}
