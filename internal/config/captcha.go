package config

import (
	"errors"
	"time"

	"yanma.dev/yanma/internal/captcha/puzzle"
	"yanma.dev/yanma/internal/captcha/siteverify"
)

// Captcha is what the challenges of end users leave to the installation; which
// one an app asks for, and when, are settings of the app.
type Captcha struct {
	Ahead     int               `toml:"ahead"`     // pictures that are kept drawn, 76 KiB each, 0 to 4096; default 128
	Watermark string            `toml:"watermark"` // written into each background: letters, digits, blanks and - . : /; "" = none
	Verifiers []CaptchaVerifier `toml:"verifier"`
}

// CaptchaVerifier is somebody else's challenge, which an app may take.
type CaptchaVerifier struct {
	Name   string   `toml:"name"`   // by which apps' settings name it
	URL    string   `toml:"url"`    // that takes secret and response and answers {"success": …}
	Secret Secret   `toml:"secret"` // the site's secret with it
	Limit  Duration `toml:"limit"`  // how long it may take to answer, 100ms to 30s; default 3s
}

func defaultCaptcha() Captcha { return Captcha{Ahead: 128} }

func (c *Config) checkCaptcha(at lines) error {
	if err := errors.Join(at.key("captcha.ahead", between(c.Captcha.Ahead, 0, 4096)),
		at.key("captcha.watermark", puzzle.CheckWatermark(c.Captcha.Watermark))); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range c.Captcha.Verifiers {
		v := &c.Captcha.Verifiers[i]
		if v.Limit == 0 {
			v.Limit = Duration(siteverify.DefaultLimit)
		}
		var twice, noSecret error
		if names[v.Name] {
			twice = errors.New("another one has that name")
		}
		if v.Secret.IsZero() {
			noSecret = errors.New("must be set, as env:NAME or file:PATH")
		}
		for _, err := range []error{
			at.key(item("captcha.verifier", i, "name"), notEmpty(v.Name)),
			at.key(item("captcha.verifier", i, "name"), twice),
			at.key(item("captcha.verifier", i, "url"), siteverify.CheckURL(v.URL)),
			at.key(item("captcha.verifier", i, "secret"), noSecret),
			at.key(item("captcha.verifier", i, "limit"), durationBetween(v.Limit, 100*time.Millisecond, 30*time.Second)),
		} {
			if err != nil {
				return err
			}
		}
		names[v.Name] = true
	}
	return nil
}

// captchaSecrets names the secrets of verifiers.
func (c *Config) captchaSecrets(into map[string]*Secret) {
	for i := range c.Captcha.Verifiers {
		into[item("captcha.verifier", i, "secret")] = &c.Captcha.Verifiers[i].Secret
	}
}
