package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

var errDisk = errors.New("the disk")

// onceMap is Once in memory, which can be told to fail: before a change took
// effect, or after it.
type onceMap struct {
	mu      sync.Mutex
	rows    map[string][]byte
	ends    map[string]time.Time
	now     func() time.Time
	failure string // kind of keys whose change fails
	persist bool   // the change takes effect all the same
}

func (o *onceMap) fails(key []byte) bool {
	return o.failure != "" && strings.HasPrefix(string(key), o.failure)
}

func (o *onceMap) Put(_ context.Context, key, value []byte, ttl time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fails(key) && !o.persist {
		return errDisk
	}
	if _, there := o.get(key); there {
		return fmt.Errorf("once: %w", store.ErrUnique)
	}
	o.rows[string(key)], o.ends[string(key)] = value, o.now().Add(ttl)
	if o.fails(key) {
		return errDisk
	}
	return nil
}

func (o *onceMap) get(key []byte) ([]byte, bool) {
	value, there := o.rows[string(key)]
	return value, there && o.now().Before(o.ends[string(key)])
}

func (o *onceMap) Take(_ context.Context, key []byte) ([]byte, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fails(key) && !o.persist {
		return nil, false, errDisk
	}
	value, there := o.get(key)
	delete(o.rows, string(key))
	if o.fails(key) {
		return nil, false, errDisk
	}
	return value, there, nil
}

func (o *onceMap) Peek(_ context.Context, key []byte) ([]byte, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	value, there := o.get(key)
	return value, there, nil
}

// oneClient is the configuration cache with one app.
type oneClient struct{ app *tenant.App }

func (c oneClient) AppByClient(id string) (*tenant.App, bool) {
	return c.app, id == c.app.Camara.ClientID
}

func (c oneClient) AppByClientSecret(id, secret string) (*tenant.App, bool) {
	return c.app, id == c.app.Camara.ClientID && secret == "secret"
}

func (c oneClient) App(core.AppID) (*tenant.App, bool) { return c.app, true }

// anyProof knows nothing of proofs.
type anyProof struct{}

func (anyProof) Look(context.Context, *tenant.App, numberverify.Proof) (numberverify.Seen, error) {
	return numberverify.Seen{}, nil
}

type faultWorld struct {
	*Service
	once *onceMap
	at   time.Time
	app  *tenant.App
}

func newFaultWorld(t *testing.T) *faultWorld {
	t.Helper()
	w := &faultWorld{at: time.Unix(1_772_000_000, 0)}
	now := func() time.Time { return w.at }
	ring, err := keyring.Create(t.TempDir()+"/keyring.json", rand.Reader, now())
	if err != nil {
		t.Fatal(err)
	}
	w.app = &tenant.App{ID: 1, Tenant: 1, Camara: &tenant.OAuthClient{CamaraClient: tenant.CamaraClient{ClientID: "client", Scopes: tenant.CamaraScopes(),
		RedirectURIs: []string{"https://app.example.com/cb"}, SecretAuth: true}}}
	w.once = &onceMap{rows: map[string][]byte{}, ends: map[string]time.Time{}, now: now}
	w.Service = New(Options{Clients: oneClient{w.app}, Once: w.once, Sealer: ring, Proofs: anyProof{}, Issuer: func() string { return "https://id.example.com" },
		Now: now, Random: rand.Reader})
	return w
}

func (w *faultWorld) singleToken(t *testing.T) string {
	t.Helper()
	secret, err := w.newSecret()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.issue(t.Context(), w.app, []string{tenant.ScopeNumberVerify}, subject{method: MethodSIM, proof: "proof"}, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// TestClaimOverFaults: a single-use token whose claim failed, whether or not it
// took effect, serves at most one call; one that can not be put back is used up.
func TestClaimOverFaults(t *testing.T) {
	for _, persist := range []bool{false, true} {
		w := newFaultWorld(t)
		ctx := t.Context()
		secret := w.singleToken(t)
		token, err := w.Find(ctx, secret)
		if err != nil || token.Proof != "proof" || !token.Single {
			t.Fatalf("%+v, %v", token, err)
		}
		w.once.failure, w.once.persist = onceToken, persist
		if err := w.Claim(ctx, token); !errors.Is(err, errDisk) {
			t.Errorf("a claim that fails: %v", err)
		}
		w.once.failure = ""
		again := w.Claim(ctx, token)
		if gone := core.KindOf(again) == core.KindUnauthenticated; gone != persist {
			t.Errorf("persisted %v: claimed again with %v", persist, again)
		}
		if persist {
			continue
		}
		w.once.failure = onceToken
		if err := w.GiveBack(ctx, token); !errors.Is(err, errDisk) {
			t.Errorf("a return that fails: %v", err)
		}
		w.once.failure = ""
		if _, err := w.Find(ctx, secret); core.KindOf(err) != core.KindUnauthenticated {
			t.Errorf("a token that could not be put back: %v", err)
		}
	}
}

// TestCodeOverFaults: a code whose mark failed gives no token now; if the mark
// is there, never.
func TestCodeOverFaults(t *testing.T) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	for _, kind := range []string{onceUsedCode, onceToken} {
		for _, persist := range []bool{false, true} {
			w := newFaultWorld(t)
			ctx := t.Context()
			code, err := w.keepCode(ctx, codeRow{App: 1, Client: "client", Redirect: "https://app.example.com/cb", Challenge: challenge,
				Scopes: []string{tenant.ScopeNumberVerify}, Method: MethodNetwork, Phone: "+8613800138000", Proof: "name"})
			if err != nil {
				t.Fatal(err)
			}
			form := Form{values: url.Values{"code": {code}, "redirect_uri": {"https://app.example.com/cb"}, "code_verifier": {verifier}}}
			w.once.failure, w.once.persist = kind, persist
			if _, err := w.exchange(ctx, w.app, form); !errors.Is(err, errDisk) {
				t.Errorf("%s: %v", kind, err)
			}
			w.once.failure = ""
			_, err = w.exchange(ctx, w.app, form)
			marked := kind == onceUsedCode && persist
			if refused, ok := AsError(err); marked && (!ok || refused.Code != "invalid_grant") || !marked && err != nil {
				t.Errorf("%s, persisted %v: %v", kind, persist, err)
			}
		}
	}
}

// between runs something after a key of a kind was put, before its caller goes on.
type between struct {
	*onceMap
	kind string
	run  func()
}

func (b *between) Put(ctx context.Context, key, value []byte, ttl time.Duration) error {
	err := b.onceMap.Put(ctx, key, value, ttl)
	if run := b.run; run != nil && strings.HasPrefix(string(key), b.kind) {
		b.run = nil
		run()
	}
	return err
}

// TestReuseAtTheSameTime: a code that comes again while it is exchanged revokes
// the token all the same, whenever it comes (RFC 6749 §4.1.2).
func TestReuseAtTheSameTime(t *testing.T) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	for _, kind := range []string{onceUsedCode, onceToken} {
		w := newFaultWorld(t)
		ctx := t.Context()
		code, err := w.keepCode(ctx, codeRow{App: 1, Client: "client", Redirect: "https://app.example.com/cb", Challenge: challenge,
			Scopes: []string{tenant.ScopeNumberVerify}, Method: MethodNetwork, Phone: "+8613800138000", Proof: "name"})
		if err != nil {
			t.Fatal(err)
		}
		form := Form{values: url.Values{"code": {code}, "redirect_uri": {"https://app.example.com/cb"}, "code_verifier": {verifier}}}
		given := 0
		try := func() {
			_, err := w.exchange(ctx, w.app, form)
			if err == nil {
				given++
			} else if refused, ok := AsError(err); !ok || refused.Code != "invalid_grant" {
				t.Errorf("%s: %v", kind, err)
			}
		}
		w.Once = &between{w.once, kind, try}
		try()
		if given != 1 {
			t.Errorf("%s: %d tokens", kind, given)
		}
		for key := range w.once.rows {
			if strings.HasPrefix(key, onceToken) {
				t.Errorf("%s: a token is left", kind)
			}
		}
	}
}

// TestCacheIsBounded: tokens that can be used again are remembered, but not
// without end, and not beyond their life.
func TestCacheIsBounded(t *testing.T) {
	var c tokenCache
	now := time.Unix(1_772_000_000, 0)
	for i := range 3 * mostCached {
		c.put(fmt.Sprint(i), &tokenRow{Expires: now.Add(time.Minute).UnixMilli()}, now)
		if len(c.rows) > mostCached {
			t.Fatalf("%d rows", len(c.rows))
		}
	}
	if _, ok := c.get(fmt.Sprint(3*mostCached-1), now); !ok {
		t.Error("the newest is forgotten")
	}
	if _, ok := c.get(fmt.Sprint(3*mostCached-1), now.Add(time.Minute)); ok {
		t.Error("an expired one is given")
	}
}

// TestReusableTokenOutlivesTheStore: a token for one-time passwords is known
// without the database, until its life ends or its client is gone.
func TestReusableTokenOutlivesTheStore(t *testing.T) {
	w := newFaultWorld(t)
	form := Form{values: url.Values{"grant_type": {GrantClientCredentials}, "scope": {tenant.ScopeOTP}}}
	issued, err := w.Token(t.Context(), form, Basic{Tried: true, ClientID: "client", Secret: "secret"})
	if err != nil || issued.Life != 1800*time.Second || len(issued.AccessToken.Reveal()) != 43 {
		t.Fatalf("%+v, %v", issued, err)
	}
	bearer := issued.AccessToken.Reveal()
	if _, err := w.Find(t.Context(), bearer); err != nil {
		t.Fatal(err)
	}
	clear(w.once.rows)
	if token, err := w.Find(t.Context(), bearer); err != nil || !token.Has(tenant.ScopeOTP) || token.Single {
		t.Errorf("%+v, %v", token, err)
	}
	w.app.Camara.ClientID = "another"
	if _, err := w.Find(t.Context(), bearer); core.KindOf(err) != core.KindUnauthenticated {
		t.Errorf("a client that is gone: %v", err)
	}
	w.app.Camara.ClientID = "client"
	w.at = w.at.Add(1800 * time.Second)
	if _, err := w.Find(t.Context(), bearer); core.KindOf(err) != core.KindUnauthenticated {
		t.Errorf("after its life: %v", err)
	}
}

// TestNothingIsKeptInTheClear: neither a token, a code nor a number can be read
// in what is kept.
func TestNothingIsKeptInTheClear(t *testing.T) {
	w := newFaultWorld(t)
	secret := w.singleToken(t)
	code, err := w.keepCode(t.Context(), codeRow{Phone: "+8613800138000", Proof: "a proof"})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range w.once.rows {
		for _, canary := range []string{secret, code, "13800138000", "proof\"", "a proof"} {
			if strings.Contains(key+string(value), canary) {
				t.Errorf("%q holds %q", key, canary)
			}
		}
	}
}
