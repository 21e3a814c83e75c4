package oneaccess

import (
	"context"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// AccessTokens are those of apps' backends (oauth.BackendTokens).
type AccessTokens interface {
	Issue(ctx context.Context, f oauth.Form, basic oauth.Basic) (oauth.Issued, error)
	Find(ctx context.Context, bearer string) (*tenant.App, error)
}

// KeySets are the published keys of apps (oauth.Keys).
type KeySets interface {
	Published(ctx context.Context, apps []core.AppID, common bool) (jwt.KeySet, error)
}

// Backend is what the calls of apps' backends need; all are required.
type Backend struct {
	Tokens   AccessTokens
	Keys     KeySets
	Sessions BackendSessions
	Codes    BackendCodes

	// KeysOf lists the apps whose keys are published together (tenant.Directory).
	KeysOf func(clientID, host string) (apps []core.AppID, common, ok bool)
	// Issuer is who issues the tokens of the apps that are called on a host.
	Issuer func(host string) string
}

// The endpoints' names, as events show them.
const (
	tenantToken   = "tenant-token"
	oidcDiscovery = "openid-configuration"
	oidcKeys      = "keys"
)

// oauthShape are the endpoints whose errors have the shape of OAuth
// (contracts/README.md §2).
var oauthShape = map[string]bool{tenantToken: true, oidcDiscovery: true, oidcKeys: true}

// backendRoutes are the calls of contracts/oneaccess.md §8.
func (d *dialect) backendRoutes() []facade.Route {
	return append(d.ticketRoutes(), []facade.Route{
		{Name: tenantToken, Method: http.MethodPost, Path: "/api/v2/tenant/token", BodyCap: facade.BodyCap, Handle: d.tenantToken},
		{Name: oidcDiscovery, Method: http.MethodGet, Path: "/api/v1/oauth2/.well-known/openid-configuration", Handle: d.openidConfiguration},
		{Name: oidcKeys, Method: http.MethodGet, Path: "/api/v1/oauth2/keys", Handle: d.publishedKeys},
		{Name: smsVerify, Method: http.MethodPost, Path: "/api/v2/tenant/sms/verify", BodyCap: facade.BodyCap, Handle: d.backend(d.smsVerify)},
	}...)
}

// tenantToken is contracts/oneaccess.md §8.1.
func (d *dialect) tenantToken(ctx context.Context, x *facade.Exchange) error {
	body, err := x.ReadBody()
	if err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(x.Request.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return core.E(core.KindMediaType, "Content-Type")
	}
	form, err := oauth.ParseForm(string(body))
	if err != nil {
		return err
	}
	failures := d.failedAuth(x)
	if err := d.peek(ctx, failures); err != nil {
		return err
	}
	issued, err := d.Backend.Tokens.Issue(ctx, form, basicOf(x))
	if err == nil {
		if app, ok := d.Apps.App(issued.App); ok && !app.Allows(x.Source) {
			err = core.Wrap(core.KindUnauthenticated, &oauth.Error{Code: "invalid_client", Description: "Bad client credentials"}, "the address is not allowed")
		}
	}
	if core.KindOf(err) == core.KindUnauthenticated {
		if limited := d.take(ctx, failures); limited != nil {
			return limited
		}
	}
	if err != nil {
		return err
	}
	x.Event.App = issued.App
	x.Out = append(x.Out, `{"access_token":"`...)
	x.Out = append(x.Out, issued.AccessToken.Reveal()...)
	x.Out = append(x.Out, `","token_type":"Bearer","expires_in":`...)
	x.Out = strconv.AppendInt(x.Out, int64(issued.Life/time.Second), 10)
	x.Out = append(x.Out, `,"scope":"all"}`...)
	return nil
}

// failedAuth are the buckets of failed authentications of the caller's address.
func (d *dialect) failedAuth(x *facade.Exchange) []guard.Bucket {
	return d.Rules.AuthFailed.ForIP(nil, d.Subjects, x.Source, 0)
}

// basicOf reads Authorization: Basic; both parts are form-encoded inside (RFC
// 6749 §2.3.1). What is none counts as an authentication that failed.
func basicOf(x *facade.Exchange) (basic oauth.Basic) {
	all := x.Request.Header["Authorization"]
	if len(all) == 0 {
		return basic
	}
	basic.Tried = true
	scheme, encoded, _ := strings.Cut(all[0], " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if len(all) != 1 || !strings.EqualFold(scheme, "Basic") || err != nil {
		return basic
	}
	id, secret, _ := strings.Cut(string(raw), ":")
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	if errID == nil && errSecret == nil {
		basic.ClientID, basic.Secret = id, secret
	}
	return basic
}

// backendCall is a call with an access token and a JSON object.
type backendCall func(ctx context.Context, x *facade.Exchange, app *tenant.App) error

// backend is what comes before every call of contracts/oneaccess.md §8.2 and
// §8.5: the token, the tenant, the body.
func (d *dialect) backend(then backendCall) func(context.Context, *facade.Exchange) error {
	return func(ctx context.Context, x *facade.Exchange) error {
		body, err := receive(x)
		if err != nil {
			return err
		}
		client, err := d.bearer(ctx, x)
		if err != nil {
			return err
		}
		if len(header(x, headerTenant)) > longestTenant {
			return core.Field(core.KindBadField, headerTenant)
		}
		app, err := d.Apps.OneAccessApp(client.OneAccess.ClientID, header(x, headerTenant), hostOf(x.Request))
		if core.KindOf(err) == core.KindUnauthenticated {
			return errApp
		}
		if err != nil {
			return err
		}
		x.Event.App = app.ID
		if err := x.Object.Parse(body); err != nil {
			return err
		}
		return then(ctx, x, app)
	}
}

const longestTenant = 64 // contracts/oneaccess.md §1.1

// errBearer is contracts/oneaccess.md §8.2: 401, SDK.COMMON.1005.
var errBearer = core.Field(core.KindUnauthenticated, "access_token")

// bearer finds the client of the request's access token. Failures are counted per
// source address, and one address too many is refused before the token is looked
// up (contracts/README.md §3.3).
func (d *dialect) bearer(ctx context.Context, x *facade.Exchange) (*tenant.App, error) {
	failures := d.failedAuth(x)
	if err := d.peek(ctx, failures); err != nil {
		return nil, err
	}
	app, err := d.clientOfBearer(ctx, x)
	if core.KindOf(err) == core.KindUnauthenticated {
		x.SetHeader("Www-Authenticate", "Bearer")
		if limited := d.take(ctx, failures); limited != nil {
			return nil, limited
		}
	}
	return app, err
}

func (d *dialect) clientOfBearer(ctx context.Context, x *facade.Exchange) (*tenant.App, error) {
	scheme, token, _ := strings.Cut(x.Request.Header.Get("Authorization"), " ")
	if len(x.Request.Header["Authorization"]) != 1 || !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(token) == "" {
		return nil, errBearer
	}
	app, err := d.Backend.Tokens.Find(ctx, strings.TrimSpace(token))
	if err == nil && (app.Disabled || app.AccountDisabled || !app.Uses(tenant.DialectOneaccess) || !app.Allows(x.Source)) {
		return nil, errBearer
	}
	return app, err
}

// refuseOAuth writes an error of the token endpoint, of discovery and of the keys
// (contracts/oneaccess.md §8.1).
func (d *dialect) refuseOAuth(x *facade.Exchange, err *core.Error) {
	said, ok := oauth.AsError(err)
	if !ok {
		said = &oauth.Error{Code: "invalid_request", Description: "The request is not valid."}
	}
	x.Status = http.StatusBadRequest
	switch err.Kind {
	case core.KindUnauthenticated:
		x.Status = http.StatusUnauthorized
		if len(x.Request.Header["Authorization"]) > 0 {
			x.SetHeader("Www-Authenticate", "Basic")
		}
	case core.KindRateLimited:
		said = &oauth.Error{Code: "temporarily_unavailable", Description: "Too many requests. Try again later."}
	case core.KindBodyTooLarge:
		x.Status, said = http.StatusRequestEntityTooLarge, &oauth.Error{Code: "invalid_request", Description: "The body is too large."}
	case core.KindMediaType:
		x.Status, said = http.StatusUnsupportedMediaType, &oauth.Error{Code: "invalid_request", Description: "Want application/x-www-form-urlencoded."}
	case core.KindBadField, core.KindMalformed:
	default:
		x.Status, said = http.StatusInternalServerError, &oauth.Error{Code: "server_error", Description: "The system is busy. Try again later."}
	}
	x.Event.Code = said.Code
	x.Out = append(x.Out, `{"error":`...)
	x.Out = facade.AppendString(x.Out, said.Code)
	x.Out = append(x.Out, `,"error_description":`...)
	x.Out = facade.AppendString(x.Out, said.Description)
	x.Out = append(x.Out, '}')
}
