package pdu

import (
	"golang.org/x/text/encoding/simplifiedchinese"

	"yanma.dev/yanma/internal/message/text"
)

// DecodeText reads the octets of a text in a Msg_Fmt. What the format does not
// have becomes U+FFFD; a format that nobody issued is read as Latin-1.
func DecodeText(format byte, octets []byte) string {
	switch format {
	case FormatUCS2:
		return text.UCS2.Decode(octets)
	case FormatGBK:
		decoded, err := simplifiedchinese.GBK.NewDecoder().Bytes(octets)
		if err == nil {
			return string(decoded)
		}
	}
	return text.DecodeLatin1(octets)
}

// EncodeGBK is a text in GBK; ok is false when a character is not in it.
func EncodeGBK(s string) (octets string, ok bool) {
	octets, err := simplifiedchinese.GBK.NewEncoder().String(s)
	return octets, err == nil
}

// GBKEnd is how many of the octets of a text in GBK, n at most, end with a whole
// character.
func GBKEnd(octets string, n int) int {
	if len(octets) <= n {
		return len(octets)
	}
	at := 0
	for at < n {
		width := 1
		if octets[at] > 0x80 && octets[at] < 0xff {
			width = 2
		}
		if at+width > n {
			break
		}
		at += width
	}
	return at
}
