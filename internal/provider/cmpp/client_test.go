package cmpp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/providertest"
)

var phone = core.PhoneFromE164("+8613800138000")

// chanSink is a sink whose receipts are acknowledged at once.
type chanSink struct {
	receipts chan provider.Receipt
	inbound  chan provider.Inbound
}

func newSink() *chanSink {
	return &chanSink{receipts: make(chan provider.Receipt, 100), inbound: make(chan provider.Inbound, 100)}
}

func (s *chanSink) Receipt(_ string, r provider.Receipt, ack func(error)) { s.receipts <- r; ack(nil) }
func (s *chanSink) Inbound(_ string, in provider.Inbound, ack func(error)) {
	s.inbound <- in
	ack(nil)
}

func startClient(t *testing.T, c *cmpp.Client) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopClient(t, c) })
}

// stopClient does not insist on answers: some of the tests' gateways never give one.
func stopClient(t *testing.T, c *cmpp.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v", err)
	}
}

func up(t *testing.T, c *cmpp.Client) {
	t.Helper()
	providertest.Eventually(t, "the client is up", func() bool { return c.Health().Up })
}

func text(s string) *provider.Message {
	return &provider.Message{ID: 1, Channel: core.ChannelSMS, To: phone, Text: s, Validity: 5 * time.Minute}
}

func submit(c *cmpp.Client, m *provider.Message) <-chan provider.Outcome {
	outcomes := make(chan provider.Outcome, 2)
	c.Submit(context.Background(), m, func(o provider.Outcome) { outcomes <- o })
	return outcomes
}

func await[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

// received collects what the gateway put together.
type received struct {
	parts    chan gateway.Part
	messages chan gateway.Message
}

func receivingGateway(t *testing.T, behaviour func(*gateway.Part) gateway.Behaviour) (*gateway.Server, received) {
	t.Helper()
	r := received{parts: make(chan gateway.Part, 1000), messages: make(chan gateway.Message, 1000)}
	server := startGateway(t, gateway.Config{
		RetryAfter: 5 * time.Millisecond,
		Decide:     func(p *gateway.Part) gateway.Behaviour { r.parts <- *p; return behaviour(p) },
		Handle:     func(m gateway.Message) { r.messages <- m },
	})
	return server, r
}

func accepting(*gateway.Part) gateway.Behaviour { return gateway.Behaviour{} }

// TestSubmitOctets holds the packet on the wire against the vector of
// contracts/delivery.md §3.3, which has no ValId_Time.
func TestSubmitOctets(t *testing.T) {
	c, conn := newRawGateway(t).client(newSink(), cmpp.Config{})
	m := text("【验码】您的验证码是123456")
	m.Validity = 0
	outcomes := submit(c, m)
	h, body := conn.next()
	want := "000000000000000001010100" + "59414e4d410000000000" + "02" + strings.Repeat("00", 21) + "000008" + "393031323334" + "3031" + "300000000000" +
		strings.Repeat("00", 34) + "313036393031323334" + strings.Repeat("00", 12) + "01" + "3133383030313338303030" + strings.Repeat("00", 10) +
		"2030109a8c7801301160a876849a8c8bc17801662f003100320033003400350036" + strings.Repeat("00", 8)
	if h.ID != pdu.CmdSubmit || hex.EncodeToString(body) != want || h.Length != 191 {
		t.Errorf("%s %x", h.ID, body)
	}
	conn.send(pdu.AppendResp(nil, pdu.V20, pdu.CmdSubmitResp, h.Seq, 0xbad5e14dc0721234, pdu.ResultOK))
	if o := await(t, outcomes); o.Class != provider.Accepted || o.PartIDs[0] != "13462914385151398452" {
		t.Errorf("%+v", o)
	}
}

func TestCharsetsAndLongMessages(t *testing.T) {
	for _, test := range []struct {
		name    string
		charset cmpp.Charset
		text    string
		parts   int
		format  byte
	}{
		{"UCS-2", cmpp.CharsetUCS2, "【验码】您的验证码是123456", 1, pdu.FormatUCS2},
		{"UCS-2 for Latin too", cmpp.CharsetUCS2, "Your code is 123456", 1, pdu.FormatUCS2},
		{"70 in UCS-2", cmpp.CharsetUCS2, strings.Repeat("验", 70), 1, pdu.FormatUCS2},
		{"71 in UCS-2", cmpp.CharsetUCS2, strings.Repeat("验", 71), 2, pdu.FormatUCS2},
		{"surrogate pairs in segments", cmpp.CharsetUCS2, strings.Repeat("验证码😀", 60), 5, pdu.FormatUCS2},
		{"GBK", cmpp.CharsetGBK, "【验码】您的验证码是123456 €", 1, pdu.FormatGBK},
		{"70 in GBK", cmpp.CharsetGBK, strings.Repeat("验", 70), 1, pdu.FormatGBK},
		{"GBK in segments, halves never split", cmpp.CharsetGBK, "a" + strings.Repeat("验", 70), 2, pdu.FormatGBK},
		{"not in GBK", cmpp.CharsetGBK, "验证码😀", 1, pdu.FormatUCS2},
		{"ASCII", cmpp.CharsetASCII, strings.Repeat("x", 159), 1, pdu.FormatASCII},
		{"ASCII in segments", cmpp.CharsetASCII, strings.Repeat("0123456789", 31), 3, pdu.FormatASCII},
		{"not ASCII", cmpp.CharsetASCII, "code 123456 验", 1, pdu.FormatUCS2},
	} {
		for _, v := range []pdu.Version{pdu.V20, pdu.V30} {
			t.Run(test.name+" "+v.String(), func(t *testing.T) {
				server, got := receivingGateway(t, accepting)
				c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr(), Version: v, Charset: test.charset, Window: 2})
				startClient(t, c)
				up(t, c)
				if o := await(t, submit(c, text(test.text))); o.Class != provider.Accepted || len(o.PartIDs) != test.parts {
					t.Fatalf("%+v", o)
				}
				whole := await(t, got.messages)
				if whole.Text != test.text || whole.Parts != test.parts || whole.To != "13800138000" || whole.From != source {
					t.Errorf("the gateway put together %+v", whole)
				}
				for range test.parts {
					p := await(t, got.parts)
					if p.Format != test.format || p.Validity != "000000000500000R" || !p.WantsReport || p.ServiceID != "YANMA" || p.Version != v {
						t.Errorf("part %+v", p)
					}
				}
			})
		}
	}
}

// TestReq37_ResultClasses is contracts/delivery.md §3.3's table.
func TestReq37_ResultClasses(t *testing.T) {
	var result atomic.Uint32
	server, _ := receivingGateway(t, func(*gateway.Part) gateway.Behaviour { return gateway.Behaviour{Result: pdu.Result(result.Load())} })
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr(), Version: pdu.V30})
	startClient(t, c)
	up(t, c)
	for _, row := range []struct {
		results []uint32
		class   provider.Class
	}{
		{[]uint32{0}, provider.Accepted},
		{[]uint32{1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 255, 1 << 31}, provider.Rejected},
		{[]uint32{3}, provider.Unknown},
		{[]uint32{8}, provider.Throttled},
	} {
		for _, r := range row.results {
			result.Store(r)
			o := await(t, submit(c, text("hello")))
			if o.Class != row.class || (o.Code != pdu.Result(r).String()) != (r == 0) || (o.RetryAfter > 0) != (r == 8) {
				t.Errorf("result %d: %+v, want %v", r, o, row.class)
			}
		}
	}
}

// TestReq37_ThrottledLosesNothing: everything refused by flow control is told
// so, and the link rests before the next one.
func TestReq37_ThrottledLosesNothing(t *testing.T) {
	var seen atomic.Int32
	server, _ := receivingGateway(t, func(*gateway.Part) gateway.Behaviour {
		if seen.Add(1) <= 3 {
			return gateway.Behaviour{Result: pdu.ResultFlowControl, Delay: 50 * time.Millisecond}
		}
		return gateway.Behaviour{}
	})
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	var outcomes []<-chan provider.Outcome
	for range 3 {
		outcomes = append(outcomes, submit(c, text("hello")))
	}
	for _, from := range outcomes {
		if o := await(t, from); o.Class != provider.Throttled || o.RetryAfter != time.Second || o.Code != "8" {
			t.Errorf("%+v", o)
		}
	}
	began := time.Now()
	o := await(t, submit(c, text("hello")))
	if rested := time.Since(began); o.Class != provider.Accepted || rested < 800*time.Millisecond {
		t.Errorf("%+v after %v", o, rested)
	}
}

// TestSender: the access number with an extension; names stay out.
func TestSender(t *testing.T) {
	server, got := receivingGateway(t, accepting)
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	for from, want := range map[string]string{
		"": source, "YANMA": source, "88": source + "88", "123456": source + "123456", source: source, source + "77": source + "77",
	} {
		m := text("hello")
		m.From = from
		if o := await(t, submit(c, m)); o.Class != provider.Accepted {
			t.Fatalf("from %q: %+v", from, o)
		}
		if p := await(t, got.parts); p.From != want {
			t.Errorf("from %q: %s, want %s", from, p.From, want)
		}
	}
}

func TestRejectedBeforeSending(t *testing.T) {
	server, _ := receivingGateway(t, accepting)
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	tooLong, badSender, abroad := text(strings.Repeat("验", 67*256)), text("hello"), text("hello")
	badSender.From = "1234567"
	abroad.To = core.PhoneFromE164("+14155550123")
	if provider.Carries(c, abroad) || !provider.Carries(c, text("hello")) {
		t.Error("a route would not skip it for numbers abroad, and for those only")
	}
	for _, m := range []*provider.Message{tooLong, badSender, abroad} {
		if o := await(t, submit(c, m)); o.Class != provider.Rejected || o.Code != "local" || o.Detail == "" {
			t.Errorf("%+v", o)
		}
	}
	if n := server.Stats().Submits; n != 0 {
		t.Errorf("%d were sent", n)
	}
}

func TestConfigurationRefused(t *testing.T) {
	good := cmpp.Config{Name: "a", Addr: "127.0.0.1:1", SPID: spID, Secret: secret}
	if _, err := cmpp.New(good, deps(newSink())); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*cmpp.Config){
		"name":       func(c *cmpp.Config) { c.Name = "" },
		"addr":       func(c *cmpp.Config) { c.Addr = "" },
		"sp_id":      func(c *cmpp.Config) { c.SPID = "1234567" }, // contracts/delivery.md §4
		"version":    func(c *cmpp.Config) { c.Version = 0x21 },
		"service_id": func(c *cmpp.Config) { c.ServiceID = "eleven char" },
		"source":     func(c *cmpp.Config) { c.Source = "YANMA" },
		"charset":    func(c *cmpp.Config) { c.Charset = "utf-8" },
		"window":     func(c *cmpp.Config) { c.Window = -1 },
		"rate":       func(c *cmpp.Config) { c.RatePerSecond = -1 },
		"duration":   func(c *cmpp.Config) { c.ReconnectMax = time.Millisecond },
	} {
		cfg := good
		change(&cfg)
		if _, err := cmpp.New(cfg, deps(newSink())); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := cmpp.New(good, cmpp.Deps{}); err == nil {
		t.Error("a client without a sink")
	}
}

// TestReq14_NothingPersonalInLogs runs a noisy link and looks at its log.
func TestReq14_NothingPersonalInLogs(t *testing.T) {
	var log bytes.Buffer
	d := deps(newSink())
	d.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	raw := newRawGateway(t)
	c, err := cmpp.New(cmpp.Config{Name: "test", Addr: raw.listener.Addr().String(), SPID: spID, Secret: secret, ResponseTimeout: 200 * time.Millisecond}, d)
	if err != nil {
		t.Fatal(err)
	}
	startClient(t, c)
	conn := raw.connected()
	up(t, c)
	outcomes := submit(c, text("您的验证码是654321"))
	h, _ := conn.want(pdu.CmdSubmit)
	deliver, _ := pdu.AppendDeliver(nil, pdu.V20, 1, &pdu.Deliver{SrcTerminal: "13800138000", RegisteredDelivery: 1, Content: []byte("13800138000 654321")})
	conn.send(deliver)
	conn.want(pdu.CmdDeliverResp)
	o := await(t, outcomes)
	conn.send(pdu.AppendResp(nil, pdu.V20, pdu.CmdSubmitResp, h.Seq, 1, pdu.ResultOK))
	conn.send(make([]byte, 12))
	conn.ended()
	stopClient(t, c)
	if log.Len() == 0 || !strings.Contains(log.String(), "refused") {
		t.Fatalf("the log does not show what happened: %s", log.String())
	}
	for _, forbidden := range []string{"13800138000", "654321", "验证码", "secret"} {
		if strings.Contains(log.String(), forbidden) || strings.Contains(o.Detail, forbidden) {
			t.Errorf("%q is in the log or the outcome: %s", forbidden, log.String())
		}
	}
}
