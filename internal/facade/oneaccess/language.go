package oneaccess

import (
	"strings"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
)

// language is that of messages to the caller.
type language uint8

const (
	chinese language = iota
	english
)

// languageOf is what X-L asks for, or the app's default; app is nil while it is
// not known (contracts/oneaccess.md §1.4).
func languageOf(x *facade.Exchange, app *tenant.App) language {
	asked := strings.ToLower(strings.TrimSpace(x.Request.Header.Get("X-L")))
	switch {
	case strings.HasPrefix(asked, "zh"):
		return chinese
	case strings.HasPrefix(asked, "en"):
		return english
	case app != nil && app.OneAccess.Language == "en":
		return english
	}
	return chinese
}
