package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// ask sends one request to the whole server.
func (w *openWhole) ask(t *testing.T, method, path, token, contentType, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.App.PublicURL()+path, strings.NewReader(body))
	ok(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := noRedirect.Do(r)
	ok(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ok(t, err)
	if at := answer.Header.Get("Location"); at != "" {
		return answer.StatusCode, at
	}
	return answer.StatusCode, string(text)
}

var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

const formType = "application/x-www-form-urlencoded"

// issued is the answer of the token endpoint.
type issued struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
}

func (w *openWhole) grant(t *testing.T, form url.Values) issued {
	t.Helper()
	status, body := w.ask(t, http.MethodPost, oauth.PathToken, "", formType, form.Encode())
	var got issued
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	return got
}

func (w *openWhole) otpToken(t *testing.T) string {
	t.Helper()
	text, _ := w.Value("assertion", nil)
	return w.grant(t, url.Values{"grant_type": {"client_credentials"}, "scope": {tenant.ScopeOTP}, "client_assertion_type": {assertionKind}, "client_assertion": {text}}).AccessToken
}

const (
	assertionKind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// RFC 7636 appendix B.
	testVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	testChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// loggedIn is the id token of a number on the mobile network, for the i-th app.
func (w *openWhole) loggedIn(t *testing.T, i int, number string) string {
	t.Helper()
	const redirect = "https://app.example.com/cb"
	query := url.Values{"response_type": {"code"}, "client_id": {w.clients[i]}, "redirect_uri": {redirect}, "code_challenge": {testChallenge},
		"code_challenge_method": {"S256"}, "scope": {"openid dpv:Marketing " + tenant.ScopeNumberVerify}}
	status, at := w.ask(t, http.MethodGet, oauth.PathAuthorize+"?"+query.Encode(), "", formType, "", "X-MSISDN", number)
	to, err := url.Parse(at)
	if err != nil || status != http.StatusFound || to.Query().Get("code") == "" {
		t.Fatalf("%d %s", status, at)
	}
	text := w.signed(i, nil, map[string]any{"aud": w.issuer() + oauth.PathToken, "sub": w.clients[i]})
	return w.grant(t, url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {redirect}, "code_verifier": {testVerifier},
		"client_assertion_type": {assertionKind}, "client_assertion": {text}}).IDToken
}

// verified is what an id token says, checked with the published keys.
func (w *openWhole) verified(t *testing.T, i int, token string) (jwt.Claims, error) {
	t.Helper()
	_, body := w.ask(t, http.MethodGet, oauth.PathJWKS, "", formType, "")
	keys, err := jwt.ParseKeySet([]byte(body))
	ok(t, err)
	return jwt.Verify(token, keys, jwt.Rules{Algorithms: []jwt.Algorithm{jwt.RS256}, Types: []string{"jwt"}, Issuer: w.issuer(), Audiences: []string{w.clients[i]}}, w.clock.Now())
}

// TestReq30_SigningKeyOverlap: a rotated key is published before it signs, and
// the old one for as long as tokens of it may be around; a restart changes
// nothing (requirement row 30, contracts/camara.md §4.2).
func TestReq30_SigningKeyOverlap(t *testing.T) {
	w := startCamara(t)
	w.config.Server.PublicURL = "https://id.example.com" // the port is another one after a restart
	w.reopen(t)
	kid := func(token string) string {
		var head struct{ Kid string }
		raw, err := jwtHeader(token)
		ok(t, err)
		ok(t, json.Unmarshal(raw, &head))
		return head.Kid
	}
	old := w.loggedIn(t, 0, "8613800138000")
	claims, err := w.verified(t, 0, old)
	ok(t, err)
	fresh, err := w.signing.Rotate(t.Context(), oauth.InstallationKeys, 2*time.Hour)
	ok(t, err)
	w.clock.Advance(6 * time.Second) // longer than the keys are kept in memory
	if between := w.loggedIn(t, 0, "8613800138000"); kid(between) != kid(old) || kid(between) == fresh {
		t.Error("a new key signs before everybody can have it")
	}
	_, body := w.ask(t, http.MethodGet, oauth.PathJWKS, "", formType, "")
	if !strings.Contains(body, fresh) || !strings.Contains(body, kid(old)) {
		t.Errorf("published: %s", body)
	}
	w.clock.Advance(5 * time.Second)
	next := w.loggedIn(t, 0, "8613800138000")
	if kid(next) != fresh {
		t.Errorf("signed with %s, want %s", kid(next), fresh)
	}
	for _, token := range []string{old, next} {
		if _, err := w.verified(t, 0, token); err != nil {
			t.Errorf("%s: %v", kid(token), err)
		}
	}
	w.reopen(t)
	if _, err := w.verified(t, 0, next); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	w.clock.Advance(2 * time.Hour)
	if _, body := w.ask(t, http.MethodGet, oauth.PathJWKS, "", formType, ""); strings.Contains(body, kid(old)) || !strings.Contains(body, fresh) {
		t.Errorf("published after the overlap: %s", body)
	}

	// sub is pairwise, the same each time, and not the number.
	again, err := w.verified(t, 0, w.loggedIn(t, 0, "+8613800138000"))
	ok(t, err)
	others, err := w.verified(t, 1, w.loggedIn(t, 1, "8613800138000"))
	ok(t, err)
	stranger, err := w.verified(t, 0, w.loggedIn(t, 0, "8613900139000"))
	ok(t, err)
	if again.Subject != claims.Subject || others.Subject == claims.Subject || stranger.Subject == claims.Subject || len(claims.Subject) != 22 {
		t.Errorf("subjects %q %q %q %q", claims.Subject, again.Subject, others.Subject, stranger.Subject)
	}
}

// TestReq31_ProofServesOnce: of many token requests with one proof one is
// answered, another app gets nothing for it, and after a carrier's failure
// nothing is told or charged (requirement row 31).
func TestReq31_ProofServesOnce(t *testing.T) {
	w := startCamara(t)
	w.setBalance(t, 100)
	price := amount(t, "2")
	w.patch(t, tenant.Patch{VerifyPrice: tenant.PriceOf(price)})
	proof, made := w.proof([]string{"13800138000"})
	if !made {
		t.Fatal("no proof")
	}
	bearer := func(i int, proof string) url.Values {
		text := w.signed(i, nil, map[string]any{"aud": w.issuer() + oauth.PathToken, "sub": "operatortoken:" + proof, "scope": "dpv:Marketing " + tenant.ScopeNumberVerify})
		return url.Values{"grant_type": {oauth.GrantJWTBearer}, "assertion": {text}}
	}
	const callers = 16
	forms := make([]string, callers)
	for c := range forms {
		forms[c] = bearer(c%2, proof).Encode()
	}
	statuses, bodies := make([]int, callers), make([]string, callers)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			r, err := http.Post(w.App.PublicURL()+oauth.PathToken, formType, strings.NewReader(forms[c]))
			if err != nil {
				return
			}
			defer r.Body.Close()
			text, _ := io.ReadAll(r.Body)
			statuses[c], bodies[c] = r.StatusCode, string(text)
		})
	}
	all.Wait()
	var token string
	for c := range callers {
		var got issued
		switch {
		case statuses[c] == http.StatusOK && token == "" && json.Unmarshal([]byte(bodies[c]), &got) == nil:
			token = got.AccessToken
		case statuses[c] != http.StatusBadRequest || !strings.Contains(bodies[c], "invalid_grant"):
			t.Errorf("%d %s", statuses[c], bodies[c])
		}
	}
	if status, body := w.ask(t, http.MethodPost, "/number-verification/v2/verify", token, "application/json", `{"phoneNumber":"+8613800138000"}`); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if spent := 200 - w.balance(t, w.ids[0]) - w.balance(t, w.ids[1]); spent != price {
		t.Errorf("%d was spent, want %d", spent, price)
	}
	broken, _ := w.proof([]string{"13800138000", "garbage"})
	token = w.grant(t, bearer(0, broken)).AccessToken
	status, body := w.ask(t, http.MethodPost, "/number-verification/v2/verify", token, "application/json", `{"phoneNumber":"+8613800138000"}`)
	if status != http.StatusBadGateway || strings.Contains(body, "Verified") {
		t.Errorf("a carrier's garbage: %d %s", status, body)
	}
	if spent := 200 - w.balance(t, w.ids[0]) - w.balance(t, w.ids[1]); spent != price {
		t.Errorf("%d was spent after a failure, want %d", spent, price)
	}
}

// TestReq32_CamaraSendsOnce: a hundred calls at once with one Idempotency-Key
// send one message and charge once (requirement row 32).
func TestReq32_CamaraSendsOnce(t *testing.T) {
	w := startCamara(t)
	w.patch(t, tenant.Patch{SMSPrice: tenant.PriceOf(1)})
	w.setBalance(t, 100)
	token := w.otpToken(t)
	const callers = 100
	answers := make([]string, callers)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			r, err := http.NewRequest(http.MethodPost, w.App.PublicURL()+"/one-time-password-sms/v1/send-code",
				bytes.NewReader([]byte(`{"phoneNumber":"+8613800138000","message":"{{code}}"}`)))
			if err != nil {
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", "one")
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				answers[c] = err.Error()
				return
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			answers[c] = fmt.Sprint(answer.StatusCode, " ", string(text))
		})
	}
	all.Wait()
	for _, got := range answers {
		if got != answers[0] || !strings.HasPrefix(got, "200 ") {
			t.Fatalf("%s and %s", got, answers[0])
		}
	}
	w.delivered()
	if got := w.balance(t, w.ids[0]); got != 99 {
		t.Errorf("the balance is %d, want 99", got)
	}
}

// jwtHeader is the first part of a token.
func jwtHeader(token string) ([]byte, error) {
	head, _, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.DecodeString(head)
}
