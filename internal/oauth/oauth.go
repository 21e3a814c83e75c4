package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Lives of what is issued (contracts/camara.md §2.3, §4).
const (
	codeLife     = 60 * time.Second
	singleLife   = 300 * time.Second  // of a token for number verification
	reusableLife = 1800 * time.Second // of a token for one-time passwords
	assertionMax = 300 * time.Second  // how far ahead an assertion may expire, and how long it may live
	clockSkew    = 30 * time.Second   // of clients' clocks, for iat and nbf
)

// Clients is the configuration cache (tenant.Directory).
type Clients interface {
	AppByClient(clientID string) (*tenant.App, bool)
	AppByClientSecret(clientID, secret string) (*tenant.App, bool)
	App(id core.AppID) (*tenant.App, bool)
}

// Once keeps codes, tokens and assertion ids (records.DurableOnce).
type Once interface {
	Put(ctx context.Context, key, value []byte, ttl time.Duration) error
	Take(ctx context.Context, key []byte) (value []byte, ok bool, err error)
	Peek(ctx context.Context, key []byte) (value []byte, ok bool, err error)
}

// Sealer seals what codes and tokens stand for, and makes subjects
// (keyring.Ring).
type Sealer interface {
	FieldSealer
	// Subject is who somebody is to one client: it never changes.
	Subject(client, who string) [16]byte
}

// Options are what a Service works with; all are required.
type Options struct {
	Clients Clients
	Once    Once
	Sealer  Sealer
	Keys    *Keys
	Proofs  Proofs
	Issuer  func() string // https://id.example.com, without a slash at the end
	Now     func() time.Time
	Random  io.Reader // cryptographic
}

// Service is the authorization server.
type Service struct {
	Options
	known     tokenCache
	strangers *jwt.Strangers
}

// New returns a service.
func New(o Options) *Service { return &Service{Options: o, strangers: jwt.NewStrangers()} }

// Paths of the endpoints below the issuer (contracts/camara.md §4).
const (
	PathDiscovery = "/.well-known/openid-configuration"
	PathAuthorize = "/oauth2/authorize"
	PathToken     = "/oauth2/token"
	PathJWKS      = "/oauth2/jwks"
)

// Error is a refusal in the protocol's own terms (contracts/camara.md §4.3).
type Error struct {
	Code        string // such as invalid_grant
	Description string // English, quotes nothing of the request
}

// Error says the code and the description.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// AsError finds a refusal in err.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// refuse makes a refusal that a dialect finds in the error's chain.
func refuse(code, description string) error {
	kind := core.KindBadField
	switch code {
	case "invalid_client":
		kind = core.KindUnauthenticated
	case "unauthorized_client", "access_denied":
		kind = core.KindForbidden
	case "invalid_grant":
		kind = core.KindWrongCode
	}
	return core.Wrap(kind, &Error{Code: code, Description: description}, "")
}

// errInvalidClient is one for all reasons: who guesses learns nothing.
func errInvalidClient() error {
	return refuse("invalid_client", "Client authentication failed.")
}

// secretLength is 256 bits as base64url: 43 characters.
const secretLength = 32

// newSecret draws a token or a code.
func (s *Service) newSecret() (string, error) {
	var raw [secretLength]byte
	if _, err := io.ReadFull(s.Random, raw[:]); err != nil {
		return "", fmt.Errorf("draw a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// Kinds of what is kept once.
const (
	onceToken     = "oauth token "
	onceRevoked   = "oauth revoked "
	onceCode      = "oauth code "
	onceUsedCode  = "oauth code used "
	onceAssertion = "oauth jti "
	onceProof     = "oauth proof "
)

// key is under which something secret is kept: 256 random bits need no keyed
// hash.
func key(kind, secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return append([]byte(kind), sum[:]...)
}

// putOnce keeps a key whose being there is all that counts; false when it was
// there.
func (s *Service) putOnce(ctx context.Context, key, value []byte, ttl time.Duration) (bool, error) {
	err := s.Once.Put(ctx, key, value, ttl)
	if errors.Is(err, store.ErrUnique) {
		return false, nil
	}
	return err == nil, err
}
