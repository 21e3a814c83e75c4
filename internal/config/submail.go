package config

import (
	"errors"
	"time"
)

// Submail is what the submail dialect leaves to the installation.
type Submail struct {
	HTTPStatus string   `toml:"http_status"` // of errors: 200, or strict (contracts/submail.md §2)
	Window     Duration `toml:"window"`      // how far a timestamp may be off, either way; default 60s, 6s is the vendor's own
}

func defaultSubmail() Submail { return Submail{HTTPStatus: "200", Window: Duration(time.Minute)} }

// Strict tells whether errors have an HTTP status of their own.
func (s Submail) Strict() bool { return s.HTTPStatus == "strict" }

func (c *Config) checkSubmail(at lines) error {
	if err := at.key("submail.http_status", oneOf(c.Submail.HTTPStatus, "200", "strict")); err != nil {
		return err
	}
	if w := c.Submail.Window.D(); w < time.Second || w > time.Hour {
		return at.key("submail.window", errors.New("want 1s to 1h"))
	}
	return nil
}
