//go:build interop

package smpp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// kannelConf wants: admin port, smsbox port (twice), the SMSC's port, sendsms
// port, the URL for subscribers' texts, log folder (twice).
const kannelConf = `
group = core
admin-port = %[1]d
admin-password = admin
admin-allow-ip = 127.0.0.1
smsbox-port = %[2]d
box-allow-ip = 127.0.0.1
log-file = "%[6]s/bearerbox.log"
log-level = 0
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = yanma
host = 127.0.0.1
port = %[3]s
transceiver-mode = true
smsc-username = yanma
smsc-password = secret08
system-type = ""
interface-version = 34
address-range = ""
enquire-link-interval = 1
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = %[4]d
sendsms-interface = 127.0.0.1
global-sender = 10690
log-file = "%[6]s/smsbox.log"
log-level = 0

group = sendsms-user
username = tester
password = foobar
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "%[5]s/inbound?from=%%p&to=%%P&text=%%b&coding=%%c"
catch-all = true
max-messages = 0
`

// kannel is bearerbox and smsbox in processes of their own.
type kannel struct {
	t       *testing.T
	sendsms string
	logs    string
	calls   chan url.Values // on dlr-url and get-url
	hook    string
}

func startKannel(t *testing.T, smscAddr string) *kannel {
	t.Helper()
	bearerbox, smsbox := need(t, "bearerbox"), need(t, "smsbox")
	k := &kannel{t: t, logs: t.TempDir(), calls: make(chan url.Values, 100)}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		values := r.URL.Query()
		values.Set("path", r.URL.Path)
		k.calls <- values
	}))
	t.Cleanup(hook.Close)
	k.hook = hook.URL
	admin, box, sendsms := freePort(t), freePort(t), freePort(t)
	k.sendsms = fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", sendsms)
	_, port, err := net.SplitHostPort(smscAddr)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(k.logs, "kannel.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, kannelConf, admin, box, port, sendsms, k.hook, k.logs), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.showLogs)
	k.run(bearerbox, conf)
	eventually(t, "bearerbox listens", func() bool { return listens(box) })
	k.run(smsbox, conf)
	eventually(t, "smsbox listens", func() bool { return listens(sendsms) })
	return k
}

func (k *kannel) run(program, conf string) {
	cmd := exec.Command(program, conf)
	cmd.Dir = k.logs
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	end(k.t, cmd)
}

func (k *kannel) showLogs() {
	if !k.t.Failed() {
		return
	}
	for _, name := range []string{"bearerbox.log", "smsbox.log"} {
		b, err := os.ReadFile(filepath.Join(k.logs, name))
		lines := bytes.Split(b, []byte("\n"))
		k.t.Logf("%s (%v):\n%s", name, err, bytes.Join(lines[max(0, len(lines)-60):], []byte("\n")))
	}
}

// send is one HTTP sendsms with a dlr-url.
func (k *kannel) send(to, body, coding string) {
	k.t.Helper()
	query := url.Values{
		"username": {"tester"}, "password": {"foobar"}, "from": {"10690"}, "to": {to}, "text": {body}, "coding": {coding},
		"charset": {"UTF-8"}, "dlr-mask": {"31"}, "dlr-url": {k.hook + "/dlr?state=%d&to=%p&answer=%A"},
	}
	resp, err := http.Get(k.sendsms + "?" + query.Encode())
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusAccepted {
		answer, _ := io.ReadAll(resp.Body)
		k.t.Fatalf("sendsms: %s %s", resp.Status, answer)
	}
}

// states reads calls of the dlr-url until each of the states came. Kannel makes
// two calls at the same time, so they come in any order.
func (k *kannel) states(wants ...string) {
	k.t.Helper()
	for len(wants) > 0 {
		call := await(k.t, "dlr state "+strings.Join(wants, " and "), k.calls)
		if at := slices.Index(wants, call.Get("state")); at >= 0 && call.Get("path") == "/dlr" {
			wants = slices.Delete(wants, at, at+1)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func listens(port int) bool {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// receiptAfter is when our SMSC reports: Kannel writes a message's id down some
// time after it got the answer to its submission, and forgets a receipt that
// comes before.
const receiptAfter = 700 * time.Millisecond

// TestReq37_KannelAgainstOurSMSC runs Kannel as the client of the SMSC.
func TestReq37_KannelAgainstOurSMSC(t *testing.T) {
	messages := make(chan smsc.Message, 100)
	server, err := smsc.New(smsc.Config{
		SystemID: "yanma", Password: core.NewSecret("secret08"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Handle: func(m smsc.Message) { messages <- m },
		Decide: smsc.BySuffix([]smsc.Rule{
			{Suffix: "2", Behaviour: smsc.Behaviour{Reports: []smsc.Report{{Code: "UNDELIV", After: receiptAfter}}}},
			{Suffix: "3", Behaviour: smsc.Behaviour{Status: pdu.InvDstAddr}},
		}, smsc.Delivered(receiptAfter)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k := startKannel(t, server.Addr())
	eventually(t, "Kannel binds", func() bool { return server.Bound() == 1 })

	for _, test := range []struct {
		name, to, text, coding string
		parts                  int
		state                  string // of dlr-url: 1 delivered, 2 failed
	}{
		{"GSM-7", "14155550100", "Your code: 123456 [€] ~ @£$", "0", 1, "1"},
		{"UCS-2", "8613800138000", "【验码】您的验证码是123456 😀", "2", 1, "1"},
		{"GSM-7 in segments", "14155550100", strings.Repeat("0123456789 ", 30), "0", 3, "1"},
		{"UCS-2 in segments", "8613800138000", strings.Repeat("您的验证码是", 20), "2", 2, "1"},
		{"undelivered", "8613800138002", "hello", "0", 1, "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k.t = t
			k.send(test.to, test.text, test.coding)
			m := await(t, "the message", messages)
			if m.Text != test.text || m.To != test.to || m.From != "10690" || m.Parts != test.parts {
				t.Errorf("%+v, want %q in %d", m, test.text, test.parts)
			}
			k.states("8", test.state) // 8: accepted by the SMSC
		})
	}
	k.t = t
	t.Run("rejected", func(t *testing.T) {
		k.t = t
		k.send("8613800138003", "hello", "0")
		k.states("16")
	})
	t.Run("subscriber's text", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := server.SendText(ctx, "yanma", "8613800138000", "10690", "退订 TD"); err != nil {
			t.Fatal(err)
		}
		for {
			if call := await(t, "the text", k.calls); call.Get("path") == "/inbound" {
				// Kannel passes UCS-2 on as it came.
				if got := text.UCS2.Decode([]byte(call.Get("text"))); got != "退订 TD" || call.Get("from") != "+8613800138000" {
					t.Errorf("%q, %v", got, call)
				}
				return
			}
		}
	})
	t.Run("keeps the link", func(t *testing.T) {
		server.DropAll()
		eventually(t, "Kannel binds again", func() bool { return server.Stats().Binds == 2 && server.Bound() == 1 })
	})
	k.t = t
}
