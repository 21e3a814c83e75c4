package app

import (
	"net/http"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/camara"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// camara is the open API with its authorization server.
func (a *App) camara(rules guard.Rules) *facade.Facade {
	a.signing = oauth.NewKeys(a.prompt, a.ring, a.deps.Now, a.deps.Random)
	server := oauth.New(oauth.Options{Clients: a.directory, Once: records.NewOnce(a.prompt, a.deps.Now), Sealer: a.ring, Keys: a.signing, Proofs: a.numbers,
		Issuer: a.issuer, Now: a.deps.Now, Random: a.deps.Random})
	return camara.New(camara.Options{OAuth: server, Keys: a.signing, Verify: a.verify, Numbers: a.numbers, Limiter: a.limiter, Subjects: a.ring, Rules: rules,
		Now: a.deps.Now, Random: a.deps.Random, Serves: a.carries, Network: a.enrichment(), Hints: a.deps.Simulated})
}

// issuer is the base of every URL that the open API emits: the configured one,
// or where the listener is (contracts/README.md §2).
func (a *App) issuer() string {
	base := a.config.Server.PublicURL
	if base == "" {
		base = a.PublicURL()
	}
	return base + a.config.Facades[string(tenant.DialectCamara)].Prefix
}

// carries tells whether some provider takes a caller's own words to a number.
func (a *App) carries(app *tenant.App, to core.Phone) bool {
	return len(a.router.Names(route.Query{To: to, Channel: core.ChannelSMS, Purpose: route.PurposeCode, Tenant: app.Tenant, App: app.ID})) > 0
}

// enrichment reads the number out of the header that an operator's proxy sets;
// nil where none is configured. Anybody else's header counts for nothing
// (contracts/camara.md §4.2).
func (a *App) enrichment() func(*http.Request) core.Phone {
	header := http.CanonicalHeaderKey(a.config.Server.EnrichmentHeader)
	if header == "" {
		return nil
	}
	return func(r *http.Request) core.Phone {
		peer := guard.SourceIP(r, nil)
		for _, trusted := range a.config.Server.EnrichmentProxies {
			if trusted.Contains(peer) && len(r.Header[header]) == 1 {
				return enriched(r.Header[header][0])
			}
		}
		return core.Phone{}
	}
}

// enriched is a number as such proxies write it: E.164, with or without a plus.
func enriched(text string) core.Phone {
	digits := strings.TrimPrefix(text, "+")
	if len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return core.Phone{}
	}
	return core.PhoneFromE164("+" + digits)
}
