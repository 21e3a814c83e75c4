package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// writePair writes a certificate for a name, and its key, changed at a time.
func writePair(t *testing.T, folder, name string, changed time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: changed.Add(-time.Hour), NotAfter: changed.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ok(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ok(t, err)
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		ok(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
		ok(t, os.Chtimes(path, changed, changed))
	}
	return certFile, keyFile
}

// servedName is the name in the certificate that a listener shows.
func servedName(t *testing.T, addr string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	ok(t, err)
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestCertificateReload: a new pair is served from the next connection on; a
// half-written one leaves the old one in place.
func TestCertificateReload(t *testing.T) {
	folder, at := t.TempDir(), time.Now()
	certFile, keyFile := writePair(t, folder, "first.example", at)
	pair, err := openCertificate(certFile, keyFile)
	ok(t, err)
	failed := make(chan error, 1)
	l, err := listen(t.Context(), World{}, "127.0.0.1:0", http.NotFoundHandler(), 9, pair, failed)
	ok(t, err)
	go l.serve()
	defer func() { ok(t, l.drain(context.Background())) }()

	if got := servedName(t, l.Addr().String()); got != "first.example" {
		t.Errorf("%s is served", got)
	}
	ok(t, os.WriteFile(certFile, []byte("-----BEGIN CERT"), 0o600))
	ok(t, os.Chtimes(certFile, at.Add(time.Second), at.Add(time.Second)))
	if got := servedName(t, l.Addr().String()); got != "first.example" {
		t.Errorf("with a half-written file %s is served", got)
	}
	writePair(t, folder, "second.example", at.Add(2*time.Second))
	if got := servedName(t, l.Addr().String()); got != "second.example" {
		t.Errorf("with a new pair %s is served", got)
	}
	if _, err := openCertificate(filepath.Join(folder, "none.pem"), keyFile); err == nil || !strings.Contains(err.Error(), "read the TLS certificate") {
		t.Errorf("a missing file: %v", err)
	}
}

// TestDrainHasAnEnd: a request that does not end is cut when the time is over.
func TestDrainHasAnEnd(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	l, err := listen(t.Context(), World{}, "127.0.0.1:0", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(began)
		<-end
	}), 9, nil, make(chan error, 1))
	ok(t, err)
	go l.serve()
	conn, err := net.Dial("tcp", l.Addr().String())
	ok(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: yanma\r\n\r\n")
	ok(t, err)
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.drain(ctx); err == nil || !strings.Contains(err.Error(), "drain "+l.Addr().String()) {
		t.Errorf("%v", err)
	}
	ok(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the request is still open: %d, %v", n, err)
	}
}

// TestOptionsAsterisk: net/http's own answer would have no X-Request-Id
// (contracts/README.md §3.2).
func TestOptionsAsterisk(t *testing.T) {
	l, err := listen(t.Context(), World{}, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}), 9, nil, make(chan error, 1))
	ok(t, err)
	go l.serve()
	defer func() { ok(t, l.drain(context.Background())) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	ok(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: yanma\r\nConnection: close\r\n\r\n")
	ok(t, err)
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 418 ") {
		t.Errorf("answer = %q, %v", answer, err)
	}
}

// TestStopTwice: stopping twice gives the same answer and leaves nothing
// running; an Open that fails at its last step leaves nothing either.
func TestStopTwice(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	center, err := smsc.New(smsc.Config{SystemID: "yanma", Password: core.NewSecret("password"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	ok(t, center.Start(t.Context()))
	defer center.Stop()
	conf := wholeConfig(t, center.Addr(), "http://127.0.0.1:1/")
	log := obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{})
	defer func() { _ = log.Close() }()
	deps := Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test"}
	a, err := Open(t.Context(), conf, deps)
	ok(t, err)
	ok(t, a.Start(t.Context()))
	ok(t, a.AwaitProviders(t.Context()))

	second := conf
	second.Store.Data = t.TempDir()
	second.Operator.Listen = a.operator.Addr().String()
	if _, err := Open(t.Context(), second, deps); err == nil || !strings.Contains(err.Error(), "listen on "+second.Operator.Listen) {
		t.Errorf("a port in use: %v", err)
	}
	for range 2 {
		ok(t, a.Stop(context.Background()))
	}
	again, err := Open(t.Context(), conf, deps)
	ok(t, err)
	ok(t, again.close()) // never started
}

// TestStopWithSlowCaller: a caller who never ends its request takes neither the
// messages' time nor makes the stop a failure.
func TestStopWithSlowCaller(t *testing.T) {
	center, err := smsc.New(smsc.Config{SystemID: "yanma", Password: core.NewSecret("password"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	ok(t, center.Start(t.Context()))
	defer center.Stop()
	conf := wholeConfig(t, center.Addr(), "http://127.0.0.1:1/")
	conf.Server.DrainTimeout = config.Duration(2 * time.Second)
	log := obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{})
	defer func() { _ = log.Close() }()
	a, err := Open(t.Context(), conf, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test"})
	ok(t, err)
	ok(t, a.Start(t.Context()))
	ok(t, a.AwaitProviders(t.Context()))
	conn, err := net.Dial("tcp", a.public.Addr().String())
	ok(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /get-code HTTP/1.1\r\nHost: yanma\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
	ok(t, err)
	_, err = io.ReadFull(conn, make([]byte, len("HTTP/1.1 100 Continue"))) // the body is waited for
	ok(t, err)
	ok(t, a.Stop(context.Background())) // had the caller all the time, the others' would be over
}
