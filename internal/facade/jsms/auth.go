package jsms

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// longestCredential is more than any key or secret has, an imported one included.
const longestCredential = 128

// credentials are those of a request: the name before the colon, the secret
// behind it (contracts/jsms.md §1.1).
type credentials struct{ name, secret string }

// credentialsOf reads the Authorization header. KindMissingField without one,
// KindUnauthenticated for what is no Basic authentication.
func credentialsOf(x *facade.Exchange) (credentials, error) {
	header := x.Request.Header.Get("Authorization")
	if header == "" {
		return credentials{}, core.Field(core.KindMissingField, "Authorization")
	}
	scheme, encoded, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	name, secret, ok := strings.Cut(string(raw), ":")
	if !strings.EqualFold(scheme, "Basic") || err != nil || !ok || len(raw) > 2*longestCredential {
		return credentials{}, core.E(core.KindUnauthenticated, "no Basic authentication")
	}
	return credentials{name, secret}, nil
}

// authenticate finds the app of a request that must be an app's. Errors:
// KindMissingField, KindRateLimited, KindUnauthenticated, KindForbidden.
func (d *dialect) authenticate(ctx context.Context, x *facade.Exchange) (*tenant.App, error) {
	return d.identify(ctx, x, tenant.DialectJSMS)
}

// identify compares the request's credentials with those of a name. Failures
// are counted per source address, before anything is looked up
// (contracts/README.md §3.3).
func (d *dialect) identify(ctx context.Context, x *facade.Exchange, of tenant.Dialect) (*tenant.App, error) {
	c, err := credentialsOf(x)
	if core.KindOf(err) == core.KindMissingField {
		return nil, err
	}
	var space [2]guard.Bucket
	failures := d.Rules.AuthFailed.ForIP(space[:0], d.Subjects, x.Source, 0)
	if limited := d.peek(ctx, failures); limited != nil {
		return nil, limited
	}
	app, ok := d.owner(of, c)
	if err != nil || !ok {
		if err := d.take(ctx, failures); err != nil {
			return nil, err
		}
		return nil, core.E(core.KindUnauthenticated, "key or secret")
	}
	x.Event.App = app.ID
	switch {
	case !app.Uses(tenant.DialectJSMS) || app.Denies(tenant.ProductSMS):
		return nil, core.E(core.KindForbidden, "no right to send")
	case !app.Allows(x.Source):
		return nil, core.Field(core.KindForbidden, "address")
	case app.Disabled || app.AccountDisabled:
		return nil, core.Field(core.KindForbidden, "app")
	}
	return app, nil
}

// nobody is compared with where a name is not known: an unknown key is as much
// work as a wrong secret.
var nobody = []tenant.SigningKey{{Key: core.NewSecret("000000000000000000000000")}}

// owner is the app whose name and secret these are.
func (d *dialect) owner(of tenant.Dialect, c credentials) (*tenant.App, bool) {
	app, keys, known := d.Apps.AppByName(of, c.name)
	if !known {
		keys = nobody
	}
	right := 0
	for _, k := range keys {
		right |= subtle.ConstantTimeCompare([]byte(k.Key.Reveal()), []byte(c.secret))
	}
	return app, known && right == 1
}

func (d *dialect) peek(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Room(ctx, d.Limiter, d.Now(), buckets)
}

func (d *dialect) take(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Count(ctx, d.Limiter, d.Now(), buckets)
}
