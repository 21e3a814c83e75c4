package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// Seen is what the network told about the device of an authorization request.
type Seen struct {
	Phone core.Phone // out of a trusted proxy's enrichment header; zero: it told nothing
	Hints bool       // login_hint=operatortoken:… may stand for the network: dev mode
}

// Authorization is the answer of the authorization endpoint: a redirect, or,
// for a client or redirect URI that is not known, a page.
type Authorization struct {
	App      core.AppID
	Location string // "" is a page of 400
	Refused  string // the error's code, for events; "" for a success
}

// codeField is the name under which what a code stands for is sealed.
const codeField = "oauth.code"

// codeRow is what an authorization code stands for.
type codeRow struct {
	App       core.AppID `json:"app"`
	Client    string     `json:"client"`
	Redirect  string     `json:"redirect"`
	Challenge string     `json:"challenge"`
	Scopes    []string   `json:"scopes"`
	Nonce     string     `json:"nonce,omitempty"`
	Method    string     `json:"amr"`
	Phone     string     `json:"phone,omitempty"`
	Proof     string     `json:"proof"`
}

// bounds of what a client may send along.
const (
	longestState     = 2048
	challengeLength  = 43 // base64url of a SHA-256
	shortestVerifier = 43 // RFC 7636 §4.1
	longestVerifier  = 128
)

// Authorize runs an authorization request. There is never a page for a person:
// prompt=none is implied (contracts/camara.md §4.2).
func (s *Service) Authorize(ctx context.Context, f Form, seen Seen) (Authorization, error) {
	app, ok := s.Clients.AppByClient(f.Get("client_id"))
	if !ok {
		return Authorization{Refused: "invalid_client"}, nil
	}
	a := Authorization{App: app.ID}
	f, err := s.requestObject(ctx, app, f)
	redirect := f.Get("redirect_uri")
	if !slices.Contains(app.Camara.RedirectURIs, redirect) {
		a.Refused = "invalid_request"
		return a, nil
	}
	state := f.Get("state")
	if len(state) > longestState {
		state = ""
	}
	var code string
	if err == nil {
		code, err = s.authorize(ctx, app, f, seen)
	}
	answer := url.Values{}
	if err == nil {
		answer.Set("code", code)
	} else {
		refused := protocolError(err)
		answer.Set("error", refused.Code)
		answer.Set("error_description", refused.Description)
		a.Refused = refused.Code
	}
	if state != "" {
		answer.Set("state", state)
	}
	answer.Set("iss", s.Issuer()) // RFC 9207: which server answered
	a.Location, err = withQuery(redirect, answer)
	return a, err
}

// protocolError is an error as the redirect tells it.
func protocolError(err error) *Error {
	if refused, ok := AsError(err); ok {
		return refused
	}
	if core.KindOf(err) == core.KindOverloaded {
		return &Error{Code: "temporarily_unavailable", Description: "Try again later."}
	}
	return &Error{Code: "server_error", Description: "Unexpected system error."}
}

func withQuery(uri string, add url.Values) (string, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return "", core.Wrap(core.KindInternal, err, "a registered redirect URI")
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += add.Encode()
	return u.String(), nil
}

// authorize checks the parameters and gives a code.
func (s *Service) authorize(ctx context.Context, app *tenant.App, f Form, seen Seen) (string, error) {
	challenge := f.Get("code_challenge")
	switch {
	case f.Get("response_type") == "":
		return "", refuse("invalid_request", "response_type is missing.")
	case f.Get("response_type") != "code":
		return "", refuse("unsupported_response_type", "The only response type is code.")
	case f.Has("response_mode") && f.Get("response_mode") != "query":
		return "", refuse("invalid_request", "The only response mode is query.")
	case len(challenge) != challengeLength || strings.ContainsFunc(challenge, notURLSafe) || f.Get("code_challenge_method") != "S256":
		return "", refuse("invalid_request", "PKCE with S256 is required.")
	case len(f.Get("state")) > longestState || len(f.Get("nonce")) > longestState:
		return "", refuse("invalid_request", "state or nonce is too long.")
	}
	scopes, err := parseScope(f.Get("scope"), app.Camara, true)
	if err != nil {
		return "", err
	}
	of, err := s.onNetwork(ctx, app, f, seen)
	if err != nil {
		return "", err
	}
	row := codeRow{App: app.ID, Client: app.Camara.ClientID, Redirect: f.Get("redirect_uri"), Challenge: challenge, Scopes: scopes,
		Nonce: f.Get("nonce"), Method: of.method, Proof: of.proof}
	if !of.phone.IsZero() {
		row.Phone = of.phone.E164()
	}
	return s.keepCode(ctx, row)
}

// onNetwork is who the network says is there; access_denied when it says
// nothing (contracts/camara.md §4.2).
func (s *Service) onNetwork(ctx context.Context, app *tenant.App, f Form, seen Seen) (subject, error) {
	if !seen.Phone.IsZero() {
		name, err := s.newSecret() // of this one authentication: it is billed once
		return subject{method: MethodNetwork, phone: seen.Phone, proof: name}, err
	}
	proof, ok := strings.CutPrefix(f.Get("login_hint"), proofPrefix)
	if !ok || !seen.Hints {
		return subject{}, refuse("access_denied", "The device is not on its mobile network.")
	}
	of, err := s.proven(ctx, app, proof)
	if refused, ok := AsError(err); ok && refused.Code == "invalid_grant" {
		return subject{}, refuse("access_denied", "The device is not on its mobile network.")
	}
	of.method = MethodNetwork // the token stands for the network here
	return of, err
}

func (s *Service) keepCode(ctx context.Context, row codeRow) (string, error) {
	code, err := s.newSecret()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(row)
	if err != nil {
		return "", err
	}
	value, err := s.Sealer.Seal(codeField, plain)
	if err != nil {
		return "", err
	}
	return code, s.Once.Put(ctx, key(onceCode, code), value, codeLife)
}

// errCode is one for all reasons why a code is not taken.
func errCode() error {
	return refuse("invalid_grant", "The code is unknown, expired, used, or another request's.")
}

// exchange gives a token for a code. A code that comes again revokes what it
// was exchanged for (RFC 6749 §4.1.2).
func (s *Service) exchange(ctx context.Context, app *tenant.App, f Form) (Issued, error) {
	code := f.Get("code")
	if code == "" || !f.Has("redirect_uri") || !f.Has("code_verifier") {
		return Issued{}, refuse("invalid_request", "code, redirect_uri or code_verifier is missing.")
	}
	if used, err := s.revokeReused(ctx, app, code); used || err != nil {
		return Issued{}, orElse(err, errCode())
	}
	row, err := s.openCode(ctx, code)
	if err != nil {
		return Issued{}, err
	}
	if row.App != app.ID || row.Client != app.Camara.ClientID || row.Redirect != f.Get("redirect_uri") || !answersChallenge(f.Get("code_verifier"), row.Challenge) {
		return Issued{}, errCode()
	}
	secret, err := s.newSecret()
	if err != nil {
		return Issued{}, err
	}
	of := subject{method: row.Method, proof: row.Proof}
	if row.Phone != "" {
		of.phone = core.PhoneFromE164(row.Phone)
	}
	// The token comes first: whoever finds the mark finds it, to revoke it.
	life, err := s.issue(ctx, app, row.Scopes, of, secret)
	if err != nil {
		return Issued{}, err
	}
	// From here on the code is used, and this is what it was used for.
	first, err := s.putOnce(ctx, key(onceUsedCode, app.Camara.ClientID+" "+code), key(onceToken, secret), codeLife+singleLife)
	if err != nil {
		return Issued{}, err
	}
	if !first { // nobody was told this token; the one that somebody was told goes, too
		_, _, unused := s.Once.Take(ctx, key(onceToken, secret))
		_, err := s.revokeReused(ctx, app, code)
		return Issued{}, orElse(errors.Join(err, unused), errCode())
	}
	return s.granted(ctx, app, row, of, Issued{App: app.ID, AccessToken: core.NewSecret(secret), Life: life, Scopes: row.Scopes})
}

func (s *Service) openCode(ctx context.Context, code string) (codeRow, error) {
	var row codeRow
	value, ok, err := s.Once.Peek(ctx, key(onceCode, code))
	if err != nil {
		return row, err
	}
	if !ok {
		return row, errCode()
	}
	plain, err := s.Sealer.Open(codeField, value)
	if err != nil {
		return row, core.Wrap(core.KindInternal, err, "an authorization code's row")
	}
	return row, json.Unmarshal(plain, &row)
}

// revokeReused ends the token of a code of the client's that was used before.
func (s *Service) revokeReused(ctx context.Context, app *tenant.App, code string) (used bool, err error) {
	token, used, err := s.Once.Peek(ctx, key(onceUsedCode, app.Camara.ClientID+" "+code))
	if err == nil && used {
		err = s.revoke(ctx, token)
	}
	return used, err
}

// revoke ends a token by its key. The mark comes first: a call that claimed the
// token meanwhile gives it back before it looks for the mark.
func (s *Service) revoke(ctx context.Context, token []byte) error {
	if _, err := s.putOnce(ctx, revokedKey(token), nil, singleLife); err != nil {
		return err
	}
	_, _, err := s.Once.Take(ctx, token)
	return err
}

func revokedKey(token []byte) []byte { return key(onceRevoked, string(token)) }

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// granted adds the id token to a code's token, if openid was asked for.
func (s *Service) granted(ctx context.Context, app *tenant.App, row codeRow, of subject, issued Issued) (Issued, error) {
	if !slices.Contains(row.Scopes, tenant.ScopeOpenID) {
		return issued, nil
	}
	claims := map[string]any{"amr": []string{row.Method}, "at_hash": jwt.HalfHash(issued.AccessToken.Reveal())}
	if row.Nonce != "" {
		claims["nonce"] = row.Nonce
	}
	var err error
	issued.IDToken, err = s.Keys.Issue(ctx, InstallationKeys, s.Issuer(), s.pairwise(app, of), app.Camara.ClientID, issued.Life, claims)
	return issued, err
}

// pairwise is a subject's id as one client sees it: the same for the same
// number, another one for another client, and nothing that a number can be
// found out from (contracts/camara.md §4.2). A proof whose number nobody has
// asked for yet stands for itself.
func (s *Service) pairwise(app *tenant.App, of subject) string {
	who := "proof " + of.proof
	if !of.phone.IsZero() {
		who = "number " + of.phone.E164()
	}
	sum := s.Sealer.Subject(app.Camara.ClientID, who)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// answersChallenge is PKCE with S256 (RFC 7636 §4.6).
func answersChallenge(verifier, challenge string) bool {
	if len(verifier) < shortestVerifier || len(verifier) > longestVerifier {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return hmac.Equal([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge))
}

func notURLSafe(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
