package httpcall

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Bounds of an answer, in bytes.
const (
	maxHeader     = 64 << 10
	defaultAnswer = 64 << 10
)

// Options are a client's. Zero values mean the defaults in brackets.
type Options struct {
	// Dial opens connections [plain TCP]; TLS is put on top of it.
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool // who may vouch for a server [the system's]

	MaxConns       int           // to one host, at once [no limit]
	MaxAnswer      int64         // bytes of a body that are read [64 KiB]
	ConnectTimeout time.Duration // dial and TLS [5 s]

	// IdleTimeout is how long a connection is kept without a request [4 s].
	// Common servers close at 5 s; a request that meets the closing is one of
	// which nobody knows whether it was read.
	IdleTimeout time.Duration
}

// Client makes calls over kept connections of HTTP/1.1: one request at a time
// on each, so that the loss of one loses one answer. It is safe for concurrent
// use.
type Client struct {
	transport *http.Transport
	dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	connect   time.Duration
	maxAnswer int64
}

// Answer is a whole answer of any status, redirects included.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Error is why there is no whole answer.
type Error struct {
	Sent bool // a byte of the request was written: the other side may have acted on it
	Err  error
}

// Error says why, without the address.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Sent tells whether err may mean that the other side got the request.
func Sent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Sent
}

// ErrTooLong is an answer whose body is longer than MaxAnswer.
var ErrTooLong = errors.New("the answer is too long")

// New returns a client. Close it.
func New(o Options) *Client {
	c := &Client{dial: o.Dial, connect: o.ConnectTimeout, maxAnswer: o.MaxAnswer}
	if c.dial == nil {
		c.dial = new(net.Dialer).DialContext
	}
	if c.connect == 0 {
		c.connect = 5 * time.Second
	}
	if c.maxAnswer == 0 {
		c.maxAnswer = defaultAnswer
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 4 * time.Second
	}
	kept := o.MaxConns
	if kept == 0 {
		kept = 64
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	c.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, c.connect)
			defer cancel()
			return c.open(ctx, network, addr)
		},
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return c.openTLS(ctx, network, addr, secure)
		},
		MaxConnsPerHost: o.MaxConns, MaxIdleConns: kept, MaxIdleConnsPerHost: kept, IdleConnTimeout: o.IdleTimeout,
		MaxResponseHeaderBytes: maxHeader, DisableCompression: true, Protocols: new(http.Protocols),
	}
	c.transport.Protocols.SetHTTP1(true)
	return c
}

func (c *Client) open(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, addr)
	if err != nil {
		return nil, withoutAddress(err)
	}
	return &counted{Conn: conn}, nil
}

// openTLS does the handshake before the transport sees the connection, so that
// what is counted on it is the request and nothing else.
func (c *Client) openTLS(ctx context.Context, network, addr string, base *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.connect)
	defer cancel()
	conn, err := c.dial(ctx, network, addr)
	if err != nil {
		return nil, withoutAddress(err)
	}
	config := base.Clone()
	if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, withoutAddress(err)
	}
	return &counted{Conn: secured}, nil
}

// Reach opens a connection to where u points, with TLS for https, and closes it
// again: whether a call could be made. It sends no request.
func (c *Client) Reach(ctx context.Context, u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	open := c.transport.DialContext
	if u.Scheme == "https" {
		open = c.transport.DialTLSContext
	}
	conn, err := open(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	_ = conn.Close()
	return nil
}

// Do makes one call; ctx bounds all of it, the reading of the body included.
// Unless the request has an Idempotency-Key it leaves at most once. An error is
// always an *Error; if only the body is at fault, the answer's status and header
// are there beside it.
func (c *Client) Do(ctx context.Context, r *http.Request) (Answer, error) {
	var used atomic.Pointer[use]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if conn, ok := info.Conn.(*counted); ok {
			used.Store(&use{conn: conn, before: conn.written()})
		}
	}})
	r = r.WithContext(ctx)
	if r.Body == nil && r.Method == http.MethodGet && r.Header.Get("Idempotency-Key") == "" {
		// net/http sends a GET again when a kept connection breaks. What asks for
		// a message to be sent must not be; it leaves alone what it can not rewind.
		// Without "identity" it would look for 200 ms whether the body is empty, and
		// on a machine that is busy longer send the GET in chunks.
		r.Body, r.TransferEncoding = io.NopCloser(strings.NewReader("")), []string{"identity"}
	}
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return Answer{}, &Error{Sent: used.Load().sent(), Err: withoutAddress(err)}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.maxAnswer+1))
	if err == nil && int64(len(body)) > c.maxAnswer {
		err = ErrTooLong
	}
	if err != nil {
		return Answer{Status: response.StatusCode, Header: response.Header}, &Error{Sent: true, Err: withoutAddress(err)}
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// Close closes the kept connections; calls under way end with their contexts.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// withoutAddress is an error without what may hold a secret or say where
// things are: the URL, and the addresses of a failed dial.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
