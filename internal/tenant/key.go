package tenant

import (
	"fmt"
	"io"

	"yanma.dev/yanma/internal/core"
)

// The keys of the yunbox dialect (contracts/yunbox.md §1).
const (
	keyLength   = 32 // of a key that we issue
	keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

	shortestKey = 8 // of a key issued elsewhere
	longestKey  = 128
)

// newKey draws 32 characters of [A-Za-z0-9], 190 bits. Bytes that would favour
// the first letters of the alphabet are thrown away.
func newKey(random io.Reader) (core.Secret, error) {
	const even = 256 - 256%len(keyAlphabet)
	key := make([]byte, 0, keyLength)
	var draw [2 * keyLength]byte
	for len(key) < keyLength {
		if _, err := io.ReadFull(random, draw[:]); err != nil {
			return core.Secret{}, fmt.Errorf("draw a key: %w", err)
		}
		for _, b := range draw {
			if int(b) < even && len(key) < keyLength {
				key = append(key, keyAlphabet[int(b)%len(keyAlphabet)])
			}
		}
	}
	return core.NewSecret(string(key)), nil
}

// isImportableKey tells whether a key issued elsewhere can be taken over: 8 to
// 128 visible ASCII characters (contracts/yunbox.md §1).
func isImportableKey(key string) bool {
	return len(key) >= shortestKey && len(key) <= longestKey && isVisible(key)
}

// isVisible tells whether s is visible ASCII: no blank, no control.
func isVisible(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
