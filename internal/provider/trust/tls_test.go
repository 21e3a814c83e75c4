package trust_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/provider/trust"
	"yanma.dev/yanma/internal/provider/trust/trusttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers "hello" on every connection that a TLS handshake is done on.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			_, _ = io.WriteString(conn, "hello")
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String()
}

func read(t *testing.T, dial trust.Dial, addr string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	said, err := io.ReadAll(conn)
	return string(said), err
}

// TestReq37_WhoIsBelieved: who vouches, whose name, when, and what we show.
func TestReq37_WhoIsBelieved(t *testing.T) {
	ca, other := trusttest.New(t), trusttest.New(t)
	certFile, keyFile := ca.Files("yanma")
	strangeCert, strangeKey := other.Files("yanma")
	named := serve(t, ca.Server("smsc.example"))
	wantsOurs := serve(t, ca.ServerForClients("127.0.0.1"))
	plain := serve(t, nil)
	in20Years := func() time.Time { return time.Now().AddDate(20, 0, 0) }
	for _, test := range []struct {
		name, addr string
		tls        trust.TLS
		now        func() time.Time
		want       string // of the error; "" is success
	}{
		{"its name given", named, trust.TLS{Enabled: true, CAFile: ca.File, ServerName: "smsc.example"}, time.Now, ""},
		{"the host of its address", serve(t, ca.Server("127.0.0.1")), trust.TLS{Enabled: true, CAFile: ca.File}, time.Now, ""},
		{"somebody else", named, trust.TLS{Enabled: true, CAFile: ca.File, ServerName: "other.example"}, time.Now, "certificate is valid for smsc.example, not other.example"},
		{"nobody whom we know vouches", named, trust.TLS{Enabled: true, CAFile: other.File, ServerName: "smsc.example"}, time.Now, "certificate signed by unknown authority"},
		{"nobody whom the system knows vouches", named, trust.TLS{Enabled: true, ServerName: "smsc.example"}, time.Now, "certificate signed by unknown authority"},
		{"over its time", named, trust.TLS{Enabled: true, CAFile: ca.File, ServerName: "smsc.example"}, in20Years, "certificate has expired or is not yet valid"},
		{"no TLS there", plain, trust.TLS{Enabled: true, CAFile: ca.File}, time.Now, "first record does not look like a TLS handshake"},
		{"our own certificate", wantsOurs, trust.TLS{Enabled: true, CAFile: ca.File, CertFile: certFile, KeyFile: keyFile}, time.Now, ""},
		{"none of our own", wantsOurs, trust.TLS{Enabled: true, CAFile: ca.File}, time.Now, "certificate required"},
		{"one of our own that they do not know", wantsOurs, trust.TLS{Enabled: true, CAFile: ca.File, CertFile: strangeCert, KeyFile: strangeKey}, time.Now, "unknown certificate authority"},
		{"TLS not wanted", plain, trust.TLS{}, time.Now, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.tls.Check(); err != nil {
				t.Fatal(err)
			}
			said, err := read(t, test.tls.Over(nil, test.now), test.addr)
			switch {
			case test.want == "" && (err != nil || said != "hello"):
				t.Errorf("%q, %v", said, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%q, %v, want %s", said, err, test.want)
			}
		})
	}
}

// TestRenewedFilesCount: a CA file that is replaced counts from the next
// connection on, and one that is gone lets nothing through.
func TestRenewedFilesCount(t *testing.T) {
	ca, other := trusttest.New(t), trusttest.New(t)
	addr := serve(t, ca.Server("127.0.0.1"))
	dial := trust.TLS{Enabled: true, CAFile: other.File}.Over(nil, time.Now)
	if _, err := read(t, dial, addr); err == nil {
		t.Fatal("believed")
	}
	octets, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other.File, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, dial, addr); err != nil {
		t.Error(err)
	}
	if err := os.Remove(other.File); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, dial, addr); err == nil || !strings.HasPrefix(err.Error(), "ca_file: ") {
		t.Error(err)
	}
}
