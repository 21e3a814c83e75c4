package camara

import (
	"context"
	"io"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// Verifier sends and checks codes (verify.Service).
type Verifier interface {
	Start(ctx context.Context, r verify.StartRequest) (verify.Started, error)
	Validate(ctx context.Context, r verify.ValidateRequest) (verify.Outcome, error)
	PublicID(app *tenant.App, id core.VerificationID) string
	OpenPublicID(app *tenant.App, text string) (core.VerificationID, bool)
}

// Numbers asks carriers (numberverify.Service).
type Numbers interface {
	Verify(ctx context.Context, r numberverify.VerifyRequest) (numberverify.Verified, error)
	Fetch(ctx context.Context, r numberverify.FetchRequest) (numberverify.Fetched, error)
	Look(ctx context.Context, app *tenant.App, p numberverify.Proof) (numberverify.Seen, error)
}

// Authorizer is the authorization server (oauth.Service).
type Authorizer interface {
	Authorize(ctx context.Context, f oauth.Form, seen oauth.Seen) (oauth.Authorization, error)
	Token(ctx context.Context, f oauth.Form, basic oauth.Basic) (oauth.Issued, error)
	Discovery() ([]byte, error)
	Find(ctx context.Context, bearer string) (*oauth.Token, error)
	Claim(ctx context.Context, t *oauth.Token) error
	GiveBack(ctx context.Context, t *oauth.Token) error
}

// Keys are the keys of id tokens (oauth.Keys).
type Keys interface {
	Public(ctx context.Context, app core.AppID) (jwt.KeySet, error)
}

// Options are what the façade works with; all but Serves, Network and Hints are
// required.
type Options struct {
	OAuth    Authorizer
	Keys     Keys
	Verify   Verifier
	Numbers  Numbers
	Limiter  guard.Limiter
	Subjects guard.Subjects
	Rules    guard.Rules // the installation's: for limits that come before the caller is known
	Now      func() time.Time
	Random   io.Reader // for x-correlator; safe for concurrent use

	// Serves tells whether some route carries messages to a number; nil: all do.
	Serves func(app *tenant.App, to core.Phone) bool

	// Network is the number that a trusted proxy of an operator's puts into a
	// request; zero when there is none. nil: there is no such proxy.
	Network func(r *http.Request) core.Phone

	// Hints takes login_hint=operatortoken:… at the authorization endpoint: the
	// simulated network of dev mode.
	Hints bool
}

// dialect is the façade with what it works with.
type dialect struct{ Options }

// The endpoints' names, as events show them.
const (
	sendCode     = "send-code"
	validateCode = "validate-code"
	verifyNumber = "verify"
	readNumber   = "device-phone-number"
	token        = "token"
	authorize    = "authorize"
	jwks         = "jwks"
	discovery    = "discovery"
)

// New returns the façade.
func New(o Options) *facade.Facade {
	d := &dialect{o}
	const otp, number = "/one-time-password-sms/v1/", "/number-verification/v2/"
	return &facade.Facade{
		Name: string(tenant.DialectCamara),
		Owns: []string{otp, number, "/oauth2/", oauth.PathDiscovery},
		Routes: []facade.Route{
			{Name: sendCode, Method: http.MethodPost, Path: otp + "send-code", BodyCap: facade.BodyCap, Handle: d.api(tenant.ScopeOTP, d.sendCode)},
			{Name: validateCode, Method: http.MethodPost, Path: otp + "validate-code", BodyCap: facade.BodyCap, Handle: d.api(tenant.ScopeOTP, d.validateCode)},
			{Name: verifyNumber, Method: http.MethodPost, Path: number + "verify", BodyCap: facade.BodyCap, Handle: d.api(tenant.ScopeNumberVerify, d.verifyNumber)},
			{Name: readNumber, Method: http.MethodGet, Path: number + "device-phone-number", NoHead: true, // its token serves one call
				Handle: d.api(tenant.ScopeNumberRead, d.readNumber)},
			{Name: authorize, Method: http.MethodGet, Path: oauth.PathAuthorize, NoHead: true, Handle: d.authorize}, // it gives a code
			{Name: jwks, Method: http.MethodGet, Path: oauth.PathJWKS, Handle: d.jwks},
			{Name: discovery, Method: http.MethodGet, Path: oauth.PathDiscovery, Handle: d.discovery},
			{Name: token, Method: http.MethodPost, Path: oauth.PathToken, BodyCap: facade.BodyCap, Handle: d.token},
		},
		Refuse: d.refuse,
	}
}

// contentType is that of every answer (contracts/README.md §3.2).
const contentType = "application/json"

// call is one request with the token that it came with.
type call func(ctx context.Context, x *facade.Exchange, t *oauth.Token) error

// api is what comes before every call of the two APIs (contracts/camara.md §1
// "Order").
func (d *dialect) api(scope string, then call) func(context.Context, *facade.Exchange) error {
	return func(ctx context.Context, x *facade.Exchange) error {
		x.ContentType = contentType
		if err := d.correlate(x); err != nil {
			return err
		}
		t, err := d.bearer(ctx, x)
		if err != nil {
			return err
		}
		if !t.Has(scope) {
			return core.E(core.KindForbidden, "scope")
		}
		return then(ctx, x, t)
	}
}
