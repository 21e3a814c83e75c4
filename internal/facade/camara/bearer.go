package camara

import (
	"context"
	"mime"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/oauth"
)

// bearer finds what the request's access token stands for. Failures are counted
// per source address, and one address too many is refused before the token is
// looked up (contracts/README.md §3.3).
func (d *dialect) bearer(ctx context.Context, x *facade.Exchange) (*oauth.Token, error) {
	failures := d.failures(x)
	if err := d.peek(ctx, failures); err != nil {
		return nil, err
	}
	t, err := d.find(ctx, x)
	if core.KindOf(err) == core.KindUnauthenticated {
		if limited := d.take(ctx, failures); limited != nil {
			return nil, limited
		}
	}
	if err != nil {
		return nil, err
	}
	x.Event.App = t.App.ID
	return t, nil
}

func (d *dialect) find(ctx context.Context, x *facade.Exchange) (*oauth.Token, error) {
	scheme, secret, _ := strings.Cut(x.Request.Header.Get("Authorization"), " ")
	if len(x.Request.Header["Authorization"]) != 1 || !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return nil, core.E(core.KindUnauthenticated, "no bearer token")
	}
	t, err := d.OAuth.Find(ctx, strings.TrimLeft(secret, " "))
	if err == nil && !t.App.Allows(x.Source) {
		err = core.E(core.KindUnauthenticated, "the address is not allowed")
	}
	return t, err
}

// failures are the buckets of failed authentications.
func (d *dialect) failures(x *facade.Exchange) []guard.Bucket {
	return d.Rules.AuthFailed.ForIP(nil, d.Subjects, x.Source, 0)
}

// peek refuses when one more event would be too many, and counts nothing.
func (d *dialect) peek(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Room(ctx, d.Limiter, d.Now(), buckets)
}

// take counts one event, or refuses.
func (d *dialect) take(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Count(ctx, d.Limiter, d.Now(), buckets)
}

// readJSON reads a body of application/json, with any charset
// (contracts/camara.md §1).
func readJSON(x *facade.Exchange) error {
	if err := wantMediaType(x, "application/json"); err != nil {
		return err
	}
	return x.ReadObject()
}

func wantMediaType(x *facade.Exchange, want string) error {
	kind, _, err := mime.ParseMediaType(x.Request.Header.Get("Content-Type"))
	if err != nil || kind != want || len(x.Request.Header["Content-Type"]) != 1 {
		return core.E(core.KindMediaType, "Content-Type")
	}
	return nil
}
