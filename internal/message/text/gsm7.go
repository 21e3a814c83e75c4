package text

import (
	"strings"
	"unicode/utf8"
)

// basicAlphabet is the GSM 03.38 default alphabet in the order of its codes;
// 0x1B is the escape to the extension table, not a character.
const basicAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

const (
	escape   = 0x1b
	extended = 0x80 // set in a table entry: the septet follows an escape
	foreign  = 0xff // a table entry of a character that GSM-7 lacks
)

// extensionTable holds the characters that cost two septets.
var extensionTable = [...]struct {
	septet byte
	char   rune
}{
	{0x0a, '\f'}, {0x14, '^'}, {0x28, '{'}, {0x29, '}'}, {0x2f, '\\'},
	{0x3c, '['}, {0x3d, '~'}, {0x3e, ']'}, {0x40, '|'}, {0x65, '€'},
}

// gsmTables are the two directions of the alphabet; never written after they are built.
type gsmTables struct {
	ascii [utf8.RuneSelf]byte // septet, septet|extended, or foreign
	other map[rune]byte
	basic [128]rune
	ext   [128]rune // 0 where the extension table has no entry
}

var gsm = buildTables()

func buildTables() *gsmTables {
	t := &gsmTables{other: make(map[rune]byte)}
	for i := range t.ascii {
		t.ascii[i] = foreign
	}
	put := func(char rune, entry byte) {
		if char < utf8.RuneSelf {
			t.ascii[char] = entry
		} else {
			t.other[char] = entry
		}
	}
	code := byte(0)
	for _, char := range basicAlphabet {
		t.basic[code] = char
		if code != escape {
			put(char, code)
		}
		code++
	}
	for _, e := range extensionTable {
		t.ext[e.septet] = e.char
		put(e.char, e.septet|extended)
	}
	return t
}

// entry is the table entry of a character, or foreign.
func (t *gsmTables) entry(char rune) byte {
	if char >= 0 && char < utf8.RuneSelf {
		return t.ascii[char]
	}
	if e, ok := t.other[char]; ok {
		return e
	}
	return foreign
}

// septets is what s costs in GSM-7; ok is false when a character is foreign to it.
func septets(s string) (n int, ok bool) {
	for _, char := range s {
		e := gsm.entry(char)
		if e == foreign {
			return 0, false
		}
		n += 1 + int(e>>7)
	}
	return n, true
}

// EncodeGSM7 is s with one septet an octet; ok is false when a character is not in GSM-7.
func EncodeGSM7(s string) (octets []byte, ok bool) {
	n, ok := septets(s)
	if !ok {
		return nil, false
	}
	return appendGSM7(make([]byte, 0, n), s), true
}

// appendGSM7 appends s with one septet an octet. Characters foreign to the
// alphabet become a question mark; callers have asked Choose before.
func appendGSM7(dst []byte, s string) []byte {
	for _, char := range s {
		switch e := gsm.entry(char); {
		case e == foreign:
			dst = append(dst, '?')
		case e&extended != 0:
			dst = append(dst, escape, e&^extended)
		default:
			dst = append(dst, e)
		}
	}
	return dst
}

// DecodeGSM7 reads septets, one an octet. An escape before a code that the
// extension table lacks shows the basic character, a lone escape at the end a
// blank (as GSM 03.38 asks of a handset), an octet above 0x7F U+FFFD.
func DecodeGSM7(octets []byte) string {
	var b strings.Builder
	b.Grow(len(octets) + len(octets)/8)
	for i := 0; i < len(octets); i++ {
		c := octets[i]
		switch {
		case c > 0x7f:
			b.WriteRune(utf8.RuneError)
		case c != escape:
			b.WriteRune(gsm.basic[c])
		case i+1 == len(octets):
			b.WriteByte(' ')
		default:
			i++
			b.WriteRune(extensionChar(octets[i]))
		}
	}
	return b.String()
}

func extensionChar(c byte) rune {
	switch {
	case c > 0x7f:
		return utf8.RuneError
	case gsm.ext[c] != 0:
		return gsm.ext[c]
	case c == escape:
		return ' '
	}
	return gsm.basic[c]
}

// Pack puts septets, one an octet, eight into seven octets (GSM 03.38 §6.1.2.1).
// The last octet is filled with zero bits.
func Pack(septets []byte) []byte {
	packed := make([]byte, 0, (len(septets)*7+7)/8)
	var bits uint
	var acc uint
	for _, s := range septets {
		acc |= uint(s&0x7f) << bits
		bits += 7
		if bits >= 8 {
			packed = append(packed, byte(acc))
			acc >>= 8
			bits -= 8
		}
	}
	if bits > 0 {
		packed = append(packed, byte(acc))
	}
	return packed
}

// Unpack takes n septets out of packed octets; fewer when there are not as many.
func Unpack(packed []byte, n int) []byte {
	n = min(n, len(packed)*8/7)
	septets := make([]byte, 0, max(n, 0))
	var bits uint
	var acc uint
	for _, o := range packed {
		acc |= uint(o) << bits
		bits += 8
		for bits >= 7 && len(septets) < n {
			septets = append(septets, byte(acc&0x7f))
			acc >>= 7
			bits -= 7
		}
	}
	return septets
}
