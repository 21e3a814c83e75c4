package dev

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSecretsStay(t *testing.T) {
	folder := t.TempDir()
	first, err := openSecrets(folder, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for value, form := range map[string]string{first.OperatorToken: `^[A-Za-z0-9]{32}$`, first.YunboxKey: `^[A-Za-z0-9]{32}$`,
		first.SMSCPassword: `^[A-Za-z0-9]{8}$`, first.WebhookSecret: `^[A-Za-z0-9]{32}$`} {
		if !regexp.MustCompile(form).MatchString(value) {
			t.Errorf("%q is not %s", value, form)
		}
	}
	if _, err := first.gatewayPublic(); err != nil {
		t.Error(err)
	}
	again, err := openSecrets(folder, failing{})
	if err != nil || again != first {
		t.Errorf("%v: the secrets changed", err)
	}
	path := filepath.Join(folder, "dev-secrets.json")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte(`{"operator_token":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSecrets(folder, rand.Reader); err == nil || !strings.Contains(err.Error(), path+" is damaged") {
		t.Errorf("a damaged file: %v", err)
	}
}

// failing is a source of randomness that is broken.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestSecretsNeedRandomness: nothing is written that was not drawn.
func TestSecretsNeedRandomness(t *testing.T) {
	folder := t.TempDir()
	if _, err := openSecrets(folder, failing{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestDrawTextIsUniform: bytes that would favour the first letters are dropped.
func TestDrawTextIsUniform(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	text, err := drawText(strings.NewReader(string(all)), 248) // 4 × 62
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range letters {
		if n := strings.Count(text, string(letter)); n != 4 {
			t.Errorf("%c comes %d times", letter, n)
		}
	}
}

// TestCardFields is dev.json of design "Running it", as far as dialects are
// there.
func TestCardFields(t *testing.T) {
	c := card{BaseURL: "http://127.0.0.1:8080", HandsetURL: "http://127.0.0.1:8080/handset", OperatorURL: "http://127.0.0.1:8081", OperatorToken: "t"}
	c.Yunbox.Key = "k"
	c.Camara = camaraCard{ClientID: "i", ClientSecret: "s", PrivateKey: "p", KeyID: "kid", RedirectURI: "http://127.0.0.1:8080/handset/callback"}
	c.Submail = submailCard{AppID: "a", AppKey: "b"}
	c.JSMS = newJSMSCard(secrets{JSMSAppKey: "1", JSMSMasterSecret: "2", JSMSDevKey: "3", JSMSDevSecret: "4"})
	c.OneAccess = oneAccessCard{ClientID: "c", ClientSecret: "d", TenantID: "e", RedirectURI: "http://127.0.0.1:8080/handset/callback"}
	got, err := json.Marshal(c)
	want := `{"base_url":"http://127.0.0.1:8080","handset_url":"http://127.0.0.1:8080/handset","operator_url":"http://127.0.0.1:8081","operator_token":"t","yunbox":{"key":"k"},` +
		`"camara":{"client_id":"i","client_secret":"s","private_key_pem":"p","kid":"kid","redirect_uri":"http://127.0.0.1:8080/handset/callback"},` +
		`"submail":{"appid":"a","appkey":"b"},"jsms":{"app_key":"1","master_secret":"2","dev_key":"3","dev_secret":"4","code_temp_id":1,"notice_temp_id":2},` +
		`"oneaccess":{"client_id":"c","client_secret":"d","tenant_id":"e","redirect_uri":"http://127.0.0.1:8080/handset/callback"}}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}
