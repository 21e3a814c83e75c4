package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"yanma.dev/yanma/internal/guard"
)

// facadeNames are the dialects that can be configured.
var facadeNames = map[string]bool{"yunbox": true, "oneaccess": true, "jsms": true, "submail": true, "camara": true}

// check finds the first value that can not work.
func (c *Config) check(l lines) error {
	at := func(table, key string, n int, err error) error {
		if err == nil {
			return nil
		}
		name := table + "." + key
		if line := l.of(table, key, n); line > 0 {
			return fmt.Errorf("line %d: %s: %w", line, name, err)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	checks := []error{
		at("server", "listen", 0, hostPort(c.Server.Listen)),
		at("server", "tls_key", 0, together(c.Server.TLSCert, c.Server.TLSKey)),
		at("server", "max_requests", 0, between(c.Server.MaxRequests, 1, 1<<20)),
		at("server", "drain_timeout", 0, durationBetween(c.Server.DrainTimeout, time.Second, 10*time.Minute)),
		at("operator", "listen", 0, hostPort(c.Operator.Listen)),
		at("operator", "token", 0, longEnough(c.Operator.Token)),
		at("store", "data", 0, notEmpty(c.Store.Data)),
		at("store", "queue", 0, between(c.Store.Queue, 1, 1<<20)),
		at("store", "database", 0, knownDatabase(c.Store.Database)),
		at("log", "level", 0, new(slog.LevelVar).UnmarshalText([]byte(c.Log.Level))),
		at("prices", "sms", 0, notNegative(int64(c.Prices.SMS))),
		at("prices", "login", 0, notNegative(int64(c.Prices.Login))),
		at("retention", "verifications", 0, durationBetween(c.Retention.Verifications, 25*time.Hour, 100*365*24*time.Hour)),
		at("retention", "messages", 0, durationBetween(c.Retention.Messages, 96*time.Hour, 100*365*24*time.Hour)),
		at("tunnel", "provisioner", 0, oneOf(c.Tunnel.Provisioner, "none", "webhook")),
	}
	if _, err := guard.DefaultRules().With(c.Limits.Rules); err != nil {
		checks = append(checks, at("limits", "rules", 0, err))
	}
	for name, f := range c.Facades {
		if !facadeNames[name] {
			checks = append(checks, fmt.Errorf("facade.%s: there is no such dialect", name))
		}
		checks = append(checks, at("facade."+name, "prefix", 0, prefix(f.Prefix)))
	}
	names := map[string]bool{}
	for i, p := range c.Providers {
		checks = append(checks, at("provider", "name", i, p.checkName(names)),
			at("provider", "type", i, oneOf(p.Type, "smpp")),
			at("provider", "address", i, hostPort(p.Address)),
			at("provider", "system_id", i, atMost(p.SystemID, 15)),
			at("provider", "password", i, atMost(p.Password.Reveal(), 8)),
			at("provider", "system_type", i, atMost(p.SystemType, 12)),
			at("provider", "source", i, atMost(p.Source, 20)),
			at("provider", "window", i, between(p.Window, 1, 10000)),
			at("provider", "rate", i, between(p.Rate, 0, 1000000)),
			at("provider", "id_radix", i, oneOf(p.IDRadix, "auto", "literal", "hex", "decimal")),
			at("provider", "long_message", i, oneOf(p.LongMessage, "udh", "payload")),
			at("provider", "enquire_every", i, durationBetween(p.EnquireEvery, time.Second, time.Hour)),
			at("provider", "response_timeout", i, durationBetween(p.ResponseTimeout, time.Second, 10*time.Minute)))
	}
	if c.Tunnel.Provisioner == "webhook" {
		checks = append(checks, at("tunnel.webhook", "url", 0, webURL(c.Tunnel.Webhook.URL)))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p Provider) checkName(seen map[string]bool) error {
	if p.Name == "" {
		return errors.New("a provider needs a name")
	}
	if seen[p.Name] {
		return fmt.Errorf("two providers are called %q", p.Name)
	}
	seen[p.Name] = true
	return nil
}

func hostPort(s string) error {
	if _, _, err := net.SplitHostPort(s); err != nil {
		return fmt.Errorf("%q is not host:port", s)
	}
	return nil
}

func together(cert, key string) error {
	if (cert == "") != (key == "") {
		return errors.New("tls_cert and tls_key go together")
	}
	return nil
}

func between(v, low, high int) error {
	if v < low || v > high {
		return fmt.Errorf("%d is not between %d and %d", v, low, high)
	}
	return nil
}

func durationBetween(v Duration, low, high time.Duration) error {
	if v.D() < low || v.D() > high {
		return fmt.Errorf("%v is not between %v and %v", v.D(), low, high)
	}
	return nil
}

func longEnough(s Secret) error {
	if n := len(s.Reveal()); n > 0 && n < 16 {
		return errors.New("a token has at least 16 characters")
	}
	return nil
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("must not be empty")
	}
	return nil
}

func notNegative(v int64) error {
	if v < 0 {
		return errors.New("must not be negative")
	}
	return nil
}

func atMost(s string, n int) error {
	if len(s) > n {
		return fmt.Errorf("at most %d characters", n)
	}
	return nil
}

func oneOf(s string, all ...string) error {
	for _, v := range all {
		if s == v {
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", s, strings.Join(all, ", "))
}

func knownDatabase(s string) error {
	if s == "" {
		return nil
	}
	return errors.New("only SQLite in the data folder is there yet: leave it empty")
}

func prefix(s string) error {
	if s != "" && (!strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//")) {
		return fmt.Errorf("%q is not of the form /name", s)
	}
	return nil
}

func webURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("needs an http or https URL")
	}
	return nil
}
