package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"yanma.dev/yanma/internal/core"
)

// Load reads, completes and checks the file at path. getenv and readFile give
// secrets. An error is one clear sentence with the file, the line and the key.
func Load(path string, getenv func(string) string, readFile func(string) ([]byte, error)) (Config, error) {
	data, err := readFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c, err := Parse(data, getenv, readFile)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse is Load on the file's content.
func Parse(data []byte, getenv func(string) string, readFile func(string) ([]byte, error)) (Config, error) {
	c := Defaults()
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Config{}, readable(err)
	}
	for i := range c.Providers {
		c.Providers[i].providerDefaults()
	}
	at := findLines(data)
	if err := c.fetchSecrets(at, getenv, readFile); err != nil {
		return Config{}, err
	}
	if err := c.check(at); err != nil {
		return Config{}, err
	}
	if err := c.readPorted(at, readFile); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readable turns the decoder's errors into "line N: key: what".
func readable(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := &strict.Errors[0]
		row, _ := first.Position()
		return fmt.Errorf("line %d: %s: unknown key", row, strings.Join(first.Key(), "."))
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, _ := bad.Position()
		what := plain(strings.TrimPrefix(bad.Error(), "toml: "))
		if key := strings.Join(bad.Key(), "."); key != "" {
			return fmt.Errorf("line %d: %s: %s", row, key, what)
		}
		return fmt.Errorf("line %d: %s", row, what)
	}
	return err
}

// plain says a mismatch of types in the file's terms rather than in Go's.
func plain(text string) string {
	rest, isMismatch := strings.CutPrefix(text, "cannot decode TOML ")
	found, into, hasTarget := strings.Cut(rest, " into ")
	if !isMismatch || !hasTarget {
		return text
	}
	if i := strings.LastIndex(into, " of type "); i >= 0 {
		into = into[i+len(" of type "):]
	}
	return fmt.Sprintf("is a TOML %s, should be a TOML %s", found, tomlType(into))
}

func tomlType(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "array"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), goType == "core.Credits":
		return "integer"
	case goType == "bool":
		return "boolean"
	case goType == "string", strings.HasPrefix(goType, "netip."), goType == "config.Duration", goType == "config.Secret":
		return "string"
	default:
		return "table"
	}
}

func (c *Config) fetchSecrets(at lines, getenv func(string) string, readFile func(string) ([]byte, error)) error {
	if err := c.Store.fetchDatabase(at, getenv, readFile); err != nil {
		return err
	}
	secrets := map[string]*Secret{"operator.token": &c.Operator.Token, "tunnel.webhook.secret": &c.Tunnel.Webhook.Secret}
	for i := range c.Providers {
		secrets[item("provider", i, "password")] = &c.Providers[i].Password
		secrets[item("provider", i, "receipt_secret")] = &c.Providers[i].ReceiptSecret
		secrets[item("provider", i, "receipt_key")] = &c.Providers[i].ReceiptKey
	}
	c.carrierSecrets(secrets)
	c.captchaSecrets(secrets)
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		value, err := fetchSecret(secrets[key].Reveal(), getenv, readFile)
		if err != nil {
			return at.key(key, err)
		}
		secrets[key].Secret = core.NewSecret(value)
	}
	return nil
}

func fetchSecret(source string, getenv func(string) string, readFile func(string) ([]byte, error)) (string, error) {
	if source == "" {
		return "", nil
	}
	if name, ok := strings.CutPrefix(source, "env:"); ok {
		if v := getenv(name); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the environment has no %s", name)
	}
	if path, ok := strings.CutPrefix(source, "file:"); ok {
		b, err := readFile(path)
		if err != nil {
			return "", err
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return "", errors.New("a secret is written as env:NAME or file:PATH, never in the file itself")
}

// ReadFile is os.ReadFile, for callers that load from disk.
func ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Complete fills the defaults of the providers in a configuration that was
// made in code, and checks it.
func (c Config) Complete() (Config, error) {
	for i := range c.Providers {
		c.Providers[i].providerDefaults()
	}
	return c, c.check(lines{})
}
