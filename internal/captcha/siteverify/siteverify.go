package siteverify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
)

// DefaultLimit is how long one question may take in all.
const DefaultLimit = 3 * time.Second

// rest is when a verifier is left alone: five failures in half a minute, for 15 s.
var rest = breaker.Rule{Failures: 5, Within: 30 * time.Second, Rest: 15 * time.Second}

// Why there is no answer.
var (
	ErrResting = errors.New("it failed too often and rests")
	ErrAnswer  = errors.New("its answer is not {\"success\": …}")
)

// Options are a verifier's; what is in brackets is the default.
type Options struct {
	URL    string
	Secret core.Secret
	Limit  time.Duration  // [DefaultLimit]
	Roots  *x509.CertPool // who may vouch for it [the system's]
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Now    func() time.Time
}

// Client is one verifier. It is safe for concurrent use; close it.
type Client struct {
	o       Options
	calls   *httpcall.Client
	breaker *breaker.Breaker
}

// CheckURL reports what is wrong with a verifier's address. A secret goes there:
// it is https, or this machine.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("want https://host/path")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && (err != nil || !ip.IsLoopback()) {
		return errors.New("want https: the secret is sent there")
	}
	return nil
}

// New returns a verifier.
func New(o Options) *Client {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	return &Client{o: o, breaker: breaker.New(rest, o.Now),
		calls: httpcall.New(httpcall.Options{Dial: o.Dial, Roots: o.Roots, MaxAnswer: 16 << 10})}
}

// Verify asks about a token that a browser brought from an address. The error is
// why there is no answer; it holds neither token nor secret.
func (c *Client) Verify(ctx context.Context, token string, ip netip.Addr) (bool, error) {
	permit, ok := c.breaker.Allow()
	if !ok {
		return false, ErrResting
	}
	passed, err := c.ask(ctx, token, ip)
	if err != nil && ctx.Err() != nil {
		permit.Cancel() // the caller left: that says nothing of the verifier
		return false, err
	}
	permit.Done(err != nil)
	return passed, err
}

func (c *Client) ask(ctx context.Context, token string, ip netip.Addr) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Limit)
	defer cancel()
	form := url.Values{"secret": {c.o.Secret.Reveal()}, "response": {token}}
	if ip.IsValid() {
		form.Set("remoteip", ip.String())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return false, errors.New("its address is not one")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := c.calls.Do(ctx, r)
	switch {
	case err != nil:
		return false, err
	case answer.Status != http.StatusOK:
		return false, errors.New("it answered " + strconv.Itoa(answer.Status))
	}
	var said struct {
		Success *bool `json:"success"`
	}
	if json.Unmarshal(answer.Body, &said) != nil || said.Success == nil {
		return false, ErrAnswer
	}
	return *said.Success, nil
}

// Close closes the kept connections.
func (c *Client) Close() { c.calls.Close() }
