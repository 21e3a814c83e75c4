package verify

import (
	"encoding/hex"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/tenant"
)

// uuidLength is 32 hexadecimal digits and four hyphens.
const uuidLength = 36

// PublicID is how an app names a code: a UUID that nobody can guess and that no
// other app knows (contracts/camara.md §3.1).
func (s *Service) PublicID(app *tenant.App, id core.VerificationID) string {
	raw := s.ring.Alias(keyring.AliasCode, app.Tenant, app.ID, int64(id))
	text := make([]byte, 0, uuidLength)
	for i, from := range []int{0, 4, 6, 8, 10} {
		to := []int{4, 6, 8, 10, 16}[i]
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, raw[from:to])
	}
	return string(text)
}

// OpenPublicID is the inverse of PublicID; false for a text that it never made
// for this app. Letters count as lower case.
func (s *Service) OpenPublicID(app *tenant.App, text string) (core.VerificationID, bool) {
	if len(text) != uuidLength || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return 0, false
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	var raw [16]byte
	if n, err := hex.Decode(raw[:], []byte(digits)); err != nil || n != len(raw) {
		return 0, false
	}
	t, a, id, ok := s.ring.OpenAlias(keyring.AliasCode, raw)
	return core.VerificationID(id), ok && t == app.Tenant && a == app.ID
}
