package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Limits of a connection: a caller that is slow on purpose holds no more than
// one of them, and not for long.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 16 << 10

	operatorConnections = 256 // of the operator's listener, at once
)

// listener is one HTTP listener with its server.
type listener struct {
	net.Listener
	server *http.Server
	failed chan<- error
}

func listen(ctx context.Context, w World, addr string, handler http.Handler, connections int, certificate *certificate, failed chan<- error) (*listener, error) {
	l, err := w.listen(ctx, addr)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // whose text does not say the address again
		}
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	l = newBounded(l, connections)
	if certificate != nil {
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certificate.get})
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, DisableGeneralOptionsHandler: true} // every answer is the handler's
	return &listener{Listener: l, server: server, failed: failed}, nil
}

func (l *listener) serve() {
	if err := l.server.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
		l.failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
}

// drain takes no new request and waits for those under way.
func (l *listener) drain(ctx context.Context) error {
	if err := l.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("drain %s: %w", l.Addr(), err), l.server.Close())
	}
	return nil
}

// certificate is a pair of files that is read again when one of them changes.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // the later of the two files' times
}

func openCertificate(certFile, keyFile string) (*certificate, error) {
	if certFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: certFile, keyFile: keyFile}
	_, err := c.get(nil)
	return c, err
}

// get gives the newest pair that could be read: a half-written one does not
// end the service.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, err := c.lastChange()
	if err == nil && c.loaded != nil && !changed.After(c.changed) {
		return c.loaded, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.loaded, c.changed = &pair, changed
		}
	}
	if c.loaded == nil {
		return nil, fmt.Errorf("read the TLS certificate: %w", err)
	}
	return c.loaded, nil
}

func (c *certificate) lastChange() (time.Time, error) {
	var last time.Time
	for _, path := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return time.Time{}, err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}
