package config

import (
	"errors"
	"net/url"
	"strings"

	"yanma.dev/yanma/internal/core"
)

var errDatabase = errors.New("neither empty nor a postgres:// URL") // unquoted: it may hold a password

// fetchDatabase makes the database URL whole. The file itself never holds its
// password: that comes from the environment or a file of its own, alone or
// inside of the URL.
func (s *Store) fetchDatabase(at lines, getenv func(string) string, readFile func(string) ([]byte, error)) error {
	text := s.Database.Reveal()
	if strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "file:") {
		var err error
		if text, err = fetchSecret(text, getenv, readFile); err != nil {
			return at.key("store.database", err)
		}
	} else if knownDatabase(text) == nil && holdsPassword(text) {
		return at.key("store.database", errors.New("holds a password: give that as database_password = \"env:NAME\" or \"file:PATH\""))
	}
	password, err := fetchSecret(s.Password.Reveal(), getenv, readFile)
	if err != nil {
		return at.key("store.database_password", err)
	}
	if password != "" {
		if text, err = withPassword(text, password); err != nil {
			return at.key("store.database", err)
		}
	}
	s.Database.Secret, s.Password.Secret = core.NewSecret(text), core.NewSecret("")
	return nil
}

func holdsPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false // check refuses it, or PostgreSQL's own parser
	}
	_, inUser := u.User.Password()
	return inUser || u.Query().Has("password")
}

// withPassword puts a password into a URL.
func withPassword(text, password string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || knownDatabase(text) != nil || u.User.Username() == "" {
		return "", errors.New("with a password it must read postgres://user@host:port/name")
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

func knownDatabase(s string) error {
	if s == "" || strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") {
		return nil
	}
	return errDatabase
}
