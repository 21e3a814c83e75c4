package oneaccess

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/captcha/altcha"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
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

// Captcha gives puzzles and proofs of work, and takes their passes
// (captcha.Service).
type Captcha interface {
	Admit(ctx context.Context, call captcha.Call, ip netip.Addr) error
	Get(ctx context.Context, app *tenant.App, b captcha.Binding) (captcha.Puzzle, error)
	Check(ctx context.Context, app *tenant.App, r captcha.CheckRequest) (captchaToken string, err error)
	Challenge(ctx context.Context, app *tenant.App, b captcha.Binding) (altcha.Challenge, error)
	Redeem(ctx context.Context, app *tenant.App, r captcha.RedeemRequest) (captcha.Kind, error)
	Required(app *tenant.App, r captcha.Risk) captcha.Kind
}

// Verifier sends and checks codes (verify.Service).
type Verifier interface {
	Start(ctx context.Context, r verify.StartRequest) (verify.Started, error)
	SignIn(ctx context.Context, r verify.SignInRequest) (verify.SignedIn, error)
	SecondStep(ctx context.Context, r verify.SignInRequest, step account.Step) (verify.SignedIn, error)
	Register(ctx context.Context, r verify.SignInRequest, p account.Profile) (verify.SignedIn, error)
	ChangePhone(ctx context.Context, r verify.ChangePhoneRequest) error
}

// Sessions are what logins wrote (account.Sessions).
type Sessions interface {
	Find(ctx context.Context, app *tenant.App, token, fingerprint string) (account.Session, error)
	Nonce(ctx context.Context, of account.Session, nonce string) error
	End(ctx context.Context, of account.Session) error
	Step(ctx context.Context, app *tenant.App, id, fingerprint string) (account.Step, error)
	Person(ctx context.Context, app *tenant.App, user core.UserID) (account.Person, error)
}

// Keys are those of apps (oauth.Keys).
type Keys interface {
	PublicPEM(ctx context.Context, app core.AppID) (string, error)
	OpenSignature(ctx context.Context, app core.AppID, text string) (oauth.Signature, error)
	IDToken(ctx context.Context, app *tenant.App, issuer string, of oauth.Subject, authTime time.Time) (string, error)
}

// StateTokens name logins that wait for their second step (oauth.StateTokens).
type StateTokens interface {
	Issue(clientID, step string) (string, error)
	Open(clientID, token string) (step string, err error)
}

// Subjects name numbers and addresses to limits (keyring.Ring).
type Subjects interface {
	guard.Subjects
	PhoneBase(p core.Phone) uint64
}

// Options are what the façade works with; all are required.
type Options struct {
	Apps     Apps
	Captcha  Captcha
	Verify   Verifier
	Sessions Sessions
	Keys     Keys
	States   StateTokens
	IssuerOf func(app *tenant.App) string // of an app's id tokens
	Limiter  guard.Limiter
	Subjects Subjects
	Rules    guard.Rules // the installation's: for limits that come before the caller is known
	Now      func() time.Time
	Backend  Backend // what the calls of apps' backends need
}

// dialect is the façade with what it works with.
type dialect struct{ Options }

// The endpoints' names, as events show them.
const (
	getCaptcha    = "captcha"
	verifyCaptcha = "captcha-verify"
	getWork       = "captcha-work"
	sendSMS       = "sms-send"
	login         = "login-sms"
	mobileByToken = "mobile-by-token"
	mfa           = "mfa-sms"
	register      = "register-sms"
	publicKey     = "public-key"
	refreshID     = "refresh-id-token"
	logout        = "logout"
	profile       = "profile"
	updateMobile  = "mobile-update"
	serverDate    = "server-date"
	countryCodes  = "country-codes"
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
		d.getOnce(getCaptcha, "/api/v2/sdk/captcha", d.captcha),
		d.post(verifyCaptcha, "/api/v2/sdk/captcha/verify", d.admit(captcha.CallCheck), d.captchaVerify),
		d.post(sendSMS, "/api/v2/sdk/sms/send", nil, d.smsSend),
		d.post(login, "/api/v2/sdk/login/mobile-verify-code", nil, d.login),
		d.get(mobileByToken, "/api/v2/sdk/mobile-by-token", d.mobileByToken),
		d.post(mfa, "/api/v2/sdk/mfa/sms", nil, d.mfaSMS),
		d.post(register, "/api/v2/sdk/register/mobile-verify-code", nil, d.register),
		d.get(publicKey, "/api/v2/sdk/public-key", d.publicKey),
		d.postEmpty(refreshID, "/api/v2/sdk/session-token/refresh-id-token", d.refreshIDToken),
		d.getOnce(logout, "/api/v2/sdk/logout", d.logout),
		d.getOnce(profile, "/api/v2/sdk/profile", d.profile),
		d.post(updateMobile, "/api/v2/sdk/mobile/update", nil, d.mobileUpdate),
		d.get(serverDate, "/api/v2/sdk/server-date", d.serverDate),
		d.get(countryCodes, "/api/v2/sdk/country-codes", d.countryCodes),
		facade.Route{Name: ajGet, Method: http.MethodPost, Path: "/captcha/get", BodyCap: facade.BodyCap, Handle: d.ajGet},
		facade.Route{Name: ajCheck, Method: http.MethodPost, Path: "/captcha/check", BodyCap: facade.BodyCap, Handle: d.ajCheck},
		facade.Route{Name: getWork, Method: http.MethodGet, Path: "/captcha/altcha/challenge", NoHead: true, Handle: d.work},
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

// postEmpty is a call whose body nobody reads.
func (d *dialect) postEmpty(name, path string, then call) facade.Route {
	r := d.get(name, path, then)
	r.Method = http.MethodPost
	return r
}

// preflights are the questions that browsers ask before calls of other origins.
func (d *dialect) preflights(routes []facade.Route) []facade.Route {
	var all []facade.Route
	for _, r := range routes {
		all = append(all, facade.Route{Name: "preflight", Method: http.MethodOptions, Path: r.Path, Unlisted: true, Handle: d.preflight(r.Method)})
	}
	return all
}
