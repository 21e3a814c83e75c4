package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// TestRevokedWhileClaimed: a token that is revoked while a call has claimed it
// does not come back with the call's failure, whenever the revocation comes.
func TestRevokedWhileClaimed(t *testing.T) {
	for _, when := range []string{"before", "between"} {
		w := newFaultWorld(t)
		ctx := t.Context()
		secret := w.singleToken(t)
		token, err := w.Find(ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Claim(ctx, token); err != nil {
			t.Fatal(err)
		}
		revoke := func() {
			if err := w.revoke(ctx, token.key); err != nil {
				t.Error(err)
			}
		}
		if when == "before" {
			revoke()
		} else {
			w.Once = &between{w.once, onceToken, revoke}
		}
		if err := w.GiveBack(ctx, token); err != nil {
			t.Error(err)
		}
		if _, err := w.Find(ctx, secret); core.KindOf(err) != core.KindUnauthenticated {
			t.Errorf("revoked %s it was given back: %v", when, err)
		}
	}
	// One that nobody revoked comes back.
	w := newFaultWorld(t)
	secret := w.singleToken(t)
	token, err := w.Find(t.Context(), secret)
	if err == nil {
		err = w.Claim(t.Context(), token)
	}
	if err == nil {
		err = w.GiveBack(t.Context(), token)
	}
	if _, again := w.Find(t.Context(), secret); err != nil || again != nil {
		t.Error(err, again)
	}
}

// TestStrangersWork: an unknown client's assertion is verified too, whatever its
// algorithm, before it is refused (contracts/README.md §3.3).
func TestStrangersWork(t *testing.T) {
	w := newFaultWorld(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jwt.NewSigner("k", private)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := signer.Sign("JWT", map[string]any{"iss": "nobody", "sub": "nobody", "aud": "https://id.example.com/oauth2/token", "jti": "1",
		"iat": w.at.Unix(), "exp": w.at.Add(time.Minute).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	rules := jwt.Rules{Algorithms: jwt.ClientAlgorithms()}
	if _, err := jwt.Verify(assertion, w.strangers.For(assertion), rules, w.at); err != jwt.ErrSignature { //nolint:errorlint // the one value
		t.Errorf("the signature was not looked at: %v", err)
	}
	form := Form{values: url.Values{"grant_type": {GrantClientCredentials}, "scope": {tenant.ScopeOTP}, "client_assertion": {assertion}, "client_assertion_type": {assertionType}}}
	if _, err := w.Token(t.Context(), form, Basic{}); core.KindOf(err) != core.KindUnauthenticated {
		t.Errorf("%v", err)
	}
}

// TestSourceAtTheTokenEndpoint: a client whose app lists addresses gets tokens
// from these only.
func TestSourceAtTheTokenEndpoint(t *testing.T) {
	w := newFaultWorld(t)
	w.app.AllowedSources = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	form := Form{values: url.Values{"grant_type": {GrantClientCredentials}, "scope": {tenant.ScopeOTP}}}
	for source, good := range map[string]bool{"203.0.113.9": true, "198.51.100.1": false} {
		_, err := w.Token(t.Context(), form, Basic{Source: netip.MustParseAddr(source), Tried: true, ClientID: "client", Secret: "secret"})
		if (err == nil) != good || err != nil && core.KindOf(err) != core.KindUnauthenticated {
			t.Errorf("%s: %v", source, err)
		}
	}
}
