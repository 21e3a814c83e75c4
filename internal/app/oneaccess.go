package app

import (
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/oneaccess"
	"yanma.dev/yanma/internal/guard"
)

// oneAccess is the façade that end users call: captcha, codes, logins, sessions.
func (a *App) oneAccess(rules guard.Rules) *facade.Facade {
	return oneaccess.New(oneaccess.Options{Apps: a.directory, Limiter: a.limiter, Subjects: a.ring, Rules: rules, Now: a.deps.Now,
		Backend: a.oneAccessBackend()})
}
