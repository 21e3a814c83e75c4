package operatorapi

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/oauth/jwt"
)

// assertionLife is how long an assertion may be used: operators take 300 s at
// most (contracts/camara.md §4.1).
const assertionLife = 60 * time.Second

// Config is an operator and us as its client.
type Config struct {
	URL      string      // base of its APIs, such as https://api.operator.example
	TokenURL string      // its token endpoint
	Audience string      // aud of assertions [TokenURL]
	ClientID string      // ours
	Key      core.Secret // ours, PEM (PKCS #8): RSA, P-256 or Ed25519
	KeyID    string      // kid [the key's thumbprint]
	Purpose  string      // a dpv: scope that goes with every token [none]
}

// Validate finds the first mistake; its error begins with the key at fault, as
// the configuration file writes it.
func (c Config) Validate() error {
	for key, address := range map[string]string{"url": c.URL, "token_url": c.TokenURL} {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
			return fmt.Errorf("%s: not an http or https URL with a host and perhaps a path", key)
		}
	}
	switch {
	case c.ClientID == "":
		return errors.New("client_id: must be set for this type")
	case c.Purpose != "" && !strings.HasPrefix(c.Purpose, "dpv:"):
		return errors.New("purpose: is of the form dpv:Name")
	}
	_, err := c.signer()
	return err
}

func (c Config) signer() (*jwt.Signer, error) {
	block, _ := pem.Decode([]byte(c.Key.Reveal()))
	if block == nil {
		return nil, errors.New("key: must be a private key as PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("key: not a private key of PKCS #8")
	}
	signing, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("key: does not sign")
	}
	signer, err := jwt.NewSigner(c.KeyID, signing)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return signer, nil
}

// Deps are what a client needs from its surroundings.
type Deps struct {
	Now    func() time.Time
	Random io.Reader // cryptographic, safe for concurrent use
	// Dial opens connections; nil means plain TCP. TLS is put on top of it.
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool // vouch for the server; nil means the system's
}

// Client calls one operator.
type Client struct {
	cfg    Config
	deps   Deps
	signer *jwt.Signer
	client *httpcall.Client
}

// New returns a client. Errors as Config.Validate.
func New(cfg Config, deps Deps) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	signer, err := cfg.signer()
	if err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	if cfg.Audience == "" {
		cfg.Audience = cfg.TokenURL
	}
	return &Client{cfg: cfg, deps: deps, signer: signer,
		client: httpcall.New(httpcall.Options{Dial: deps.Dial, Roots: deps.Roots, ConnectTimeout: numberverify.ConnectTimeout})}, nil
}

// Close lets go of connections.
func (c *Client) Close() { c.client.Close() }

// Answer is a JSON answer of any status.
type Answer struct {
	Status int
	Code   string // of an error's body: code, or error of the token endpoint
	Body   []byte
}

// Token is an access token.
type Token struct {
	Text core.Secret
	Life time.Duration
}

// Bearer gets a token of one use for an operator token: the JWT-bearer grant
// (contracts/camara.md §4.2). Refused is the answer where there is none.
func (c *Client) Bearer(ctx context.Context, proof core.Secret, scope string) (token Token, refused Answer, err error) {
	assertion, err := c.assertion("operatortoken:"+proof.Reveal(), c.scopes(scope))
	if err != nil {
		return Token{}, Answer{}, err
	}
	return c.token(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
}

// Credentials gets a two-legged token (contracts/camara.md §4.2).
func (c *Client) Credentials(ctx context.Context, scope string) (token Token, refused Answer, err error) {
	assertion, err := c.assertion(c.cfg.ClientID, "")
	if err != nil {
		return Token{}, Answer{}, err
	}
	return c.token(ctx, url.Values{"grant_type": {"client_credentials"}, "scope": {c.scopes(scope)}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
}

func (c *Client) scopes(scope string) string { return strings.TrimSpace(c.cfg.Purpose + " " + scope) }

// claims are contracts/camara.md §4.1 and "JWT bearer".
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Scope    string `json:"scope,omitempty"`
}

func (c *Client) assertion(subject, scope string) (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(c.deps.Random, id[:]); err != nil {
		return "", fmt.Errorf("operatorapi: no random bytes: %w", err)
	}
	now := c.deps.Now()
	return c.signer.Sign("JWT", claims{Issuer: c.cfg.ClientID, Subject: subject, Audience: c.cfg.Audience, ID: hex.EncodeToString(id[:]),
		IssuedAt: now.Unix(), Expires: now.Add(assertionLife).Unix(), Scope: scope})
}

func (c *Client) token(ctx context.Context, form url.Values) (Token, Answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, Answer{}, errors.New("operatorapi: the token endpoint can not be called")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := c.call(ctx, r)
	if err != nil || a.Status != http.StatusOK {
		return Token{}, a, err
	}
	var body struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if json.Unmarshal(a.Body, &body) != nil || body.AccessToken == "" || !strings.EqualFold(body.TokenType, "Bearer") {
		return Token{}, a, numberverify.ErrUnreadable()
	}
	return Token{Text: core.NewSecret(body.AccessToken), Life: time.Duration(min(max(body.ExpiresIn, 0), 86400)) * time.Second}, a, nil
}

// Do makes one call of an API below URL; body nil is a GET. The error is an
// *numberverify.Error: a time-out, or an answer that is no JSON.
func (c *Client) Do(ctx context.Context, path string, token core.Secret, body any) (Answer, error) {
	method, payload := http.MethodGet, io.Reader(http.NoBody)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		method, payload = http.MethodPost, strings.NewReader(string(text))
	}
	r, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+path, payload)
	if err != nil {
		return Answer{}, errors.New("operatorapi: the URL can not be called")
	}
	if body == nil {
		r.Body = nil
	} else {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	return c.call(ctx, r)
}

func (c *Client) call(ctx context.Context, r *http.Request) (Answer, error) {
	a, err := numberverify.Call(ctx, c.client, r)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Status: a.Status, Body: a.Body}
	var failure struct {
		Code  string `json:"code"`
		Error string `json:"error"`
	}
	if json.Unmarshal(a.Body, &failure) != nil && a.Status < 300 && string(a.Body) != "null" {
		return answer, numberverify.ErrUnreadable()
	}
	answer.Code = failure.Code
	if answer.Code == "" {
		answer.Code = failure.Error
	}
	return answer, nil
}
