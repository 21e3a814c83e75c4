package oauth

import (
	"context"
	"net/url"

	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// requestTypes are the values of typ of a request object (RFC 9101 §10.8).
var requestTypes = []string{"", "jwt", "oauth-authz-req+jwt"}

// requestParameters are what a request object can say.
var requestParameters = []string{"response_type", "response_mode", "redirect_uri", "scope", "state", "nonce", "code_challenge",
	"code_challenge_method", "login_hint", "prompt"}

// requestObject gives the parameters of a signed request object: those and no
// others (RFC 9101 §6.3). Without one it gives f itself, and so it does with an
// error: invalid_request_object, or request_uri_not_supported.
func (s *Service) requestObject(ctx context.Context, app *tenant.App, f Form) (Form, error) {
	switch {
	case f.Has("request_uri"):
		return f, refuse("request_uri_not_supported", "request_uri is not supported.")
	case !f.Has("request"):
		return f, nil
	}
	signer, claims, ok := s.signedBy(f.Get("request"), jwt.Rules{Types: requestTypes, Audiences: []string{s.Issuer()}, WantIssued: true}, false)
	if !ok || signer.ID != app.ID || claims.Has("request") || claims.Has("request_uri") {
		return f, errRequestObject()
	}
	if id, ok := claims.Text("client_id"); claims.Has("client_id") && (!ok || id != app.Camara.ClientID) {
		return f, errRequestObject()
	}
	values := url.Values{"client_id": {app.Camara.ClientID}}
	for _, name := range requestParameters {
		text, ok := claims.Text(name)
		if claims.Has(name) && (!ok || !isText(text)) {
			return f, errRequestObject()
		}
		if text != "" {
			values.Set(name, text)
		}
	}
	fresh, err := s.useID(ctx, app, claims)
	if err == nil && !fresh {
		err = errRequestObject()
	}
	if err != nil {
		return f, err
	}
	return Form{values: values}, nil
}

func errRequestObject() error {
	return refuse("invalid_request_object", "The request object is not signed by the client, expired, or used.")
}
