package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

// overCMPP is a configuration file with one gateway.
const overCMPP = `
[operator]
token = "env:TOKEN"
[log]
level = "debug"

[[provider]]
name = "mobile"
type = "cmpp"
address = "ADDRESS"
sp_id = "901234"
password = "env:SECRET"
version = "3.0"
service_id = "YANMA"
source = "106901234"
`

const (
	cmppSecret = "shared-secret-canary-0001"
	cmppPhone  = "13912340012"
)

// TestReq35_CodeOverCMPPWithReport: a code request of the yunbox dialect goes out
// over CMPP, in a gateway's version and in the lower one; the code that the
// gateway read from the packet logs in, and its report comes back. Nothing of it
// is in the log.
func TestReq35_CodeOverCMPPWithReport(t *testing.T) {
	for _, highest := range []pdu.Version{pdu.V20, pdu.V30} {
		t.Run(highest.String(), func(t *testing.T) { codeOverCMPP(t, highest) })
	}
}

func codeOverCMPP(t *testing.T, highest pdu.Version) {
	messages := make(chan gateway.Message, 10)
	ismg, err := gateway.New(gateway.Config{SPID: "901234", Secret: core.NewSecret(cmppSecret), Version: highest, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Handle: func(m gateway.Message) { messages <- m }})
	ok(t, err)
	ok(t, ismg.Start(t.Context()))
	t.Cleanup(ismg.Stop)

	logPath := filepath.Join(t.TempDir(), "yanma.log")
	a, written := startOverCMPP(t, ismg.Addr(), logPath)
	key := appOverHTTP(t, a)
	if got := postJSON(t, a.PublicURL()+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, key, cmppPhone)); !strings.Contains(got, `"ok"`) {
		t.Fatalf("get-code: %s", got)
	}
	var m gateway.Message
	select {
	case m = <-messages:
	case <-time.After(30 * time.Second):
		t.Fatal("the gateway gets no message")
	}
	if m.To != cmppPhone || m.From != "106901234" || !strings.HasPrefix(m.Text, "【验码】") {
		t.Errorf("the gateway read %+v", m)
	}
	await(t, a, "the message is delivered", func(s outbox.Stats) bool { return s.Delivered == 1 && s.InFlight == 0 })
	code := tenDigits.FindString(m.Text)
	check := fmt.Sprintf(`{"key":%q,"phone_no":%q,"user_input_code":%q}`, key, cmppPhone, code)
	if got := postJSON(t, a.PublicURL()+"/check-code", check); !strings.Contains(got, `"yb_uid"`) {
		t.Errorf("check-code: %s", got)
	}

	ok(t, a.Stop(context.Background()))
	ok(t, written.Close())
	log, err := os.ReadFile(logPath)
	ok(t, err)
	for _, secret := range []string{cmppSecret, cmppPhone, code} {
		if bytes.Contains(log, []byte(secret)) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !bytes.Contains(log, []byte(`"link":"mobile"`)) {
		t.Errorf("the log does not show the link:\n%s", log)
	}
}

func startOverCMPP(t *testing.T, address, logPath string) (*App, *obs.Writer) {
	t.Helper()
	secrets := map[string]string{"TOKEN": "a token of an operator", "SECRET": cmppSecret}
	conf, err := config.Parse([]byte(strings.ReplaceAll(overCMPP, "ADDRESS", address)), func(name string) string { return secrets[name] }, os.ReadFile)
	ok(t, err)
	conf.Server.Listen, conf.Operator.Listen, conf.Store.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	log, err := obs.OpenWriter(logPath, time.Now)
	ok(t, err)
	a, err := Open(t.Context(), conf, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test"})
	ok(t, err)
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	ok(t, a.Start(t.Context()))
	ok(t, a.AwaitProviders(t.Context()))
	return a, log
}
