package app

import (
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/oneaccess"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/oauth"
)

// oneAccess is the façade that end users call: captcha, codes, logins, sessions.
func (a *App) oneAccess(rules guard.Rules) *facade.Facade {
	return oneaccess.New(oneaccess.Options{Captcha: a.captcha, Apps: a.directory, Verify: a.verify, Sessions: a.sessions, Keys: a.signing,
		States: oauth.NewStateTokens(a.ring, a.deps.Now), IssuerOf: a.oneAccessIssuer, Limiter: a.limiter, Subjects: a.ring, Rules: rules, Now: a.deps.Now,
		Backend: a.oneAccessBackend()})
}
