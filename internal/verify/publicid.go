package verify

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/tenant"
)

// mostDraws bounds the search for a UUID of version 4: one id in 64 is one, so
// that it ends in vain for one code in 10⁵⁵.
const mostDraws = 8192

// PublicID is how an app names a code: a UUID of version 4 that nobody can guess
// and that no other app knows (contracts/camara.md §3.1, jsms.md §1.4).
func (s *Service) PublicID(app *tenant.App, id core.VerificationID) string {
	var raw [16]byte
	// The app says which tenant it is of: what stands in the tenant's place is
	// tried until the id has version and variant.
	for draw := core.TenantID(1); draw < mostDraws; draw++ {
		if raw = s.ring.Alias(keyring.AliasCode, draw, app.ID, int64(id)); isVersion4(raw) {
			break
		}
	}
	return core.UUIDText(raw)
}

func isVersion4(raw [16]byte) bool { return raw[6]>>4 == 4 && raw[8]>>6 == 2 }

// OpenPublicID is the inverse of PublicID; false for a text that it never made
// for this app.
func (s *Service) OpenPublicID(app *tenant.App, text string) (core.VerificationID, bool) {
	of, id, ok := s.WhosePublicID(text)
	return id, ok && of == app.ID
}

// WhosePublicID is OpenPublicID for a caller who says nothing but the id
// (contracts/jsms.md §1.1).
func (s *Service) WhosePublicID(text string) (app core.AppID, id core.VerificationID, ok bool) {
	raw, ok := core.ParseUUIDText(text)
	if !ok || !isVersion4(raw) {
		return 0, 0, false
	}
	draw, app, number, ok := s.ring.OpenAlias(keyring.AliasCode, raw)
	return app, core.VerificationID(number), ok && draw < mostDraws
}
