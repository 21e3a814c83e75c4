package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
	"yanma.dev/yanma/internal/provider/trust/trusttest"
)

// overPairs is a configuration file with two pairs over TLS, and our certificate.
const overPairs = `
[operator]
token = "env:TOKEN"

[[provider]]
name = "main"
type = "smpp"
address = "ADDRESS"
system_id = "yanma"
password = "env:SECRET"
bind = "pair"
binds = 2
tls = true
ca_file = "CA"
cert_file = "CERT"
key_file = "KEY"
server_name = "smsc.example"
`

// TestReq37_CodeOverPairsAndTLS: a code leaves on a transmitter and its receipt
// comes on a receiver, all over TLS; provider health shows each bind; when an SMSC
// with a certificate of somebody else takes the place, nothing is sent to it.
func TestReq37_CodeOverPairsAndTLS(t *testing.T) {
	messages := make(chan smsc.Message, 10)
	ca := trusttest.New(t)
	center := tlsSMSC(t, "127.0.0.1:0", ca.ServerForClients("smsc.example"), messages)
	a := startOverPairs(t, center.Addr(), ca)
	main := a.providers[0]
	poll(t, "every bind is up", func() bool { return main.Health().Detail == "bound" })
	var names []string
	for _, one := range main.Health().Links {
		names = append(names, one.Name)
	}
	if got := strings.Join(names, ","); got != "tx 1,rx 1,tx 2,rx 2" || center.Bound() != 4 {
		t.Errorf("%s, %d bound", got, center.Bound())
	}
	key := appOverHTTP(t, a)
	if got := postJSON(t, a.PublicURL()+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, key, "13912340021")); !strings.Contains(got, `"ok"`) {
		t.Fatalf("get-code: %s", got)
	}
	select {
	case m := <-messages:
		if m.To != "8613912340021" {
			t.Errorf("the SMSC read %+v", m)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the SMSC gets no message")
	}
	await(t, a, "the message is delivered", func(s outbox.Stats) bool { return s.Delivered == 1 && s.InFlight == 0 })

	address := center.Addr()
	center.Stop()
	stranger := tlsSMSC(t, address, ca.Server("other.example"), messages)
	const why = "certificate is valid for other.example, not smsc.example"
	poll(t, why, func() bool { return strings.Contains(main.Health().Detail, why) })
	if stranger.Stats().Binds != 0 {
		t.Errorf("%d binds", stranger.Stats().Binds)
	}
}

func tlsSMSC(t *testing.T, address string, config *tls.Config, messages chan<- smsc.Message) *smsc.Server {
	t.Helper()
	server, err := smsc.New(smsc.Config{Addr: address, SystemID: "yanma", Password: core.NewSecret("secret08"), Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Handle: func(m smsc.Message) { messages <- m },
		Listen: func(ctx context.Context, network, addr string) (net.Listener, error) {
			l, err := new(net.ListenConfig).Listen(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return tls.NewListener(l, config), nil
		}})
	ok(t, err)
	ok(t, server.Start(t.Context()))
	t.Cleanup(server.Stop)
	return server
}

func startOverPairs(t *testing.T, address string, ca *trusttest.CA) *App {
	t.Helper()
	cert, key := ca.Files("yanma")
	text := strings.NewReplacer("ADDRESS", address, "CERT", cert, "KEY", key, `"CA"`, `"`+ca.File+`"`).Replace(overPairs)
	secrets := map[string]string{"TOKEN": "a token of an operator", "SECRET": "secret08"}
	conf, err := config.Parse([]byte(text), func(name string) string { return secrets[name] }, os.ReadFile)
	ok(t, err)
	conf.Server.Listen, conf.Operator.Listen, conf.Store.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	log, err := obs.OpenWriter(filepath.Join(t.TempDir(), "yanma.log"), time.Now)
	ok(t, err)
	t.Cleanup(func() { _ = log.Close() })
	a, err := Open(t.Context(), conf, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test"})
	ok(t, err)
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	ok(t, a.Start(t.Context()))
	ok(t, a.AwaitProviders(t.Context()))
	return a
}

// poll waits for what must happen.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
