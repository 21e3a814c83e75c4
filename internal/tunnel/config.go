package tunnel

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Provisioner says who makes peers work.
type Provisioner string

// The provisioners (contracts/yunbox.md §8).
const (
	ProvisionerNone    Provisioner = "none"    // records only; no device gets a configuration
	ProvisionerWebhook Provisioner = "webhook" // an outside back end is told of each record
)

// Config is the installation's tunnel. DefaultConfig has the defaults.
type Config struct {
	Provisioner Provisioner

	// IPv4Pool is cut into networks of prefix length IPv4Bits, IPv6Pool into
	// /64s; a network is one of each. Once a network was given out, the pools
	// may only change in length: see Service.Prepare.
	IPv4Pool     netip.Prefix
	IPv4Bits     int
	IPv6Pool     netip.Prefix
	TestNetworks int // how many of the networks, the first ones, are for test users; 0: 256, or a sixteenth of fewer than 4,096

	DNS              []netip.Addr   // empty: the line is left out, here and below
	MTU              int            // bytes; 0, or 1280 to 65535
	AllowedIPs       []netip.Prefix // what devices send through the tunnel
	Endpoint         string         // host:port of the gateway
	GatewayPublicKey string         // Base64
	Keepalive        int            // seconds; 0 to 65535

	// ForgetKeyAfterHandOut erases a device's private key when its
	// configuration is handed out for the first time.
	ForgetKeyAfterHandOut bool

	Webhook Webhook
}

// Webhook is the outside back end.
type Webhook struct {
	URL     string        // http or https; loopback and private targets are fine: the operator names it
	Secret  core.Secret   // signs the requests; at least 16 characters
	Timeout time.Duration // of one request, over 0 to 5 s
}

// maxTimeout is contracts/yunbox.md §8: 2xx within 5 s.
const maxTimeout = 5 * time.Second

// DefaultConfig is records only: 131,072 networks of 125 devices each out of
// 10.0.0.0/8, the first 256 of them for test users. (A /26 halves the devices
// and doubles the networks.)
func DefaultConfig() Config {
	return Config{
		Provisioner: ProvisionerNone,
		IPv4Pool:    netip.MustParsePrefix("10.0.0.0/8"),
		IPv4Bits:    25,
		IPv6Pool:    netip.MustParsePrefix("fd77:7961:6e00::/40"),
		MTU:         1420,
		AllowedIPs:  []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
		Keepalive:   25,
		Webhook:     Webhook{Timeout: maxTimeout},
	}
}

// Validate finds every mistake; each error begins with the key at fault.
func (c Config) Validate() error {
	errs := []error{c.validatePools()}
	if c.MTU != 0 && (c.MTU < 1280 || c.MTU > 65535) {
		errs = append(errs, fmt.Errorf("mtu: %d is not 0 or 1280 to 65535", c.MTU))
	}
	if c.Keepalive < 0 || c.Keepalive > 65535 {
		errs = append(errs, fmt.Errorf("keepalive: %d is not 0 to 65535 seconds", c.Keepalive))
	}
	for _, a := range c.DNS {
		if !a.IsValid() || a.Zone() != "" {
			errs = append(errs, fmt.Errorf("dns: %q is not an address", a))
		}
	}
	for _, p := range c.AllowedIPs {
		if !p.IsValid() || p != p.Masked() {
			errs = append(errs, fmt.Errorf("allowed_ips: %q is not a network's first address with its length", p))
		}
	}
	switch c.Provisioner {
	case ProvisionerNone:
	case ProvisionerWebhook:
		errs = append(errs, c.validateGateway(), c.Webhook.validate())
	default:
		errs = append(errs, fmt.Errorf("provisioner: %q is not none or webhook", c.Provisioner))
	}
	return errors.Join(errs...)
}

func (c Config) validatePools() error {
	var errs []error
	pool4, pool6 := c.IPv4Pool, c.IPv6Pool
	ok4 := pool4.IsValid() && pool4.Addr().Is4() && pool4 == pool4.Masked()
	if !ok4 {
		errs = append(errs, fmt.Errorf("ipv4_pool: %q is not an IPv4 network such as 10.0.0.0/8", pool4))
	}
	if c.IPv4Bits < 16 || c.IPv4Bits > 30 || ok4 && c.IPv4Bits < pool4.Bits() {
		errs = append(errs, fmt.Errorf("ipv4_bits: %d is not 16 to 30 and at least the pool's length", c.IPv4Bits))
	}
	if !pool6.IsValid() || !pool6.Addr().Is6() || pool6.Addr().Is4In6() || pool6 != pool6.Masked() || pool6.Bits() > 64 {
		errs = append(errs, fmt.Errorf("ipv6_pool: %q is not an IPv6 network of at most /64 such as fd77:7961:6e00::/40", pool6))
	}
	if len(errs) == 0 && (c.TestNetworks < 0 || c.testNetworks() >= c.networks()) {
		errs = append(errs, fmt.Errorf("test_networks: %d leaves no network for real users: the pools have %d", c.testNetworks(), c.networks()))
	}
	return errors.Join(errs...)
}

func (c Config) validateGateway() error {
	var errs []error
	if key, err := base64.StdEncoding.DecodeString(c.GatewayPublicKey); err != nil || len(key) != keySize {
		errs = append(errs, errors.New("gateway_public_key: not the Base64 of 32 bytes"))
	}
	host, port, err := net.SplitHostPort(c.Endpoint)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" || strings.ContainsFunc(host, notInHost) {
		errs = append(errs, fmt.Errorf("endpoint: %q is not host:port", c.Endpoint))
	}
	if len(c.AllowedIPs) == 0 {
		errs = append(errs, errors.New("allowed_ips: empty, so nothing would go through the tunnel"))
	}
	return errors.Join(errs...)
}

// notInHost keeps what would break out of the configuration's line.
func notInHost(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(`"#,/=[]\`, r)
}

func (w Webhook) validate() error {
	var errs []error
	// The URL itself stays out of the errors: it may hold a token.
	switch u, err := url.Parse(w.URL); {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		errs = append(errs, errors.New("webhook.url: not an http or https URL with a host"))
	case u.User != nil, u.Fragment != "":
		errs = append(errs, errors.New("webhook.url: a user, password or fragment does not belong in it"))
	}
	if len(w.Secret.Reveal()) < 16 {
		errs = append(errs, errors.New("webhook.secret: shorter than 16 characters"))
	}
	if w.Timeout <= 0 || w.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("webhook.timeout: %v is not over 0 to %v", w.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
