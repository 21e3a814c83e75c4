package core

import "encoding/binary"

// id128Alphabet is Crockford's base32 in lower case (contracts/yunbox.md §1.1).
const id128Alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// id128Length is the number of characters that carry 128 bits, five each.
const id128Length = 26

// notInAlphabet marks a byte that is no digit of the alphabet.
const notInAlphabet = 0xff

// id128Digits is the value of each character, or notInAlphabet.
var id128Digits = func() (values [256]byte) {
	for i := range values {
		values[i] = notInAlphabet
	}
	for i := range len(id128Alphabet) {
		values[id128Alphabet[i]] = byte(i)
	}
	return values
}()

// EncodeID128 writes 128 bits as an unsigned big-endian integer in 26
// characters of lower-case Crockford base32, left-padded with 0; the first
// character is 0 to 7 (contracts/yunbox.md §1.1).
func EncodeID128(b [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var text [id128Length]byte
	for i := id128Length - 1; i >= 0; i-- {
		text[i] = id128Alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(text[:])
}

// DecodeID128 is the strict inverse of EncodeID128. It refuses everything that
// EncodeID128 does not write: another length, upper case, the letters i, l, o
// and u, and a first character above 7 (contracts/yunbox.md §1.1).
func DecodeID128(s string) ([16]byte, bool) {
	if len(s) != id128Length || s[0] > '7' {
		return [16]byte{}, false
	}
	var hi, lo uint64
	for i := range len(s) {
		digit := id128Digits[s[i]]
		if digit == notInAlphabet {
			return [16]byte{}, false
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(digit)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return b, true
}
