package tenant

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Scopes of the camara dialect (contracts/camara.md §2, §3, §4.4).
const (
	ScopeOpenID       = "openid"
	ScopeNumberVerify = "number-verification:verify"
	ScopeNumberRead   = "number-verification:device-phone-number:read"
	ScopeOTP          = "one-time-password-sms:send-validate"
)

// CamaraScopes are the scopes that a client can be granted.
func CamaraScopes() []string {
	return []string{ScopeOpenID, ScopeNumberVerify, ScopeNumberRead, ScopeOTP}
}

// CamaraClient is an app's OAuth client as it is stored and shown: no secret.
type CamaraClient struct {
	ClientID       string          `json:"client_id"`
	Scopes         []string        `json:"scopes"`
	RedirectURIs   []string        `json:"redirect_uris"`
	JWKS           json.RawMessage `json:"jwks,omitempty"` // public keys of private_key_jwt
	SecretAuth     bool            `json:"secret_auth"`    // client_secret_basic is taken for the OTP scope
	StrictProfile  bool            `json:"strict_profile"` // private_key_jwt only
	RequirePurpose bool            `json:"require_purpose"`
}

// CamaraPatch changes an app's OAuth client, or makes it: what is nil stays as
// it is, and takes its default in a new one.
type CamaraPatch struct {
	ClientID       *string         `json:"client_id,omitempty"` // of a client that is made; drawn when absent
	Scopes         *[]string       `json:"scopes,omitempty"`
	RedirectURIs   *[]string       `json:"redirect_uris,omitempty"`
	JWKS           json.RawMessage `json:"jwks,omitempty"` // null takes the keys away
	SecretAuth     *bool           `json:"secret_auth,omitempty"`
	StrictProfile  *bool           `json:"strict_profile,omitempty"`
	RequirePurpose *bool           `json:"require_purpose,omitempty"`
	NewSecret      bool            `json:"new_secret,omitempty"` // draw one; older ones end
}

// OAuthClient is an app's OAuth client as requests see it: part of a snapshot
// that never changes.
type OAuthClient struct {
	CamaraClient
	Keys jwt.KeySet
}

// Bounds of a client.
const (
	mostRedirects   = 20
	longestRedirect = 512
	longestClientID = 64
)

// SetCamara changes the OAuth client of an app, or makes it with all scopes but
// nothing that authenticates. It shows a secret only when one was drawn.
// KindBadField for a member, KindNotFound for the app, KindConflict for a
// client id that another app has.
func (a *Admin) SetCamara(ctx context.Context, by By, id core.AppID, p CamaraPatch) (AppView, core.Secret, error) {
	var secret core.Secret
	if p.NewSecret {
		var err error
		if secret, err = newKey(a.random); err != nil {
			return AppView{}, core.Secret{}, classified(err)
		}
	}
	view, err := a.setCamara(ctx, by, id, p, secret)
	if err != nil {
		return AppView{}, core.Secret{}, err
	}
	return view, secret, nil
}

// setCamara takes the secret to give; the zero Secret leaves those that there are.
func (a *Admin) setCamara(ctx context.Context, by By, id core.AppID, p CamaraPatch, secret core.Secret) (AppView, error) {
	return a.changeApp(ctx, by, "app.set_camara", id, func(ctx context.Context, q store.SQL, row *records.App) error {
		settings, _, err := a.settingsOf(*row)
		if err != nil {
			return err
		}
		client := CamaraClient{Scopes: CamaraScopes()}
		if settings.Camara != nil {
			client = *settings.Camara
		} else if client.ClientID, err = newClientID(a.random); err != nil {
			return err
		}
		if err := p.applyTo(&client, settings.Camara == nil); err != nil {
			return err
		}
		if _, err := client.build(); err != nil {
			return err
		}
		if err := a.clientIDIsFree(ctx, q, id, client.ClientID); err != nil {
			return err
		}
		if settings.Camara == nil || !reflect.DeepEqual(*settings.Camara, client) {
			settings.Camara = &client
			if row.Settings, err = settings.encode(); err != nil {
				return err
			}
		}
		if secret.IsZero() {
			return nil
		}
		return a.replaceClientSecret(ctx, q, row, client.ClientID, secret)
	})
}

// replaceClientSecret gives the client a secret, after which older ones end. The
// row counts as changed: the change is in the audit.
func (a *Admin) replaceClientSecret(ctx context.Context, q store.SQL, row *records.App, clientID string, secret core.Secret) error {
	added, err := a.insertKey(ctx, q, row.ID, DialectCamara, clientKey(clientID, secret.Reveal()))
	if err != nil {
		return err
	}
	_, err = records.LimitCredentials(ctx, q, row.ID, string(DialectCamara), added, store.At(a.now()))
	row.Updated = store.At(a.now()) // even where nothing else changed
	return err
}

// clientKey is what a client's secret is stored and found by: with the client's
// id, so that a secret never opens another client.
func clientKey(clientID, secret string) core.Secret { return core.NewSecret(clientID + ":" + secret) }

// newClientID draws 26 characters.
func newClientID(random io.Reader) (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("draw a client id: %w", err)
	}
	return core.EncodeID128(raw), nil
}

func (a *Admin) clientIDIsFree(ctx context.Context, q store.SQL, id core.AppID, clientID string) error {
	rows, err := records.Apps(ctx, q)
	if err != nil {
		return err
	}
	for _, row := range rows {
		other, err := decodeSettings(row.Settings)
		if err != nil {
			return err
		}
		if row.ID != id && other.Camara != nil && other.Camara.ClientID == clientID {
			return core.E(core.KindConflict, "another app has the client id")
		}
	}
	return nil
}

func (p CamaraPatch) applyTo(c *CamaraClient, isNew bool) error {
	if p.ClientID != nil && !isNew && *p.ClientID != c.ClientID {
		return bad("client_id", "it can not be changed")
	}
	set(&c.ClientID, p.ClientID)
	set(&c.Scopes, p.Scopes)
	set(&c.RedirectURIs, p.RedirectURIs)
	set(&c.SecretAuth, p.SecretAuth)
	set(&c.StrictProfile, p.StrictProfile)
	set(&c.RequirePurpose, p.RequirePurpose)
	if len(p.JWKS) > 0 {
		c.JWKS = nil
		if string(p.JWKS) != "null" {
			keys, err := jwt.ParseKeySet(p.JWKS)
			if err != nil {
				return bad("jwks", "%v", err)
			}
			if c.JWKS, err = keys.MarshalJSON(); err != nil { // the public members only
				return err
			}
		}
	}
	c.Scopes, c.RedirectURIs = slices.Clone(c.Scopes), slices.Clone(c.RedirectURIs)
	return nil
}

// build makes what requests see, and checks the client. Errors are KindBadField.
func (c CamaraClient) build() (*OAuthClient, error) {
	client := &OAuthClient{CamaraClient: c}
	if c.ClientID == "" || len(c.ClientID) > longestClientID || !isImportableID(c.ClientID) {
		return nil, bad("client_id", "want 1 to %d characters of A-Z a-z 0-9 _ . -", longestClientID)
	}
	for i, scope := range c.Scopes {
		if !slices.Contains(CamaraScopes(), scope) || slices.Contains(c.Scopes[:i], scope) {
			return nil, bad("scopes", "want each at most once: %s", strings.Join(CamaraScopes(), ", "))
		}
	}
	if len(c.RedirectURIs) > mostRedirects {
		return nil, bad("redirect_uris", "want at most %d", mostRedirects)
	}
	for _, uri := range c.RedirectURIs {
		if err := checkRedirect(uri); err != nil {
			return nil, err
		}
	}
	if len(c.JWKS) > 0 {
		keys, err := jwt.ParseKeySet(c.JWKS)
		if err != nil {
			return nil, bad("jwks", "%v", err)
		}
		client.Keys = keys
	}
	return client, nil
}

// checkRedirect takes an absolute URI without fragment and user; https, a
// loopback http, or an app's own scheme (RFC 8252 §7).
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || len(uri) > longestRedirect || !isVisible(uri) || !u.IsAbs() || u.Fragment != "" || strings.Contains(uri, "#") || u.User != nil:
		return bad("redirect_uris", "want absolute URIs of at most %d visible characters, without fragment and user", longestRedirect)
	case u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" && u.Hostname() != "localhost":
		return bad("redirect_uris", "http is taken for loopback hosts only")
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host == "":
		return bad("redirect_uris", "a host is missing")
	case u.Scheme != "http" && u.Scheme != "https" && !strings.Contains(u.Scheme, "."):
		return bad("redirect_uris", "an app's own scheme is a domain turned round, as in com.example.app")
	}
	return nil
}

// AppByClient is the app of an OAuth client id; false for one that is unknown,
// and for an app that is disabled, as its account may be, or may not use the
// dialect.
func (d *Directory) AppByClient(clientID string) (*App, bool) {
	app, ok := d.current.Load().byClient[clientID]
	if !ok || app.Disabled || app.AccountDisabled || !app.Uses(DialectCamara) {
		return nil, false
	}
	return app, true
}

// AppByClientSecret is the app of a client that authenticates with its secret.
// Whatever is wrong takes the same work (contracts/README.md §3.3).
func (d *Directory) AppByClientSecret(clientID, secret string) (*App, bool) {
	key := clientKey(clientID, secret)
	app, ok := d.AppByKey(DialectCamara, key.Reveal())
	if !ok || app.Camara == nil || app.Camara.ClientID != clientID {
		return nil, false
	}
	return app, true
}

// EnsureCamara gives the demo app an OAuth client that is known from elsewhere:
// its id, secret and public keys are those that `yanma dev` wrote down.
func (a *Admin) EnsureCamara(ctx context.Context, id core.AppID, secret core.Secret, p CamaraPatch) error {
	by := By{Actor: "dev"}
	view, err := a.ShowApp(ctx, id)
	if err != nil {
		return err
	}
	if dialects := view.Settings.Dialects; !slices.Contains(dialects, DialectCamara) {
		dialects = append(slices.Clone(dialects), DialectCamara)
		if _, err := a.UpdateApp(ctx, by, id, Patch{Dialects: &dialects}); err != nil {
			return err
		}
	}
	if app, ok := a.directory.AppByClientSecret(*p.ClientID, secret.Reveal()); ok && app.ID == id {
		secret = core.Secret{} // it has it
	}
	_, err = a.setCamara(ctx, by, id, p, secret)
	return err
}
