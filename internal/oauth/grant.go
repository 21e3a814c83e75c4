package oauth

import (
	"context"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// Grant types (contracts/camara.md §4.2).
const (
	GrantClientCredentials = "client_credentials"
	GrantCode              = "authorization_code"
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// Issued is an access token on its way to its client.
type Issued struct {
	App         core.AppID
	AccessToken core.Secret
	Life        time.Duration
	Scopes      []string
	IDToken     string // "" without openid
}

// Token runs a token request. Refusals have an *Error in their chain.
func (s *Service) Token(ctx context.Context, f Form, basic Basic) (Issued, error) {
	switch f.Get("grant_type") {
	case "":
		return Issued{}, refuse("invalid_request", "grant_type is missing.")
	case GrantJWTBearer:
		return s.jwtBearer(ctx, f, basic)
	case GrantClientCredentials, GrantCode:
	default:
		// Whoever asks is told only after the client is known.
		if _, _, err := s.authenticate(ctx, f, basic); err != nil {
			return Issued{}, err
		}
		return Issued{}, refuse("unsupported_grant_type", "The grant type is not supported.")
	}
	app, bySecret, err := s.authenticate(ctx, f, basic)
	if err != nil {
		return Issued{}, err
	}
	if f.Get("grant_type") == GrantCode {
		if bySecret { // contracts/camara.md §4.1: off for number verification
			return Issued{}, errInvalidClient()
		}
		return s.exchange(ctx, app, f)
	}
	return s.clientCredentials(ctx, app, bySecret, f)
}

// clientCredentials is a client's token of its own.
func (s *Service) clientCredentials(ctx context.Context, app *tenant.App, bySecret bool, f Form) (Issued, error) {
	if !f.Has("scope") {
		return Issued{}, refuse("invalid_scope", "scope is required.")
	}
	scopes, err := parseScope(f.Get("scope"), app.Camara, false)
	if err != nil {
		return Issued{}, err
	}
	switch {
	case slices.Contains(scopes, tenant.ScopeOpenID):
		return Issued{}, refuse("invalid_scope", "openid needs a user.")
	case bySecret && !onlyOTP(scopes):
		return Issued{}, errInvalidClient()
	}
	return s.grant(ctx, app, scopes, subject{method: MethodNone})
}

// grant issues a token.
func (s *Service) grant(ctx context.Context, app *tenant.App, scopes []string, of subject) (Issued, error) {
	secret, err := s.newSecret()
	if err != nil {
		return Issued{}, err
	}
	life, err := s.issue(ctx, app, scopes, of, secret)
	if err != nil {
		return Issued{}, err
	}
	return Issued{App: app.ID, AccessToken: core.NewSecret(secret), Life: life, Scopes: scopes}, nil
}

// proofPrefix is how a subject names an operator token.
const proofPrefix = "operatortoken:"

// bearerTypes are the values of typ in the assertion of a JWT-bearer grant.
var bearerTypes = []string{"", "jwt", "authorization-grant+jwt"}

// jwtBearer is an operator token for an access token in one step: the assertion
// is the client's authentication, too.
func (s *Service) jwtBearer(ctx context.Context, f Form, basic Basic) (Issued, error) {
	switch {
	case f.Has("scope"):
		return Issued{}, refuse("invalid_request", "The scope belongs into the assertion.")
	case basic.Tried:
		return Issued{}, errInvalidClient()
	case !f.Has("assertion"):
		return Issued{}, refuse("invalid_request", "assertion is missing.")
	}
	app, claims, ok := s.signedBy(f.Get("assertion"), jwt.Rules{Types: bearerTypes, WantIssued: true}, false)
	if !ok || !sameClient(f, app) || !app.Allows(basic.Source) {
		return Issued{}, errInvalidClient()
	}
	scope, _ := claims.Text("scope")
	scopes, err := parseScope(scope, app.Camara, true)
	if err != nil {
		return Issued{}, err
	}
	fresh, err := s.useID(ctx, app, claims)
	switch {
	case err != nil:
		return Issued{}, err
	case !fresh:
		return Issued{}, errInvalidClient()
	}
	proof, ok := strings.CutPrefix(claims.Subject, proofPrefix)
	if !ok {
		return Issued{}, refuse("invalid_grant", "sub is not operatortoken:….")
	}
	of, err := s.proven(ctx, app, proof)
	if err != nil {
		return Issued{}, err
	}
	return s.grant(ctx, app, slices.DeleteFunc(scopes, func(scope string) bool { return scope == tenant.ScopeOpenID }), of)
}
