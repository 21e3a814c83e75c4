package provider

import "strings"

// longestCode is how much of a carrier's code is kept. Known ones have at most
// ten characters (contracts/delivery.md §8).
const longestCode = 32

// longestDigits is the longest run of digits in a code: eight follow the 0x of
// a status. A telephone number has more.
const longestDigits = 8

// CleanCode is a carrier's code as it may be stored and shown: at most 32
// printable ASCII characters, with the digits of a longer run than eight hidden,
// blanks and hyphens between them included. Some carriers repeat the number in
// what should be a code (requirement rows 12 and 14).
func CleanCode(code string) string {
	if isCleanCode(code) {
		return code
	}
	clean := []byte(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, code))
	for at := 0; at < len(clean); {
		end, digits := at, 0
		for end < len(clean) && (isDigit(clean[end]) || digits > 0 && isSeparator(clean[end])) {
			if isDigit(clean[end]) {
				digits++
			}
			end++
		}
		if digits > longestDigits {
			copy(clean[at:end], strings.Repeat("*", end-at))
		}
		at = max(end, at+1)
	}
	return string(clean[:min(len(clean), longestCode)])
}

// isCleanCode tells whether nothing needs to be done, as for all known codes.
func isCleanCode(code string) bool {
	digits := 0
	for i := range len(code) {
		switch c := code[i]; {
		case c < ' ' || c > '~':
			return false
		case isDigit(c):
			digits++
		case !isSeparator(c):
			digits = 0
		}
		if digits > longestDigits {
			return false
		}
	}
	return len(code) <= longestCode
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isSeparator(c byte) bool { return c == ' ' || c == '-' }

// longestID is how much of a carrier's id is kept, in bytes: SMPP's have at most
// 64, and an index of a database takes only so much.
const longestID = 255

// CleanID is a carrier's id as it is stored and looked up. It is a cut of what
// is longer than any carrier's: one such row must not make a whole batch fail.
func CleanID(id string) string { return id[:min(len(id), longestID)] }
