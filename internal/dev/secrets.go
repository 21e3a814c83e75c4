package dev

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// secrets stay the same from one start on a folder to the next, so that what a
// person copied yesterday works today.
type secrets struct {
	OperatorToken  string `json:"operator_token"`
	YunboxKey      string `json:"yunbox_key"`
	SMSCPassword   string `json:"smsc_password"` // at most 8 characters (SMPP)
	WebhookSecret  string `json:"webhook_secret"`
	GatewayPrivate string `json:"gateway_private_key"` // Base64, X25519
}

// openSecrets reads the folder's secrets, or draws them at the first start.
func openSecrets(folder string, random io.Reader) (secrets, error) {
	path := filepath.Join(folder, "dev-secrets.json")
	var s secrets
	data, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, &s); err != nil {
			return secrets{}, fmt.Errorf("%s is damaged: remove it to draw new secrets: %w", path, err)
		}
		return s, nil
	case !errors.Is(err, fs.ErrNotExist):
		return secrets{}, err
	}
	for _, field := range []struct {
		into *string
		size int
	}{{&s.OperatorToken, 32}, {&s.YunboxKey, 32}, {&s.SMSCPassword, 8}, {&s.WebhookSecret, 32}} {
		if *field.into, err = drawText(random, field.size); err != nil {
			return secrets{}, err
		}
	}
	key, err := ecdh.X25519().GenerateKey(random)
	if err != nil {
		return secrets{}, err
	}
	s.GatewayPrivate = base64.StdEncoding.EncodeToString(key.Bytes())
	return s, writePrivate(path, s)
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
