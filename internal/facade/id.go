package facade

import (
	"strings"

	"yanma.dev/yanma/internal/core"
)

// IsIssuedID tells whether text is a prefix and 26 characters as we issue ids
// (contracts/yunbox.md §1.1).
func IsIssuedID(text, prefix string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return false
	}
	_, ok = core.DecodeID128(rest)
	return ok
}

// IsImportableID tells whether text can be an id issued elsewhere: 1 to 64
// characters of [A-Za-z0-9_.-] (contracts/README.md §3.5).
func IsImportableID(text string) bool { return isToken(text) }

// isToken is ^[A-Za-z0-9._-]{1,64}$.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}
