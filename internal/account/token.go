package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// tokenLength is how many characters a session token has: about 190 bits
// (contracts/oneaccess.md §2.4).
const tokenLength = 32

// alphanumerics are what tokens are made of.
const alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// DrawAlphanumerics draws n characters of [A-Za-z0-9], each uniformly: bytes
// beyond the last whole multiple of 62 are thrown away.
func DrawAlphanumerics(random io.Reader, n int) (string, error) {
	const limit = 256 - 256%len(alphanumerics)
	text := make([]byte, 0, n)
	raw := make([]byte, n+n/4)
	for len(text) < n {
		if _, err := io.ReadFull(random, raw); err != nil {
			return "", fmt.Errorf("draw a token: %w", err)
		}
		for _, b := range raw {
			if int(b) < limit && len(text) < n {
				text = append(text, alphanumerics[int(b)%len(alphanumerics)])
			}
		}
	}
	return string(text), nil
}

// SessionKeyOf is under which a token is kept: about 190 random bits need no
// keyed hash.
func SessionKeyOf(token string) store.SessionKey { return sha256.Sum256([]byte(token)) }

// underPad hides the next token of a family so that only who has the token
// before it can read it: the pad is made of that token, which is kept nowhere.
// Each token has one successor, so that a pad hides one text.
func underPad(before, next string) []byte {
	m := hmac.New(sha256.New, []byte(before))
	m.Write([]byte("next token"))
	pad := m.Sum(nil)
	if len(next) != len(pad) {
		return nil
	}
	subtle.XORBytes(pad, pad, []byte(next))
	return pad
}

// nextOf is the inverse of underPad.
func nextOf(before string, hidden []byte) string { return string(underPad(before, string(hidden))) }

// NewSession is a session that a login may write: its token is drawn, and
// nobody knows yet whether it will be.
type NewSession struct {
	Token  core.Secret
	Key    store.SessionKey
	Family core.LoginID // the login's event
}

// DrawSession draws one.
func DrawSession(random io.Reader, ids *core.IDs) (NewSession, error) {
	token, err := DrawAlphanumerics(random, tokenLength)
	if err != nil {
		return NewSession{}, err
	}
	return NewSession{Token: core.NewSecret(token), Key: SessionKeyOf(token), Family: core.LoginID(ids.Next())}, nil
}
