//go:build interop

package e2e

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/test/process"
)

// camaraCard is the client in dev.json.
type camaraCard struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	PrivateKey   string `json:"private_key_pem"`
	KeyID        string `json:"kid"`
	RedirectURI  string `json:"redirect_uri"`
}

func camaraOf(t *testing.T, d *process.DevServer) camaraCard {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(d.Folder, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	var card struct{ Camara camaraCard }
	if err := json.Unmarshal(data, &card); err != nil {
		t.Fatal(err)
	}
	return card.Camara
}

// TestCamaraPage pastes the commands of docs/camara.md, in their order, and
// holds what they answer to what the page shows.
func TestCamaraPage(t *testing.T) {
	uuid := regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	same := func(s string) string { return uuid.ReplaceAllString(strings.TrimSpace(s), "ID") }
	pastePage(t, "camara", "(?s)```sh\n(.*?)```\n```\n(.*?)```", 7, same)
}

// TestClientExample runs the example of the Go client against yanma dev.
func TestClientExample(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir())
	program := filepath.Join(t.TempDir(), "example")
	if out, err := exec.Command("go", "build", "-o", program, "yanma.dev/yanma/client/example").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(program, filepath.Join(d.Folder, "dev.json")).CombinedOutput()
	if err != nil || !regexp.MustCompile(`\Asent, authenticationId [0-9a-f-]{36}\nthe code is right\nthe SIM has this number: true\n\z`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOpenIDClient: a client that is not ours finds everything by discovery,
// gets tokens, and believes the id token.
func TestOpenIDClient(t *testing.T) {
	ctx := context.Background()
	d := process.Dev(t, binary, t.TempDir())
	card := camaraOf(t, d)
	provider, err := oidc.NewProvider(ctx, d.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	own := clientcredentials.Config{ClientID: card.ClientID, ClientSecret: card.ClientSecret, TokenURL: provider.Endpoint().TokenURL,
		Scopes: []string{"one-time-password-sms:send-validate"}, AuthStyle: oauth2.AuthStyleInHeader}
	if token, err := own.Token(ctx); err != nil || token.Type() != "Bearer" || token.Expiry.IsZero() {
		t.Errorf("client credentials: %+v, %v", token, err)
	}

	// The authorization code, over the simulated mobile network.
	config := oauth2.Config{ClientID: card.ClientID, RedirectURL: card.RedirectURI, Endpoint: provider.Endpoint(),
		Scopes: []string{"openid", "dpv:FraudPreventionAndDetection", "number-verification:device-phone-number:read"}}
	verifier := oauth2.GenerateVerifier()
	at := config.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("a nonce"), oauth2.SetAuthURLParam("prompt", "none"),
		oauth2.SetAuthURLParam("login_hint", "operatortoken:"+simulatedProof(t, d.BaseURL, "+8613700137000")))
	code := codeOf(t, at)
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
		oauth2.SetAuthURLParam("client_assertion", assertion(t, card, provider.Endpoint().TokenURL)))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: card.ClientID}).Verify(ctx, raw)
	if err != nil || id.Nonce != "a nonce" {
		t.Fatalf("the id token: %+v, %v", id, err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Error(err)
	}
	if strings.Contains(id.Subject, "137") && strings.Contains(id.Subject, "7000") {
		t.Errorf("the subject %q has the number", id.Subject)
	}
	r, err := config.Client(ctx, token).Get(d.BaseURL + "/number-verification/v2/device-phone-number")
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ DevicePhoneNumber string }
	err = json.NewDecoder(r.Body).Decode(&got)
	_ = r.Body.Close()
	if err != nil || got.DevicePhoneNumber != "+8613700137000" {
		t.Errorf("%d %+v, %v", r.StatusCode, got, err)
	}
}

func simulatedProof(t *testing.T, base, number string) string {
	t.Helper()
	r, err := http.Post(base+"/sim/carrier/token", "application/json", strings.NewReader(`{"carrier":1,"number":"`+number+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var made struct{ Token string }
	if err := json.NewDecoder(r.Body).Decode(&made); err != nil || made.Token == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	return made.Token
}

// codeOf follows an authorization request as far as the redirect.
func codeOf(t *testing.T, at string) string {
	t.Helper()
	stop := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := stop.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" || to.Query().Get("state") != "a state" {
		t.Fatalf("%d to %s, %v", r.StatusCode, to, err)
	}
	return to.Query().Get("code")
}

// assertion is private_key_jwt with the demo client's key.
func assertion(t *testing.T, card camaraCard, audience string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(card.PrivateKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jwt.NewSigner(card.KeyID, key.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	var random [16]byte
	_, _ = rand.Read(random[:])
	sum := sha256.Sum256(random[:])
	now := time.Now().Unix()
	text, err := signer.Sign("JWT", map[string]any{"iss": card.ClientID, "sub": card.ClientID, "aud": audience,
		"jti": base64.RawURLEncoding.EncodeToString(sum[:]), "iat": now, "exp": now + 60})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
