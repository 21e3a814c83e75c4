package dev

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"yanma.dev/yanma/internal/oauth/jwt"
)

// secrets stay the same from one start on a folder to the next, so that what a
// person copied yesterday works today.
type secrets struct {
	OperatorToken  string `json:"operator_token"`
	YunboxKey      string `json:"yunbox_key"`
	SMSCPassword   string `json:"smsc_password"` // at most 8 characters (SMPP)
	WebhookSecret  string `json:"webhook_secret"`
	GatewayPrivate string `json:"gateway_private_key"` // Base64, X25519
	CamaraClient   string `json:"camara_client_id"`
	CamaraSecret   string `json:"camara_client_secret"`
	CamaraKey      string `json:"camara_private_key"` // PEM, PKCS #8, Ed25519
	SubmailAppID   string `json:"submail_appid"`
	SubmailAppKey  string `json:"submail_appkey"`

	OneAccessClient string `json:"oneaccess_client_id"` // 32 characters (contracts/oneaccess.md §1.1)
	OneAccessSecret string `json:"oneaccess_client_secret"`

	JSMSAppKey       string `json:"jsms_app_key"` // each of the four has 24 characters (contracts/jsms.md §1.1)
	JSMSMasterSecret string `json:"jsms_master_secret"`
	JSMSDevKey       string `json:"jsms_dev_key"`
	JSMSDevSecret    string `json:"jsms_dev_secret"`
}

// openSecrets reads the folder's secrets, and draws what is not there: all of
// them at the first start, new ones after an upgrade.
func openSecrets(folder string, random io.Reader) (secrets, error) {
	path := filepath.Join(folder, "dev-secrets.json")
	var s secrets
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &s); err != nil {
			return secrets{}, fmt.Errorf("%s is damaged: remove it to draw new secrets: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return secrets{}, err
	}
	before := s
	if err := s.fill(random); err != nil {
		return secrets{}, err
	}
	if s == before {
		return s, nil
	}
	return s, writePrivate(path, s)
}

// fill draws what is empty.
func (s *secrets) fill(random io.Reader) error {
	for _, field := range []struct {
		into *string
		draw func(io.Reader) (string, error)
	}{
		{&s.OperatorToken, text(32)}, {&s.YunboxKey, text(32)}, {&s.SMSCPassword, text(8)}, {&s.WebhookSecret, text(32)},
		{&s.GatewayPrivate, drawX25519}, {&s.CamaraClient, text(24)}, {&s.CamaraSecret, text(32)}, {&s.CamaraKey, drawEd25519},
		{&s.SubmailAppID, text(12)}, {&s.SubmailAppKey, text(32)},
		{&s.OneAccessClient, text(32)}, {&s.OneAccessSecret, text(32)},
		{&s.JSMSAppKey, text(24)}, {&s.JSMSMasterSecret, text(24)}, {&s.JSMSDevKey, text(24)}, {&s.JSMSDevSecret, text(24)},
	} {
		if *field.into != "" {
			continue
		}
		var err error
		if *field.into, err = field.draw(random); err != nil {
			return err
		}
	}
	return nil
}

func text(size int) func(io.Reader) (string, error) {
	return func(random io.Reader) (string, error) { return drawText(random, size) }
}

func drawX25519(random io.Reader) (string, error) {
	key, err := ecdh.X25519().GenerateKey(random)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(key.Bytes()), nil
}

// drawEd25519 is a key whose signatures openssl makes in the form that tokens
// have.
func drawEd25519(random io.Reader) (string, error) {
	_, key, err := ed25519.GenerateKey(random)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// camaraSigner is the demo client's key.
func (s secrets) camaraSigner() (*jwt.Signer, error) {
	block, _ := pem.Decode([]byte(s.CamaraKey))
	if block == nil {
		return nil, errors.New("dev-secrets.json: camara_private_key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("dev-secrets.json: camara_private_key does not sign")
	}
	return jwt.NewSigner("", signer)
}

// gatewayPublic is the simulated gateway's public key, Base64.
func (s secrets) gatewayPublic() (string, error) {
	raw, err := base64.StdEncoding.DecodeString(s.GatewayPrivate)
	if err != nil {
		return "", err
	}
	key, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(key.PublicKey().Bytes()), nil
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// drawText draws n characters [A-Za-z0-9], uniformly.
func drawText(random io.Reader, n int) (string, error) {
	text := make([]byte, 0, n)
	var b [1]byte
	for len(text) < n {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", err
		}
		if int(b[0]) < 256-256%len(letters) {
			text = append(text, letters[int(b[0])%len(letters)])
		}
	}
	return string(text), nil
}

// writePrivate writes a JSON file that only its owner can read, whole or not
// at all.
func writePrivate(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
