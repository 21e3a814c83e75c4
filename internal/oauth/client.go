package oauth

import (
	"context"
	"net/netip"
	"slices"

	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// assertionType is the only client_assertion_type (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Basic is what an Authorization: Basic header said, and from where the request
// came.
type Basic struct {
	Source   netip.Addr // held to the app's list
	Tried    bool
	ClientID string // decoded
	Secret   string
}

// assertionTypes are the values of typ in a client's assertion.
var assertionTypes = []string{"", "jwt", "client-authentication+jwt"}

// authenticate finds the client of a token request. Every failure is
// invalid_client (contracts/camara.md §4.1).
func (s *Service) authenticate(ctx context.Context, f Form, basic Basic) (app *tenant.App, bySecret bool, err error) {
	assertion := f.Get("client_assertion")
	switch {
	case basic.Tried && (assertion != "" || f.Get("client_assertion_type") != ""):
		return nil, false, refuse("invalid_request", "There are two client authentications.")
	case basic.Tried:
		app, ok := s.Clients.AppByClientSecret(basic.ClientID, basic.Secret)
		if !ok || !app.Camara.SecretAuth || app.Camara.StrictProfile || !sameClient(f, app) || !app.Allows(basic.Source) {
			return nil, true, errInvalidClient()
		}
		return app, true, nil
	case assertion == "" || f.Get("client_assertion_type") != assertionType:
		return nil, false, errInvalidClient()
	}
	app, err = s.byAssertion(ctx, assertion, basic.Source)
	if err == nil && !sameClient(f, app) {
		err = errInvalidClient()
	}
	return app, false, err
}

// sameClient tells whether a client_id beside the authentication, if there is
// one, is the authenticated client's.
func sameClient(f Form, app *tenant.App) bool {
	id := f.Get("client_id")
	return id == "" || id == app.Camara.ClientID
}

// byAssertion is private_key_jwt.
func (s *Service) byAssertion(ctx context.Context, assertion string, source netip.Addr) (*tenant.App, error) {
	app, claims, ok := s.signedBy(assertion, jwt.Rules{Types: assertionTypes}, true)
	if !ok || !app.Allows(source) {
		return nil, errInvalidClient()
	}
	fresh, err := s.useID(ctx, app, claims)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return nil, errInvalidClient()
	}
	return app, nil
}

// signedBy verifies what a client signed for the token endpoint: its own keys,
// and the limits of contracts/camara.md §4.1.
func (s *Service) signedBy(token string, rules jwt.Rules, ownSubject bool) (*tenant.App, jwt.Claims, bool) {
	issuer := jwt.PeekIssuer(token)
	app, known := s.Clients.AppByClient(issuer)
	keys := s.strangers.For(token) // nobody's: whoever is unknown makes the same work
	if known {
		keys = app.Camara.Keys
	}
	rules.Algorithms, rules.Issuer = jwt.ClientAlgorithms(), issuer
	if ownSubject {
		rules.Subject = issuer
	}
	if rules.Audiences == nil {
		rules.Audiences = []string{s.Issuer() + PathToken, s.Issuer()}
	}
	rules.MostAhead, rules.MostLife, rules.WantID, rules.Skew = assertionMax, assertionMax, true, clockSkew
	claims, err := jwt.Verify(token, keys, rules, s.Now())
	return app, claims, known && err == nil
}

// useID takes the jti of a verified assertion, once for a client.
func (s *Service) useID(ctx context.Context, app *tenant.App, c jwt.Claims) (bool, error) {
	return s.putOnce(ctx, key(onceAssertion, app.Camara.ClientID+" "+c.ID), nil, c.Expires.Sub(s.Now())+clockSkew)
}

// onlyOTP tells whether scopes are those that client_secret_basic may ask for.
func onlyOTP(scopes []string) bool {
	return !slices.ContainsFunc(scopes, isNumberScope)
}
