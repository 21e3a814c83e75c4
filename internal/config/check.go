package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/guard"
)

// facadeNames are the dialects that can be configured.
var facadeNames = map[string]bool{"yunbox": true, "oneaccess": true, "jsms": true, "submail": true, "camara": true}

const (
	halfYear = 183 * 24 * time.Hour
	century  = 100 * 365 * 24 * time.Hour
)

// check finds the first value that can not work.
func (c *Config) check(at lines) error {
	checks := []error{
		at.key("server.listen", hostPort(c.Server.Listen)),
		at.key(c.Server.pair()),
		at.key("server.max_connections", between(c.Server.MaxConnections, 1, 1<<20)),
		at.key("server.max_requests", between(c.Server.MaxRequests, 1, 1<<20)),
		at.key("server.drain_timeout", durationBetween(c.Server.DrainTimeout, time.Second, 10*time.Minute)),
		at.key("server.public_url", baseURL(c.Server.PublicURL)),
		at.key("server.enrichment_proxies", c.Server.enrichment()),
		at.key("operator.listen", hostPort(c.Operator.Listen)),
		at.key("operator.token", longEnough(c.Operator.Token)),
		at.key("store.data", notEmpty(c.Store.Data)),
		at.key("store.database", knownDatabase(c.Store.Database.Reveal())),
		at.key("store.queue", between(c.Store.Queue, 1, 1<<20)),
		at.key("store.batchers", between(c.Store.Batchers, 1, 16)),
		at.key("store.answer_within", durationBetween(c.Store.AnswerWithin, 50*time.Millisecond, time.Minute)),
		at.key("log.level", oneOf(c.Log.Level, "debug", "info", "warn", "error")),
		at.key("prices.sms", notNegative(int64(c.Prices.SMS))),
		at.key("prices.login", notNegative(int64(c.Prices.Login))),
		at.key("prices.verify", notNegative(int64(c.Prices.Verify))),
		at.key("prices.fetch", notNegative(int64(c.Prices.Fetch))),
		at.key("prices.voice", notNegative(int64(c.Prices.Voice))),
		at.key("retention.verifications", durationBetween(c.Retention.Verifications, 25*time.Hour, century)),
		at.key("retention.messages", durationBetween(c.Retention.Messages, 96*time.Hour, century)),
		at.key("retention.receipts", durationBetween(c.Retention.Receipts, 96*time.Hour, century)),
		at.key("retention.logins", durationBetween(c.Retention.Logins, halfYear, century)),
		at.key("retention.audit", zeroOr(c.Retention.Audit, halfYear, century)),
		at.key("messages.longest", between(c.Messages.Longest, 70, 500)),
		at.key("messages.words", c.Messages.checkWords()),
		c.checkLimits(at),
		at.key("guard.mode", oneOf(c.Guard.Mode, "off", "record", "enforce")),
		at.key("guard.home", regions(c.Guard.Home)),
		c.checkFacades(at),
		c.checkSubmail(at),
		c.checkCaptcha(at),
		at.key("receipts.prefix", notEmpty(c.Receipts.Prefix)),
		at.key("receipts.prefix", prefix(c.Receipts.Prefix)),
		at.key("receipts.url", webAddress(c.Receipts.URL)),
		c.checkProviders(at),
		c.checkCarriers(at),
		c.SIMSwap.check(at),
		c.checkRoutes(at),
		c.Tunnel.check(at),
		at.key("operator.token", given(c.Operator.Token)),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// regions are ISO 3166 codes of two capital letters, at least one.
func regions(codes []string) error {
	if len(codes) == 0 {
		return errors.New("want at least one region, such as CN")
	}
	for _, code := range codes {
		if len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return fmt.Errorf("%q is no ISO 3166 region of two capital letters", code)
		}
	}
	return nil
}

func (c *Config) checkLimits(at lines) error {
	for _, name := range slices.Sorted(maps.Keys(c.Limits.Rules)) {
		if _, err := guard.DefaultRules().With(map[string][]string{name: c.Limits.Rules[name]}); err != nil {
			return at.key("limits.rules."+name, errors.New(strings.TrimPrefix(err.Error(), name+": ")))
		}
	}
	return nil
}

func (c *Config) checkFacades(at lines) error {
	for _, name := range slices.Sorted(maps.Keys(c.Facades)) {
		table, f := "facade."+name, c.Facades[name]
		if !facadeNames[name] {
			return at.key(table, errors.New("there is no such dialect"))
		}
		if err := hostNames(f.Hosts); err != nil {
			return at.key(table+".hosts", err)
		}
		if err := prefix(f.Prefix); err != nil {
			return at.key(table+".prefix", err)
		}
	}
	return nil
}

func (c *Config) checkProviders(at lines) error {
	names := map[string]bool{}
	for i, p := range c.Providers {
		if err := at.key(item("provider", i, "name"), p.checkName(names)); err != nil {
			return err
		}
		if err := at.key(item("provider", i, "type"), oneOf(p.Type, providerTypes()...)); err != nil {
			return err
		}
		check := p.checkSMPP
		if p.Type == "cmpp" {
			check = p.checkCMPP
		}
		if p.Type == "sip" {
			check = p.checkSIP
		}
		if p.OverHTTP() {
			check = func(at lines, i int) error { return p.checkHTTP(at, i, c.Receipts) }
		}
		if err := p.checkKeys(at, i); err != nil {
			return err
		}
		if err := check(at, i); err != nil {
			return err
		}
	}
	return nil
}

// check is tunnel.Config.Validate's, with lines: each of its errors begins
// with the key at fault.
func (t Tunnel) check(at lines) error {
	err := t.Service().Validate()
	if err == nil {
		return nil
	}
	key, what, _ := strings.Cut(strings.SplitN(err.Error(), "\n", 2)[0], ": ")
	return at.key("tunnel."+key, errors.New(what))
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

// pair finds a certificate without its key, or the other way round.
func (s Server) pair() (string, error) {
	switch {
	case s.TLSCert != "" && s.TLSKey == "":
		return "server.tls_cert", errors.New("needs tls_key beside it")
	case s.TLSCert == "" && s.TLSKey != "":
		return "server.tls_key", errors.New("needs tls_cert beside it")
	default:
		return "", nil
	}
}

func between(v, low, high int) error {
	if v < low || v > high {
		return fmt.Errorf("%d is not between %d and %d", v, low, high)
	}
	return nil
}

func durationBetween(v Duration, low, high time.Duration) error {
	if v.D() < low || v.D() > high {
		return fmt.Errorf("%s is not between %s and %s", v, Duration(low), Duration(high))
	}
	return nil
}

// zeroOr is for a time of which zero has a meaning of its own.
func zeroOr(v Duration, low, high time.Duration) error {
	if v == 0 {
		return nil
	}
	if err := durationBetween(v, low, high); err != nil {
		return fmt.Errorf("%w, nor 0s", err)
	}
	return nil
}

func longEnough(s Secret) error {
	if n := len(s.Reveal()); n > 0 && n < 16 {
		return errors.New("a token has at least 16 characters")
	}
	return nil
}

func given(s Secret) error {
	if s.IsZero() {
		return errors.New("must be set, as env:NAME or file:PATH of at least 16 characters")
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

// sender is contracts/delivery.md §2.1: a number, or a name of ASCII.
func sender(s string) error {
	digits := strings.TrimPrefix(s, "+")
	if strings.Trim(digits, "0123456789") == "" {
		return atMost(digits, 20)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("a sender's name is ASCII")
	}
	return atMost(s, 11)
}

func oneOf(s string, all ...string) error {
	for _, v := range all {
		if s == v {
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", s, strings.Join(all, ", "))
}

func prefix(s string) error {
	if s != "" && (!strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//")) {
		return fmt.Errorf("%q is not of the form /name", s)
	}
	return nil
}

func hostNames(hosts []string) error {
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") {
			return fmt.Errorf("%q is not a host name without a port", h)
		}
	}
	return nil
}
