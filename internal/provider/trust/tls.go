package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// TLS is how a connection is secured; its zero value is plain TCP.
type TLS struct {
	Enabled    bool
	CAFile     string // PEM: who may vouch for the carrier, and nobody else ["": the system's]
	CertFile   string // PEM: the certificate that we show, with its chain ["": none]
	KeyFile    string // PEM: its key
	ServerName string // whom the carrier's certificate must name ["": the host of the address]
}

// Dial opens a connection.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Check reads the files. Each of its errors begins with the key at fault and a
// colon: tls, ca_file, cert_file, key_file.
func (t TLS) Check() error {
	switch {
	case !t.Enabled && (t.CAFile != "" || t.CertFile != "" || t.KeyFile != "" || t.ServerName != ""):
		return errors.New("tls: must be true where there are certificates or a server_name")
	case t.CertFile != "" && t.KeyFile == "":
		return errors.New("cert_file: needs key_file beside it")
	case t.CertFile == "" && t.KeyFile != "":
		return errors.New("key_file: needs cert_file beside it")
	}
	_, err := t.config(nil)
	return err
}

// Roots are the certificates of a PEM file; nil, the system's, for no file.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	octets, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(octets) {
		return nil, fmt.Errorf("ca_file: %s has no certificate in PEM", file)
	}
	return pool, nil
}

func (t TLS) config(now func() time.Time) (*tls.Config, error) {
	roots, err := Roots(t.CAFile)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: t.ServerName, Time: now}
	if t.CertFile != "" {
		own, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// Over is dial (nil: plain TCP) with TLS on top; certificates are valid or not
// at now. The context of a dial bounds the handshake too.
func (t TLS) Over(dial Dial, now func() time.Time) Dial {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if !t.Enabled {
		return dial
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		config, err := t.config(now)
		if err != nil {
			return nil, err
		}
		if config.ServerName == "" {
			if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
				return nil, err
			}
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secured, nil
	}
}
