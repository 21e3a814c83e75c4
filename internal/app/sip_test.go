package app

import (
	"bytes"
	"context"
	"crypto/rand"
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
	hear "yanma.dev/yanma/internal/provider/sip/listen"
	"yanma.dev/yanma/internal/provider/sip/speech"
	"yanma.dev/yanma/internal/provider/sip/trunk"
	"yanma.dev/yanma/internal/verify"
)

// overSIP is a configuration file with one trunk.
const overSIP = `
[operator]
token = "env:TOKEN"
[log]
level = "debug"

[[provider]]
name = "voice"
type = "sip"
address = "ADDRESS"
account = "yanma"
password = "env:SECRET"
source = "4008001234"
`

const (
	sipSecret = "trunk-secret-canary-0002"
	sipPhone  = "+8613912340034"
)

// TestReq35_CodeOverSIP: a spoken code leaves a server that was configured with a
// file, over SIP and RTP; what the callee heard is right, its answer is the
// receipt, and neither number, code nor password is in the log.
func TestReq35_CodeOverSIP(t *testing.T) {
	calls := make(chan trunk.Call, 10)
	far, err := trunk.New(trunk.Config{Account: "yanma", Password: core.NewSecret(sipSecret), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Decide: func(string) trunk.Behaviour { return trunk.Behaviour{Trying: true, Ring: true} }, Handle: func(c trunk.Call) { calls <- c }})
	ok(t, err)
	ok(t, far.Start(t.Context()))
	t.Cleanup(far.Stop)

	logPath := filepath.Join(t.TempDir(), "yanma.log")
	a, written := startOverSIP(t, far.Addr(), logPath)
	appOverHTTP(t, a)
	app := a.directory.Apps()[0]
	started, err := a.verify.Start(t.Context(), verify.StartRequest{App: app, Phone: core.PhoneFromE164(sipPhone), Purpose: core.PurposeCode,
		Channel: core.ChannelVoice, Language: core.English, Life: time.Minute, Pool: core.PoolVoice})
	ok(t, err)
	var call trunk.Call
	select {
	case call = <-calls:
	case <-time.After(60 * time.Second):
		t.Fatal("nobody is called")
	}
	book, err := speech.Open()
	ok(t, err)
	code := hear.Code(hear.New(book).Digits(call.Recording.Samples()))
	if call.To != sipPhone || call.From != "4008001234" || len(code) != app.CodeLength {
		t.Errorf("to %s, from %s, a code of %d digits", call.To, call.From, len(code))
	}
	await(t, a, "the call is recorded", func(s outbox.Stats) bool { return s.Delivered == 1 && s.InFlight == 0 })
	got, err := a.verify.Validate(t.Context(), verify.ValidateRequest{App: app, Purpose: core.PurposeCode, ID: started.Verification, Code: core.CodeFromDigits(code)})
	if err != nil || got != verify.OutcomeRight {
		t.Errorf("%d, %v", got, err)
	}

	ok(t, a.Stop(context.Background()))
	ok(t, written.Close())
	log, err := os.ReadFile(logPath)
	ok(t, err)
	for _, secret := range []string{sipSecret, strings.TrimPrefix(sipPhone, "+86"), code} {
		if bytes.Contains(log, []byte(secret)) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !bytes.Contains(log, []byte(`"link":"voice"`)) {
		t.Errorf("the log does not show the trunk:\n%s", log)
	}
}

func startOverSIP(t *testing.T, address, logPath string) (*App, *obs.Writer) {
	t.Helper()
	secrets := map[string]string{"TOKEN": "a token of an operator", "SECRET": sipSecret}
	conf, err := config.Parse([]byte(strings.ReplaceAll(overSIP, "ADDRESS", address)), func(name string) string { return secrets[name] }, os.ReadFile)
	ok(t, err)
	conf.Server.Listen, conf.Operator.Listen, conf.Store.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	log, err := obs.OpenWriter(logPath, time.Now)
	ok(t, err)
	a, err := Open(t.Context(), conf, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test",
		World: World{VoiceFrame: time.Millisecond}})
	ok(t, err)
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	ok(t, a.Start(t.Context()))
	ok(t, a.AwaitProviders(t.Context()))
	return a, log
}
