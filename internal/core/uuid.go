package core

import (
	"encoding/hex"
	"io"
)

// uuidGroups are where the parts of a UUID's text end, in bytes.
var uuidGroups = [...]int{4, 6, 8, 10, 16}

// UUIDText is 128 bits in the form of RFC 9562: 36 characters, lower case.
func UUIDText(raw [16]byte) string {
	text := make([]byte, 0, 36)
	from := 0
	for _, to := range uuidGroups {
		if from > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, raw[from:to])
		from = to
	}
	return string(text)
}

// ParseUUIDText is the inverse of UUIDText; capital letters are taken, too.
func ParseUUIDText(text string) (raw [16]byte, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return raw, false
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	n, err := hex.Decode(raw[:], []byte(digits))
	return raw, err == nil && n == len(raw)
}

// NewUUID draws a UUID of version 4.
func NewUUID(random io.Reader) (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", err
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return UUIDText(raw), nil
}
