package client

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"yanma.dev/yanma/client/number"
	"yanma.dev/yanma/client/otp"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
)

// Scopes that a client asks for.
const (
	ScopeOTP          = "one-time-password-sms:send-validate"
	ScopeVerifyNumber = "number-verification:verify"
	ScopeReadNumber   = "number-verification:device-phone-number:read"
)

// DefaultPurpose is the purpose that calls name when Options say none.
const DefaultPurpose = "dpv:FraudPreventionAndDetection"

// Options are what a Client is made of. BaseURL and ClientID are required, and
// one of ClientSecret and PrivateKey; number verification needs PrivateKey.
type Options struct {
	BaseURL      string // the server, which is also the issuer: https://id.example.com
	ClientID     string
	ClientSecret string
	PrivateKey   []byte // PEM, PKCS #8: RSA, P-256 or Ed25519
	KeyID        string // its kid in the registered key set
	Purpose      string // of the data; default DefaultPurpose

	HTTP   *http.Client     // default: http.DefaultClient
	Now    func() time.Time // default: the machine's clock
	Random io.Reader        // cryptographic; default: the machine's
}

// Client calls the open API. It is safe for concurrent use.
type Client struct {
	o      Options
	signer *jwt.Signer // nil without a private key

	mu      sync.Mutex
	token   string // for one-time passwords
	expires time.Time
}

// New checks the options; nothing is called yet.
func New(o Options) (*Client, error) {
	o.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	o.defaults()
	c := &Client{o: o}
	if o.BaseURL == "" || o.ClientID == "" || o.ClientSecret == "" && len(o.PrivateKey) == 0 {
		return nil, errors.New("want a base URL, a client id, and a secret or a private key")
	}
	if len(o.PrivateKey) == 0 {
		return c, nil
	}
	block, _ := pem.Decode(o.PrivateKey)
	if block == nil {
		return nil, errors.New("the private key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key does not sign")
	}
	c.signer, err = jwt.NewSigner(o.KeyID, signer)
	return c, err
}

// OTP sends and validates codes. A token is got with the first call, and when it
// has expired.
func (c *Client) OTP() (*otp.ClientWithResponses, error) {
	return otp.NewClientWithResponses(c.o.BaseURL+"/one-time-password-sms/v1", otp.WithHTTPClient(c.o.HTTP),
		otp.WithRequestEditorFn(func(ctx context.Context, r *http.Request) error {
			token, err := c.otpToken(ctx)
			r.Header.Set("Authorization", "Bearer "+token)
			return err
		}))
}

// Number verifies numbers with a token of TokenOf or Exchange, which serves one
// call.
func (c *Client) Number(token string) (*number.ClientWithResponses, error) {
	return number.NewClientWithResponses(c.o.BaseURL+"/number-verification/v2", number.WithHTTPClient(c.o.HTTP),
		number.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+token)
			return nil
		}))
}

// TokenOf exchanges the proof that a phone got from its carrier for an access
// token with one scope.
func (c *Client) TokenOf(ctx context.Context, proof, scope string) (string, error) {
	assertion, err := c.sign(map[string]any{"sub": "operatortoken:" + proof, "scope": c.o.Purpose + " " + scope})
	if err != nil {
		return "", err
	}
	got, err := c.ask(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
	return got.AccessToken, err
}

// Exchange gives the access token of an authorization code.
func (c *Client) Exchange(ctx context.Context, code, redirectURI, verifier string) (string, error) {
	form, err := c.authenticated(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}})
	if err != nil {
		return "", err
	}
	got, err := c.ask(ctx, form)
	return got.AccessToken, err
}

// otpToken is a token that lives for some time yet.
func (c *Client) otpToken(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.o.Now().Before(c.expires) {
		return c.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {c.o.Purpose + " " + ScopeOTP}}
	if c.signer != nil {
		var err error
		if form, err = c.authenticated(form); err != nil {
			return "", err
		}
	}
	got, err := c.ask(ctx, form)
	if err != nil {
		return "", err
	}
	c.token, c.expires = got.AccessToken, c.o.Now().Add(time.Duration(got.ExpiresIn)*time.Second-time.Minute)
	return c.token, nil
}

// authenticated adds a client assertion.
func (c *Client) authenticated(form url.Values) (url.Values, error) {
	assertion, err := c.sign(map[string]any{"sub": c.o.ClientID})
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	return form, err
}

// sign signs claims for the token endpoint, for a minute.
func (c *Client) sign(claims map[string]any) (string, error) {
	if c.signer == nil {
		return "", errors.New("this needs the client's private key")
	}
	id, err := core.NewUUID(c.o.Random)
	if err != nil {
		return "", err
	}
	now := c.o.Now().Unix()
	claims["iss"], claims["aud"], claims["jti"], claims["iat"], claims["exp"] = c.o.ClientID, c.o.BaseURL+"/oauth2/token", id, now, now+60
	return c.signer.Sign("JWT", claims)
}

// Error is a refusal of the token endpoint.
type Error struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error says the code and the description.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Description) }

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
}

// longestAnswer is more than any token needs, in bytes.
const longestAnswer = 64 << 10

// ask is a token request.
func (c *Client) ask(ctx context.Context, form url.Values) (tokenAnswer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.BaseURL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return tokenAnswer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.signer == nil {
		r.SetBasicAuth(url.QueryEscape(c.o.ClientID), url.QueryEscape(c.o.ClientSecret))
	}
	answer, err := c.o.HTTP.Do(r)
	if err != nil {
		return tokenAnswer{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, longestAnswer))
	if err != nil {
		return tokenAnswer{}, err
	}
	if answer.StatusCode != http.StatusOK {
		refused := &Error{Status: answer.StatusCode}
		if json.Unmarshal(body, refused) != nil || refused.Code == "" {
			refused.Code = answer.Status
		}
		return tokenAnswer{}, refused
	}
	var got tokenAnswer
	if err := json.Unmarshal(body, &got); err != nil || got.AccessToken == "" {
		return tokenAnswer{}, errors.New("the token endpoint answered something else than a token")
	}
	return got, nil
}
