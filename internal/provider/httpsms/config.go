package httpsms

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/trust"
)

// Type is which interface a provider speaks.
type Type string

// The types.
const (
	Declared Type = "http" // as Request, Response and Receipt describe it
	Aliyun   Type = "aliyun"
	Tencent  Type = "tencent"
	Twilio   Type = "twilio"
	Submail  Type = "submail"
	Kannel   Type = "kannel"
)

// Types are all of them.
var Types = []Type{Declared, Aliyun, Tencent, Twilio, Submail, Kannel}

// Config is one provider. Zero values mean the defaults in brackets.
type Config struct {
	Name string // unique in an installation; a part of the receipts' path
	Type Type
	URL  string // where requests go [the type's own; none for http and kannel]

	// CAFile is a PEM file of who alone may vouch for the server [Deps.Roots].
	CAFile string

	Account     string      // AccessKeyId, SecretId, AccountSid, appid or username
	Password    core.Secret // what belongs to it
	Source      string      // sender where a message has none
	Signature   string      // the registered 【signature】, without brackets: aliyun, tencent
	Application string      // SmsSdkAppId: tencent
	Region      string      // tencent [ap-guangzhou]

	// Templates says how a message made of one of our templates is sent by a
	// carrier that takes no free text; the key is our template's name.
	Templates map[string]Template

	Window          int           // requests without an answer, 1…10,000 [10]
	RatePerSecond   float64       // requests a second [0: no limit]
	ResponseTimeout time.Duration // for one request, its connection included [10 s]

	ReceiptURL    string      // where carriers reach our receipts' path, such as https://sms.example.net/receipts
	ReceiptSecret core.Secret // unguessable part of that path, 16 to 128 of A–Z a–z 0–9 - _; none: no receipts
	ReceiptKey    core.Secret // what the carrier signs receipts with: submail's hook key, or Receipt.Auth's

	Request  Request  // of http
	Response Response // of http
	Receipt  Receipt  // of http
	Text     Text     // of http: texts of subscribers

	ReconnectMin time.Duration // first wait before connecting again [1 s]
	ReconnectMax time.Duration // the wait doubles up to this [60 s]
}

// Template is a carrier's own template.
type Template struct {
	Code   string   `toml:"code"`   // the carrier's name for it
	Params []string `toml:"params"` // "theirs=ours" or "both"; in the carrier's order where it takes a list
}

// Deps are what a client needs from its surroundings.
type Deps struct {
	Sink   provider.Sink
	Now    func() time.Time
	Random io.Reader      // cryptographic, safe for concurrent use
	Jitter func() float64 // uniform in [0, 1)
	Log    *slog.Logger
	// Dial opens connections; nil means plain TCP. TLS is put on top of it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Roots vouch for servers; nil means the system's.
	Roots *x509.CertPool
}

const maxWindow = 10_000

// urls are the addresses of carriers that have one.
var urls = map[Type]string{
	Aliyun:  "https://dysmsapi.aliyuncs.com/",
	Tencent: "https://sms.tencentcloudapi.com/",
	Twilio:  "https://api.twilio.com",
	Submail: "https://api-v4.mysubmail.com/sms/send",
}

func (cfg Config) withDefaults() Config {
	setDefault(&cfg.URL, urls[cfg.Type])
	setDefault(&cfg.Region, "ap-guangzhou")
	setDefault(&cfg.Window, 10)
	setDefault(&cfg.ResponseTimeout, 10*time.Second)
	setDefault(&cfg.ReconnectMin, time.Second)
	setDefault(&cfg.ReconnectMax, 60*time.Second)
	return cfg
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// Validate finds the first mistake; its error begins with the key at fault, as
// the configuration file writes it.
func (cfg Config) Validate() error {
	cfg = cfg.withDefaults()
	for _, err := range []error{
		cfg.checkName(), cfg.checkURL(), cfg.checkLimits(), cfg.checkReceipts(), cfg.checkTemplates(),
	} {
		if err != nil {
			return err
		}
	}
	if _, err := trust.Roots(cfg.CAFile); err != nil {
		return err
	}
	_, err := cfg.wire()
	return err
}

func (cfg Config) checkName() error {
	if cfg.Name == "" || strings.Trim(cfg.Name, pathLetters) != "" {
		return errors.New("name: must be of A to Z, a to z, 0 to 9, - and _: it is a part of the receipts' path")
	}
	return nil
}

const pathLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (cfg Config) checkURL() error {
	// The URL itself stays out of the errors: it may hold a token.
	return webURL("url", cfg.URL)
}

func webURL(key, address string) error {
	switch u, err := url.Parse(address); {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("%s: not an http or https URL with a host", key)
	case u.User != nil, u.Fragment != "":
		return fmt.Errorf("%s: a user, password or fragment does not belong in it", key)
	}
	return nil
}

func (cfg Config) checkLimits() error {
	switch {
	case cfg.Window < 1 || cfg.Window > maxWindow:
		return fmt.Errorf("window: not 1 to %d", maxWindow)
	case cfg.RatePerSecond < 0:
		return errors.New("rate: must not be negative")
	case cfg.ResponseTimeout < 0:
		return errors.New("response_timeout: must not be negative")
	}
	return nil
}

func (cfg Config) checkReceipts() error {
	secret := cfg.ReceiptSecret.Reveal()
	if secret == "" {
		return nil
	}
	if len(secret) < 16 || len(secret) > 128 || strings.Trim(secret, pathLetters) != "" {
		return errors.New("receipt_secret: must be 16 to 128 characters of A to Z, a to z, 0 to 9, - and _")
	}
	if cfg.ReceiptURL != "" {
		return webURL("receipts.url", cfg.ReceiptURL)
	}
	return nil
}

func (cfg Config) checkTemplates() error {
	for name, t := range cfg.Templates {
		if t.Code == "" {
			return fmt.Errorf("templates.%s: has no code", name)
		}
		for _, p := range t.Params {
			if theirs, ours := t.pair(p); theirs == "" || ours == "" {
				return fmt.Errorf("templates.%s: %q is neither a parameter nor theirs=ours", name, p)
			}
		}
	}
	return nil
}

// pair cuts "theirs=ours".
func (Template) pair(p string) (theirs, ours string) {
	theirs, ours, both := strings.Cut(p, "=")
	if !both {
		ours = theirs
	}
	return theirs, ours
}

// hookURL is where the carrier reports to; "" when it can not.
func (cfg *Config) hookURL() string {
	if cfg.ReceiptURL == "" || cfg.ReceiptSecret.IsZero() {
		return ""
	}
	return strings.TrimSuffix(cfg.ReceiptURL, "/") + "/" + cfg.Name + "/" + cfg.ReceiptSecret.Reveal()
}

func (d Deps) check() error {
	if d.Sink == nil || d.Now == nil || d.Random == nil || d.Jitter == nil || d.Log == nil {
		return errors.New("httpsms: Sink, Now, Random, Jitter and Log are all needed")
	}
	return nil
}

// needHook finds a carrier that has to be told where it reports, and is not.
func (cfg *Config) needHook() error {
	if !cfg.ReceiptSecret.IsZero() && cfg.ReceiptURL == "" {
		return errors.New("receipt_secret: is of no use while receipts.url does not say where carriers reach us")
	}
	return nil
}

// need finds what a type can not do without.
func need(values map[string]string, keys ...string) error {
	for _, key := range keys {
		if values[key] == "" {
			return fmt.Errorf("%s: must be set for this type", key)
		}
	}
	return nil
}

func (cfg *Config) need(keys ...string) error {
	return need(map[string]string{"account": cfg.Account, "password": cfg.Password.Reveal(), "signature": cfg.Signature,
		"application": cfg.Application, "source": cfg.Source, "url": cfg.URL}, keys...)
}
