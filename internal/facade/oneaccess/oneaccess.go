package oneaccess

import (
	"context"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// Apps is the configuration cache (tenant.Directory).
type Apps interface {
	// OneAccessApp finds the app of a client id, of a tenant and of a Host.
	// KindUnauthenticated: nobody's; KindMissingField: X-tenant-id is needed
	// (contracts/oneaccess.md §1.3 steps 3 and 4).
	OneAccessApp(clientID, tenantID, host string) (*tenant.App, error)
	App(id core.AppID) (*tenant.App, bool)
	ListsOrigin(origin string) bool
}

// Options are what the façade works with; all are required.
type Options struct {
	Apps     Apps
	Limiter  guard.Limiter
	Subjects guard.Subjects
	Rules    guard.Rules // the installation's: for limits that come before the caller is known
	Now      func() time.Time
	Backend  Backend // what the calls of apps' backends need
}

// dialect is the façade with what it works with.
type dialect struct{ Options }

// The endpoints' names, as events show them.
const (
	sendSMS      = "sms-send"
	serverDate   = "server-date"
	countryCodes = "country-codes"
)

// sends are the endpoints where a limit is a failed send.
var sends = map[string]bool{sendSMS: true}

// New returns the façade.
func New(o Options) *facade.Facade {
	d := &dialect{o}
	f := &facade.Facade{
		Name:   string(tenant.DialectOneaccess),
		Owns:   []string{"/api/v2/", "/api/v1/oauth2/", "/captcha/"},
		Refuse: d.refuse,
	}
	f.Routes = append(f.Routes,
		d.get(serverDate, "/api/v2/sdk/server-date", d.serverDate),
		d.get(countryCodes, "/api/v2/sdk/country-codes", d.countryCodes),
	)
	f.Routes = append(f.Routes, d.preflights(f.Routes)...)
	f.Routes = append(f.Routes, d.backendRoutes()...)
	return f
}

// call is one request of an app's user.
type call func(ctx context.Context, x *facade.Exchange, c *caller) error

// get is a call without a body.
func (d *dialect) get(name, path string, then call) facade.Route {
	return facade.Route{Name: name, Method: http.MethodGet, Path: path, Handle: func(ctx context.Context, x *facade.Exchange) error {
		c, err := d.identify(ctx, x)
		if err != nil {
			return err
		}
		return then(ctx, x, c)
	}}
}

// getOnce is get for an answer that may be there only once.
func (d *dialect) getOnce(name, path string, then call) facade.Route {
	r := d.get(name, path, then)
	r.NoHead = true
	return r
}

// post is a call with a JSON object. first is what is asked between the caller
// and the body: the limits per address (contracts/oneaccess.md §1.3 step 6); nil
// where there are none.
func (d *dialect) post(name, path string, first, then call) facade.Route {
	return facade.Route{Name: name, Method: http.MethodPost, Path: path, BodyCap: facade.BodyCap, Handle: func(ctx context.Context, x *facade.Exchange) error {
		body, err := receive(x)
		if err != nil {
			return err
		}
		c, err := d.identify(ctx, x)
		if err != nil {
			return err
		}
		if first != nil {
			if err := first(ctx, x, c); err != nil {
				return err
			}
		}
		if err := x.Object.Parse(body); err != nil {
			return err
		}
		return then(ctx, x, c)
	}}
}

// preflights are the questions that browsers ask before calls of other origins.
func (d *dialect) preflights(routes []facade.Route) []facade.Route {
	var all []facade.Route
	for _, r := range routes {
		all = append(all, facade.Route{Name: "preflight", Method: http.MethodOptions, Path: r.Path, Unlisted: true, Handle: d.preflight(r.Method)})
	}
	return all
}
