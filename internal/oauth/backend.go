package oauth

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// BackendClients is the configuration cache (tenant.Directory).
type BackendClients interface {
	OneAccessClient(clientID, secret string) (*tenant.App, bool)
	App(id core.AppID) (*tenant.App, bool)
}

// BackendTokens are the access tokens with which an app's backend calls the
// oneaccess dialect (contracts/oneaccess.md §8.1).
type BackendTokens struct {
	clients BackendClients
	once    Once
	now     func() time.Time
	random  io.Reader
}

// NewBackendTokens returns the tokens. random is cryptographic.
func NewBackendTokens(clients BackendClients, once Once, now func() time.Time, random io.Reader) *BackendTokens {
	return &BackendTokens{clients: clients, once: once, now: now, random: random}
}

const onceBackend = "oauth backend token "

// Issue runs a token request: a new token with its full life at every call.
// Refusals have an *Error in their chain: invalid_request for what is missing or
// stands there twice, unsupported_grant_type, and one invalid_client for
// everything that is wrong with the client.
func (t *BackendTokens) Issue(ctx context.Context, f Form, basic Basic) (Issued, error) {
	app, err := t.client(f, basic)
	if err != nil {
		return Issued{}, err
	}
	var raw [16]byte
	if _, err := io.ReadFull(t.random, raw[:]); err != nil {
		return Issued{}, fmt.Errorf("draw a token: %w", err)
	}
	token, life := hex.EncodeToString(raw[:]), app.OneAccess.TokenLife()
	value := binary.BigEndian.AppendUint64(nil, uint64(app.ID))
	if err := t.once.Put(ctx, key(onceBackend, token), value, life); err != nil {
		return Issued{}, err
	}
	return Issued{App: app.ID, AccessToken: core.NewSecret(token), Life: life, Scopes: []string{"all"}}, nil
}

// client authenticates by members or by Basic, not by both.
func (t *BackendTokens) client(f Form, basic Basic) (*tenant.App, error) {
	switch f.Get("grant_type") {
	case "":
		return nil, refuse("invalid_request", "grant_type is missing.")
	case GrantClientCredentials:
	default:
		return nil, refuse("unsupported_grant_type", "The grant type is not supported.")
	}
	id, secret := f.Get("client_id"), f.Get("client_secret")
	switch {
	case basic.Tried && secret != "":
		return nil, refuse("invalid_request", "There are two client authentications.")
	case basic.Tried && id != "" && id != basic.ClientID:
		return nil, errBadCredentials()
	case basic.Tried:
		id, secret = basic.ClientID, basic.Secret
	case id == "":
		return nil, refuse("invalid_request", "client_id is missing.")
	case secret == "":
		return nil, refuse("invalid_request", "client_secret is missing.")
	}
	app, ok := t.clients.OneAccessClient(id, secret)
	if !ok {
		return nil, errBadCredentials()
	}
	return app, nil
}

// errBadCredentials is one for all reasons: who guesses learns nothing.
func errBadCredentials() error { return refuse("invalid_client", "Bad client credentials") }

// Find is the app, an ISV template too, of a bearer token. KindUnauthenticated
// for one that is unknown or expired, and when its client is gone or closed.
func (t *BackendTokens) Find(ctx context.Context, bearer string) (*tenant.App, error) {
	value, ok, err := t.once.Peek(ctx, key(onceBackend, bearer))
	if err != nil {
		return nil, err
	}
	if !ok || len(value) != 8 {
		return nil, core.Field(core.KindUnauthenticated, "access_token")
	}
	app, ok := t.clients.App(core.AppID(binary.BigEndian.Uint64(value)))
	if !ok || app.OneAccess == nil || app.OneAccess.TemplateOf != 0 {
		return nil, core.Field(core.KindUnauthenticated, "access_token")
	}
	return app, nil
}
