package sip

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/sip/rtp"
)

// Format is how a number is written towards the trunk.
type Format string

// The formats of +8613800138000.
const (
	FormatPlus     Format = "plus"     // +8613800138000
	FormatDigits   Format = "digits"   // 8613800138000
	FormatNational Format = "national" // 13800138000; numbers of other countries as digits
)

// Config is one trunk.
type Config struct {
	Name      string        // unique in the installation
	Addr      string        // host:port of the trunk
	Transport string        // udp or tcp; "" = udp
	Listen    string        // host:port of ours for SIP over UDP; "" = the address that reaches the trunk, any port
	MediaIP   string        // address of ours that the trunk is told for SIP and RTP, where it differs (NAT); "" = the one that we use
	Ports     [2]uint16     // first and last port for RTP; 0 = any
	Account   string        // user name of the digest authentication; "" = none
	Password  core.Secret   // its password
	Domain    string        // of the addresses in From and To; "" = the trunk's host
	Source    string        // our number, shown to the callee; "" = Account
	Format    Format        // of numbers; "" = plus
	Window    int           // calls at a time; 0 = 10
	Rate      float64       // calls a second; 0 = no limit of ours
	Ring      time.Duration // until the callee answers, then it is no answer; 0 = 45 s
	Response  time.Duration // until the trunk answers anything, then the outcome is unknown; 0 = 10 s
	Probe     time.Duration // between two OPTIONS that ask whether the trunk is there; 0 = 30 s, below 0 = never: it is taken for up
}

// Deps are what a Client is made of; all are required but Frame.
type Deps struct {
	Sink   provider.Sink
	Now    func() time.Time
	Random io.Reader // cryptographic
	Log    *slog.Logger
	Frame  time.Duration // between two packets of 20 ms; 0 = 20 ms; less where nobody listens
}

func (c Config) withDefaults() Config {
	set := func(to *time.Duration, otherwise time.Duration) {
		if *to == 0 {
			*to = otherwise
		}
	}
	set(&c.Ring, 45*time.Second)
	set(&c.Response, 10*time.Second)
	set(&c.Probe, 30*time.Second)
	if c.Window == 0 {
		c.Window = 10
	}
	if c.Transport == "" {
		c.Transport = "udp"
	}
	if c.Format == "" {
		c.Format = FormatPlus
	}
	if c.Domain == "" {
		c.Domain, _, _ = net.SplitHostPort(c.Addr)
	}
	if c.Source == "" {
		c.Source = c.Account
	}
	return c
}

// Validate tells what is wrong; each error begins with the key of yanma.toml
// at fault.
func (c Config) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)
	switch {
	case err != nil || host == "" || port == "":
		return fmt.Errorf("address: %q is not host:port", c.Addr)
	case c.Transport != "" && c.Transport != "udp" && c.Transport != "tcp":
		return fmt.Errorf("transport: %q is not one of udp, tcp", c.Transport)
	case c.Format != "" && c.Format != FormatPlus && c.Format != FormatDigits && c.Format != FormatNational:
		return fmt.Errorf("format: %q is not one of plus, digits, national", c.Format)
	case c.Window < 0:
		return errors.New("window: must not be negative")
	case c.Account == "" && !c.Password.IsZero():
		return errors.New("account: needed with password")
	case !safe(c.Account):
		return errors.New("account: letters, digits and - _ . + only")
	case !safe(c.Source):
		return errors.New("source: letters, digits and - _ . + only")
	case !safe(c.Domain):
		return errors.New("domain: a host name or an address")
	case c.Ports[0] > c.Ports[1]:
		return errors.New("media_ports: the first one is above the last one")
	case c.Ports[1] > 0 && int(c.Ports[1]-c.Ports[0])+1 < c.Window:
		return errors.New("media_ports: fewer ports than calls at a time (window)")
	}
	return c.validateAddresses()
}

func (c Config) validateAddresses() error {
	if c.Listen != "" {
		if c.Transport == "tcp" {
			return errors.New("listen: is for udp only")
		}
		at, err := netip.ParseAddrPort(c.Listen)
		if err != nil || at.Addr().IsUnspecified() {
			return errors.New("listen: want an address of this machine and a port, such as 192.0.2.1:5060")
		}
	}
	if c.MediaIP != "" {
		if at, err := netip.ParseAddr(c.MediaIP); err != nil || at.IsUnspecified() || at.Zone() != "" {
			return errors.New("media_address: want an IP address")
		}
	}
	return nil
}

// safe tells whether s can stand in a SIP URI as it is.
func safe(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.+", r)
	})
}

func (d *Deps) check() error {
	if d.Sink == nil || d.Now == nil || d.Random == nil || d.Log == nil {
		return errors.New("sip: a required dependency is missing")
	}
	if d.Frame == 0 {
		d.Frame = rtp.Frame
	}
	return nil
}

// written is a number as the trunk wants it.
func (f Format) written(to core.Phone) string {
	digits := strings.TrimPrefix(to.E164(), "+")
	switch {
	case f == FormatDigits:
		return digits
	case f == FormatNational && strings.HasPrefix(digits, "86"):
		return digits[2:]
	case f == FormatNational:
		return digits
	}
	return "+" + digits
}
