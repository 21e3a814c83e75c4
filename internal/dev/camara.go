package dev

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// camaraCard is the OAuth client of the open API in dev.json.
type camaraCard struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	PrivateKey   string `json:"private_key_pem"`
	KeyID        string `json:"kid"`
	RedirectURI  string `json:"redirect_uri"`
}

func newCamaraCard(base string, s secrets) (camaraCard, error) {
	signer, err := s.camaraSigner()
	if err != nil {
		return camaraCard{}, err
	}
	return camaraCard{ClientID: s.CamaraClient, ClientSecret: s.CamaraSecret, PrivateKey: s.CamaraKey, KeyID: signer.KeyID(),
		RedirectURI: base + "/handset/callback"}, nil
}

// ensureCamara gives the demo app its client: the secret for one-time passwords,
// the key for everything.
func ensureCamara(ctx context.Context, server *app.App, demo tenant.Demo, s secrets) error {
	signer, err := s.camaraSigner()
	if err != nil {
		return err
	}
	keys, err := jwt.PublicKeys(signer).MarshalJSON()
	if err != nil {
		return err
	}
	redirects, on := []string{server.PublicURL() + "/handset/callback"}, true
	return server.EnsureCamara(ctx, demo, core.NewSecret(s.CamaraSecret),
		tenant.CamaraPatch{ClientID: &s.CamaraClient, RedirectURIs: &redirects, SecretAuth: &on, JWKS: keys})
}

// camaraNumber is another number than that of the other lines: each may get one
// code a minute.
const camaraNumber = "+8613900139000"

// lines are commands to paste, in order.
func (c camaraCard) lines(base string) []line {
	const json = `-H 'Content-Type: application/json'`
	return []line{
		{"The open API (CAMARA): get an access token", fmt.Sprintf(`TOKEN=$(curl -s -u '%s:%s' %s/oauth2/token -d grant_type=client_credentials -d scope=one-time-password-sms:send-validate | sed 's/.*"access_token":"\([^"]*\)".*/\1/'); echo $TOKEN`,
			c.ClientID, c.ClientSecret, base)},
		{"Send a code in your own words", fmt.Sprintf(`ID=$(curl -s %s/one-time-password-sms/v1/send-code -H "Authorization: Bearer $TOKEN" %s -d '{"phoneNumber":"%s","message":"{{code}} is your code for Cool App"}' | sed 's/.*"authenticationId":"\([^"]*\)".*/\1/'); echo $ID`,
			base, json, camaraNumber)},
		{"Validate it: 204", fmt.Sprintf(`CODE=$(sleep 1; curl -s '%s/handset/api/messages?phone=%s' | grep -o '"code":"[0-9]*"' | head -n 1 | tr -dc 0-9); curl -s -w '%%{http_code}\n' %s/one-time-password-sms/v1/validate-code -H "Authorization: Bearer $TOKEN" %s -d "{\"authenticationId\":\"$ID\",\"code\":\"$CODE\"}"`,
			base, camaraNumber[3:], base, json)},
	}
}
