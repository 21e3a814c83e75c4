package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
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
	if err := c.fetchSecrets(getenv, readFile); err != nil {
		return Config{}, err
	}
	if err := c.check(lines{data}); err != nil {
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
		if key := strings.Join(bad.Key(), "."); key != "" {
			return fmt.Errorf("line %d: %s: %s", row, key, strings.TrimPrefix(bad.Error(), "toml: "))
		}
		return fmt.Errorf("line %d: %s", row, strings.TrimPrefix(bad.Error(), "toml: "))
	}
	return err
}

func (c *Config) fetchSecrets(getenv func(string) string, readFile func(string) ([]byte, error)) error {
	fetch := func(key string, s *Secret) error {
		value, err := fetchSecret(s.Reveal(), getenv, readFile)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		s.Secret = core.NewSecret(value)
		return nil
	}
	if err := fetch("operator.token", &c.Operator.Token); err != nil {
		return err
	}
	if err := fetch("tunnel.webhook.secret", &c.Tunnel.Webhook.Secret); err != nil {
		return err
	}
	for i := range c.Providers {
		if err := fetch("provider."+c.Providers[i].Name+".password", &c.Providers[i].Password); err != nil {
			return err
		}
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

// lines finds the line of a key, for errors of meaning rather than of syntax.
type lines struct{ data []byte }

// of is the line on which the last part of a dotted key is set, inside the
// n-th table (from 0) of its name; 0 when it is not in the file.
func (l lines) of(table, key string, n int) int {
	current, seen := "", -1
	for i, line := range strings.Split(string(l.data), "\n") {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "[") {
			current = strings.Trim(strings.SplitN(text, "#", 2)[0], "[] \t")
			if current == table {
				seen++
			}
			continue
		}
		name, _, isKey := strings.Cut(text, "=")
		if isKey && current == table && max(seen, 0) == n && strings.TrimSpace(name) == key {
			return i + 1
		}
	}
	return 0
}
