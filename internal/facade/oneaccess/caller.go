package oneaccess

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// Headers of a call (contracts/oneaccess.md §1.1), as the contract spells them.
const (
	headerClient      = "X-client-id"
	headerTenant      = "X-tenant-id"
	headerSystem      = "X-operating-sys-version"
	headerFingerprint = "X-device-fingerprint"
	headerDeviceIP    = "X-device-ip"
	headerAgent       = "X-agent"
	headerState       = "X-state-token"
	headerSignature   = "X-signature"
)

// longest is how long the headers may be, in bytes (contracts/oneaccess.md
// §1.1), in the order in which they are looked at.
var longest = []struct {
	header string
	bytes  int
}{
	{headerClient, 64}, {headerTenant, 64}, {headerSystem, 128}, {headerFingerprint, longestFingerprint}, {headerAgent, 1024}, {headerDeviceIP, 64},
}

const longestFingerprint = 256

// header is a header's trimmed value.
func header(x *facade.Exchange, name string) string {
	return strings.TrimSpace(x.Request.Header.Get(name))
}

// caller is whom a request of §1 names.
type caller struct {
	app         *tenant.App
	client      string // X-client-id
	fingerprint string // X-device-fingerprint
}

// identify is steps 2 to 5 of contracts/oneaccess.md §1.3. Client ids that nobody
// has are counted per address, before anything is looked up (README.md §3.3).
func (d *dialect) identify(ctx context.Context, x *facade.Exchange) (*caller, error) {
	app, err := d.client(ctx, x)
	if err != nil {
		return nil, err
	}
	if err := d.allowOrigin(x, app); err != nil {
		return nil, err
	}
	c := &caller{app: app, client: header(x, headerClient), fingerprint: header(x, headerFingerprint)}
	if c.fingerprint == "" || header(x, headerSystem) == "" || header(x, headerAgent) == "" {
		return nil, errDevice
	}
	for _, l := range longest[2:] {
		if len(header(x, l.header)) > l.bytes {
			return nil, core.Field(core.KindBadField, l.header)
		}
	}
	return c, nil
}

// client is steps 2 to 4: the app of X-client-id and X-tenant-id.
func (d *dialect) client(ctx context.Context, x *facade.Exchange) (*tenant.App, error) {
	client := header(x, headerClient)
	if client == "" {
		return nil, errNoClient
	}
	for _, l := range longest[:2] {
		if len(header(x, l.header)) > l.bytes {
			return nil, core.Field(core.KindBadField, l.header)
		}
	}
	failures := d.failedAuth(x)
	if err := d.peek(ctx, failures); err != nil {
		return nil, err
	}
	app, err := d.Apps.OneAccessApp(client, header(x, headerTenant), hostOf(x.Request))
	if core.KindOf(err) == core.KindUnauthenticated {
		if err := d.take(ctx, failures); err != nil {
			return nil, err
		}
		return nil, errApp
	}
	if err != nil {
		return nil, err
	}
	if !app.Allows(x.Source) {
		return nil, errApp
	}
	x.Event.App = app.ID
	return app, nil
}

// hostOf is the request's host without its port.
func hostOf(r *http.Request) string {
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		return name
	}
	return r.Host
}

// peek refuses when one more event would be too many, and counts nothing.
func (d *dialect) peek(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Room(ctx, d.Limiter, d.Now(), buckets)
}

func (d *dialect) take(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Count(ctx, d.Limiter, d.Now(), buckets)
}

// endUser is the address that the limits of end users count: the caller's own.
// Callers have no secret here, so what X-End-User-IP says counts only from
// addresses that the app lists as its backend's (contracts/README.md §6).
func endUser(x *facade.Exchange, app *tenant.App) netip.Addr {
	if app != nil && app.Callers == guard.CallersBackend && len(app.AllowedSources) > 0 {
		return app.Callers.EndUserIP(x.Request.Header, x.Source)
	}
	return x.Source
}
