package camaraup

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/operatorapi"
	"yanma.dev/yanma/internal/oauth/jwt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const clientID = "yanma-at-operator"

func newKey(t *testing.T) (core.Secret, jwt.KeySet) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jwt.NewSigner("", key)
	if err != nil {
		t.Fatal(err)
	}
	return core.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), jwt.PublicKeys(signer)
}

func open(t *testing.T, base, token string, key core.Secret) *Gateway {
	t.Helper()
	g, err := New(Config{Name: "operator", Operator: operatorapi.Config{URL: base, TokenURL: token, ClientID: clientID, Key: key,
		Purpose: "dpv:FraudPreventionAndDetection"}}, operatorapi.Deps{Now: time.Now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// TestRequests: what leaves, typed from contracts/camara.md §2 and §4.2.
func TestRequests(t *testing.T) {
	key, public := newKey(t)
	var form url.Values
	var asked *http.Request
	var body []byte
	answer := `{"devicePhoneNumberVerified":true}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			_ = r.ParseForm()
			form = r.PostForm
			_, _ = io.WriteString(w, `{"access_token":"8f00","token_type":"Bearer","expires_in":300}`)
			return
		}
		asked = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	g := open(t, server.URL, server.URL+"/token", key)
	q := numberverify.Question{Carrier: 1, Token: core.NewSecret("op-1"), Phone: core.PhoneFromE164("+8613800138000")}
	a, err := g.Match(t.Context(), q)
	if err != nil || a.Outcome != numberverify.OutcomeMatch {
		t.Fatalf("%+v, %v", a, err)
	}
	if len(form) != 2 || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		t.Errorf("form %v", form)
	}
	claims, err := jwt.Verify(form.Get("assertion"), public, jwt.Rules{Algorithms: []jwt.Algorithm{jwt.ES256}, Issuer: clientID, Subject: "operatortoken:op-1",
		Audiences: []string{server.URL + "/token"}, MostAhead: 300 * time.Second, MostLife: 300 * time.Second, WantIssued: true, WantID: true}, time.Now())
	scope, _ := claims.Text("scope")
	if err != nil || scope != "dpv:FraudPreventionAndDetection number-verification:verify" {
		t.Errorf("%v, scope %q", err, scope)
	}
	if asked.Method != http.MethodPost || asked.URL.Path != "/number-verification/v2/verify" || asked.Header.Get("Authorization") != "Bearer 8f00" ||
		asked.Header.Get("Content-Type") != "application/json" || string(body) != `{"phoneNumber":"+8613800138000"}` {
		t.Errorf("%s %s %v %s", asked.Method, asked.URL, asked.Header, body)
	}
	q.Phone, q.Hash = core.Phone{}, sha256.Sum256([]byte("+8613800138000"))
	if _, err := g.Match(t.Context(), q); err != nil || string(body) != `{"hashedPhoneNumber":"ec61f3c620a98bdead8c1f1f0ae747abd1b62a0c2dba4fd4bc22cf0d1d8653e5"}` {
		t.Errorf("%s, %v", body, err)
	}
	answer = `{"devicePhoneNumber":"+8613800138000"}`
	a, err = g.Fetch(t.Context(), q)
	if err != nil || a.Phone.E164() != "+8613800138000" || asked.Method != http.MethodGet || asked.URL.Path != "/number-verification/v2/device-phone-number" || len(body) != 0 {
		t.Errorf("%+v, %v, %s %s", a, err, asked.Method, asked.URL)
	}
	for _, answer = range []string{`{}`, `null`, `{"devicePhoneNumber":"13800138000"}`, `{"devicePhoneNumberVerified":"true"}`, `<html>`} {
		_, matched := g.Match(t.Context(), q)
		_, fetched := g.Fetch(t.Context(), q)
		for _, err := range []error{matched, fetched} {
			if e, ok := numberverify.AsError(err); !ok || e.Code != "603" || !e.Sent {
				t.Errorf("%s: %v", answer, err)
			}
		}
	}
}

// TestAgainstTheSimulator is the table of contracts/carriers.md §6 over real sockets.
func TestAgainstTheSimulator(t *testing.T) {
	key, public := newKey(t)
	sim := carriersim.New(carriersim.Options{Camara: carriersim.Camara{ClientID: clientID, Keys: public}, Now: time.Now, Random: rand.Reader})
	server := httptest.NewServer(sim)
	defer server.Close()
	base := server.URL + "/sim/camara"
	g := open(t, base, base+"/oauth2/token", key)
	for outcome, want := range map[string]string{
		"ok": "match", "mismatch": "mismatch", "slow:1": "match",
		"401": "proof 401: UNAUTHENTICATED", "403": "caller 403: PERMISSION_DENIED", "400": "input 400: INVALID_ARGUMENT",
		carriersim.NotMobile: "network 403: " + carriersim.NotMobile,
		"QUOTA_EXCEEDED":     "quota 429: QUOTA_EXCEEDED", "TOO_MANY_REQUESTS": "carrier 429: TOO_MANY_REQUESTS",
		"500": "carrier 500: INTERNAL", "502": "carrier 502: BAD_GATEWAY", "503": "carrier 503: UNAVAILABLE",
		"invalid_client": "caller 401: invalid_client", "invalid_scope": "caller 400: invalid_scope", "unauthorized_client": "caller 400: unauthorized_client",
		"invalid_grant": "proof 400: invalid_grant", "garbage": "carrier 603: carrier answer unreadable", "drop": "timeout: no answer",
	} {
		q := numberverify.Question{Carrier: 2, Token: simToken(t, server.URL, outcome), Phone: core.PhoneFromE164("+8613800138000")}
		a, err := g.Match(t.Context(), q)
		if have := result(a, err); have != want {
			t.Errorf("%s: %s, want %s", outcome, have, want)
		}
		_, err = g.Match(t.Context(), q)
		if have := result(a, err); have != "proof 400: invalid_grant" {
			t.Errorf("%s, the second time: %s", outcome, have)
		}
	}
	a, err := g.Fetch(t.Context(), numberverify.Question{Carrier: 2, Token: simToken(t, server.URL, "ok")})
	if err != nil || a.Phone.E164() != "+8613800138000" {
		t.Errorf("%+v, %v", a, err)
	}
	stranger, _ := newKey(t)
	_, err = open(t, base, base+"/oauth2/token", stranger).Match(t.Context(), numberverify.Question{Token: simToken(t, server.URL, "ok"), Phone: core.PhoneFromE164("+8613800138000")})
	if have := result(a, err); have != "caller 401: invalid_client" {
		t.Errorf("a stranger's key: %s", have)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = g.Match(ctx, numberverify.Question{Token: simToken(t, server.URL, "timeout"), Phone: core.PhoneFromE164("+8613800138000")})
	if e, ok := numberverify.AsError(err); !ok || e.Class != numberverify.ClassTimeout {
		t.Errorf("silence: %v", err)
	}
}

func simToken(t *testing.T, url, outcome string) core.Secret {
	t.Helper()
	r, err := http.Post(url+"/sim/carrier/token", "application/json", bytes.NewReader(fmt.Appendf(nil, `{"carrier":2,"number":"+8613800138000","outcome":%q}`, outcome)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var said struct{ Token string }
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || said.Token == "" {
		t.Fatal(err)
	}
	return core.NewSecret(said.Token)
}

func result(a numberverify.Answer, err error) string {
	if err != nil {
		return strings.TrimPrefix(err.Error(), "number verification: ")
	}
	return map[numberverify.Outcome]string{numberverify.OutcomeMatch: "match", numberverify.OutcomeMismatch: "mismatch"}[a.Outcome]
}
