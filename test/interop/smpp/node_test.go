//go:build interop

package smpp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp"
)

// event is one line of smsc.js.
type event struct {
	Event                       string
	Port, Status, Coding        int
	To, From, Text, UDH, ID, As string
	SourceTON, DestTON, DestNPI int
	Receipt, ESM                int
	Payload                     bool
}

// nodeSMSC is smsc.js in a process of its own.
type nodeSMSC struct {
	t      *testing.T
	addr   string
	stdin  io.Writer
	events chan event
}

// startNode starts it; with files it speaks TLS (see smsc.js).
func startNode(t *testing.T, files ...string) *nodeSMSC {
	t.Helper()
	node := need(t, "node")
	if _, err := os.Stat("node_modules/smpp"); err != nil {
		missing(t, "npm's smpp is not installed; scripts/setup.sh installs it")
	}
	cmd := exec.Command(node, append([]string{"smsc.js"}, files...)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end(t, cmd)
	n := &nodeSMSC{t: t, stdin: stdin, events: make(chan event, 1000)}
	go n.read(stdout)
	n.addr = fmt.Sprintf("127.0.0.1:%d", n.want("listening").Port)
	return n
}

func (n *nodeSMSC) read(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			n.t.Errorf("%s: %v", lines.Text(), err)
		}
		n.events <- e
	}
}

// want is the next event of a kind.
func (n *nodeSMSC) want(kind string) event {
	n.t.Helper()
	for {
		e := await(n.t, kind, n.events)
		if e.Event == "error" {
			n.t.Errorf("the SMSC says %s", e.Text)
		}
		if e.Event == kind {
			return e
		}
	}
}

func (n *nodeSMSC) command(line string) {
	if _, err := io.WriteString(n.stdin, line+"\n"); err != nil {
		n.t.Error(err)
	}
}

// sink acknowledges at once.
type sink struct {
	receipts chan provider.Receipt
	inbound  chan provider.Inbound
}

func (s sink) Receipt(_ string, r provider.Receipt, ack func(error)) { s.receipts <- r; ack(nil) }
func (s sink) Inbound(_ string, in provider.Inbound, ack func(error)) {
	s.inbound <- in
	ack(nil)
}

func startClient(t *testing.T, cfg smpp.Config) (*smpp.Client, sink) {
	t.Helper()
	s := sink{make(chan provider.Receipt, 100), make(chan provider.Inbound, 100)}
	cfg.Name, cfg.SystemID, cfg.Source = "interop", "yanma", "YANMA"
	if cfg.Password.IsZero() {
		cfg.Password = core.NewSecret("secret08")
	}
	cfg.ReconnectMin = 10 * time.Millisecond
	c, err := smpp.New(cfg, smpp.Deps{Sink: s, Now: time.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = c.Stop(ctx) // what is left without an answer is the tests' own doing
	})
	return c, s
}

func submit(c *smpp.Client, to, text string) <-chan provider.Outcome {
	outcomes := make(chan provider.Outcome, 1)
	m := &provider.Message{To: core.PhoneFromE164(to), Text: text, Validity: 5 * time.Minute}
	c.Submit(context.Background(), m, func(o provider.Outcome) { outcomes <- o })
	return outcomes
}

// TestReq37_ClientAgainstNodeSMSC runs the client against npm's smpp.
func TestReq37_ClientAgainstNodeSMSC(t *testing.T) {
	long7, long16 := strings.Repeat("0123456789{", 30), strings.Repeat("验证码😀", 60)
	for _, test := range []struct {
		name, to, text string
		long           smpp.LongMessage
		parts, coding  int
		header         string
	}{
		{"GSM-7", "+14155550100", "Your code: 123456 [€] ~", smpp.LongUDH, 1, 0, ""},
		{"UCS-2", "+8613800138000", "【验码】您的验证码是123456 😀", smpp.LongUDH, 1, 8, ""},
		{"GSM-7 in segments", "+14155550100", long7, smpp.LongUDH, 3, 0, "0003"},
		{"UCS-2 in segments", "+8613800138000", long16, smpp.LongUDH, 5, 8, "0003"},
		{"GSM-7 in message_payload", "+14155550100", long7, smpp.LongPayload, 1, 0, ""},
		{"UCS-2 in message_payload", "+8613800138000", long16, smpp.LongPayload, 1, 8, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			node := startNode(t)
			c, s := startClient(t, smpp.Config{Addr: node.addr, LongMessage: test.long, SystemType: "SMPP"})
			if e := node.want("bind"); e.Status != 0 || e.Text != "SMPP" {
				t.Fatalf("%+v", e)
			}
			eventually(t, "the client is up", func() bool { return c.Health().Up })
			outcomes := submit(c, test.to, test.text)
			var whole string
			for part := range test.parts {
				e := node.want("submit")
				whole += e.Text
				if "+"+e.To != test.to || e.From != "YANMA" || e.SourceTON != 5 || e.DestTON != 1 || e.DestNPI != 1 ||
					e.Coding != test.coding || e.Receipt != 1 || e.Payload != (test.long == smpp.LongPayload && len(test.text) > 300) {
					t.Errorf("part %d: %+v", part+1, e)
				}
				if !strings.HasPrefix(e.UDH, test.header) || test.header != "" && !strings.HasSuffix(e.UDH, fmt.Sprintf("%02x%02x", test.parts, part+1)) {
					t.Errorf("part %d: header %s", part+1, e.UDH)
				}
			}
			if whole != test.text {
				t.Errorf("the SMSC read %q", whole)
			}
			o := await(t, "the outcome", outcomes)
			if o.Class != provider.Accepted || len(o.PartIDs) != test.parts {
				t.Fatalf("%+v", o)
			}
			ids := make(map[string]bool)
			for range test.parts {
				r := await(t, "a receipt", s.receipts)
				ids[r.PartID] = true
				if r.State != provider.StateDelivered || !r.DoneAt.Equal(time.Date(2023, 11, 21, 21, 31, 0, 0, time.UTC)) {
					t.Errorf("%+v", r)
				}
				if e := node.want("receipt answered"); e.Status != 0 {
					t.Errorf("%+v", e)
				}
			}
			for _, id := range o.PartIDs {
				if !ids[id] {
					t.Errorf("no receipt for %s", id)
				}
			}
		})
	}
}

func TestReq37_NodeThrottlesAndSpellsIDsAnotherWay(t *testing.T) {
	node := startNode(t)
	c, s := startClient(t, smpp.Config{Addr: node.addr})
	eventually(t, "the client is up", func() bool { return c.Health().Up })
	if o := await(t, "the outcome", submit(c, "+8613800138001", "hello")); o.Class != provider.Throttled || o.Code != "0x00000058" {
		t.Errorf("%+v", o)
	}
	if o := await(t, "the outcome", submit(c, "+8613800138001", "hello")); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
	await(t, "a receipt", s.receipts)
	o := await(t, "the outcome", submit(c, "+8613800138002", "hello"))
	r := await(t, "a receipt", s.receipts)
	known := false
	for _, alt := range r.AltIDs {
		known = known || alt == o.PartIDs[0]
	}
	if r.PartID == o.PartIDs[0] || !known {
		t.Errorf("answered %q, receipt %q or %q", o.PartIDs, r.PartID, r.AltIDs)
	}
}

func TestReq37_NodeLinkKeptAndEnded(t *testing.T) {
	node := startNode(t)
	c, s := startClient(t, smpp.Config{Addr: node.addr, EnquireEvery: 100 * time.Millisecond})
	eventually(t, "the client is up", func() bool { return c.Health().Up })
	node.want("enquire_link")
	node.command(`{"command":"enquire"}`)
	node.want("enquire answered")
	node.command(`{"command":"text","from":"8613800138000","text":"退订"}`)
	if in := await(t, "the text", s.inbound); in.Text != "退订" || in.From.E164() != "+8613800138000" || in.To != "10690" {
		t.Errorf("%+v", in)
	}
	if e := node.want("text answered"); e.Status != 0 {
		t.Errorf("%+v", e)
	}
	node.command(`{"command":"unbind"}`)
	node.want("unbound")
	node.want("bind") // the client comes back
	eventually(t, "the client is up", func() bool { return c.Health().Up })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	node.want("unbind")
}

func TestReq37_NodeRefusesThePassword(t *testing.T) {
	node := startNode(t)
	c, _ := startClient(t, smpp.Config{Addr: node.addr, Password: core.NewSecret("wrong")})
	eventually(t, "the client says so", func() bool { return c.Health().Detail == "stopped: invalid password" })
}
