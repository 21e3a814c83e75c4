package smpp_test

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
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

var phone = core.PhoneFromE164("+8613800138000")

// funcSink is a sink whose receipts are acknowledged at once.
type funcSink struct {
	receipts chan provider.Receipt
	inbound  chan provider.Inbound
}

func newSink() *funcSink {
	return &funcSink{receipts: make(chan provider.Receipt, 100), inbound: make(chan provider.Inbound, 100)}
}

func (s *funcSink) Receipt(_ string, r provider.Receipt, ack func(error)) { s.receipts <- r; ack(nil) }
func (s *funcSink) Inbound(_ string, in provider.Inbound, ack func(error)) {
	s.inbound <- in
	ack(nil)
}

func startClient(t *testing.T, c *smpp.Client) {
	t.Helper()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopClient(t, c) })
}

// stopClient does not insist on answers: some of the tests' SMSCs never give one.
func stopClient(t *testing.T, c *smpp.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v", err)
	}
}

func up(t *testing.T, c *smpp.Client) {
	t.Helper()
	providertest.Eventually(t, "the client is up", func() bool { return c.Health().Up })
}

func text(s string) *provider.Message {
	return &provider.Message{ID: 1, Channel: core.ChannelSMS, To: phone, Text: s, Validity: 5 * time.Minute}
}

func submit(c *smpp.Client, m *provider.Message) <-chan provider.Outcome {
	outcomes := make(chan provider.Outcome, 2)
	c.Submit(context.Background(), m, func(o provider.Outcome) { outcomes <- o })
	return outcomes
}

func await[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(15 * time.Second):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

// TestSubmitOctets holds the PDU on the wire against contracts/delivery.md
// §2.1's vector, which has no validity_period.
func TestSubmitOctets(t *testing.T) {
	c, conn := newRawSMSC(t).client(newSink(), smpp.Config{})
	m := text("【验码】您的验证码是123456")
	m.Validity = 0
	outcomes := submit(c, m)
	h, body := conn.next()
	want := "00050059414e4d4100010138363133383030313338303030000000000000010008002030109a8c7801301160a876849a8c8bc17801662f003100320033003400350036"
	if h.ID != pdu.SubmitSM || hex.EncodeToString(body) != want {
		t.Errorf("%s %x", h.ID, body)
	}
	resp, _ := pdu.AppendSMResp(nil, pdu.SubmitSMResp, pdu.OK, h.Seq, "abc")
	conn.send(resp)
	if o := await(t, outcomes); o.Class != provider.Accepted || o.PartIDs[0] != "abc" {
		t.Errorf("%+v", o)
	}
}

// received collects what the SMSC put together.
type received struct {
	parts    chan smsc.Part
	messages chan smsc.Message
}

func receivingSMSC(t *testing.T, behaviour func(*smsc.Part) smsc.Behaviour) (*smsc.Server, received) {
	t.Helper()
	r := received{parts: make(chan smsc.Part, 1000), messages: make(chan smsc.Message, 1000)}
	server := startServer(t, smsc.Config{
		SystemID: systemID, Password: password, RetryAfter: 5 * time.Millisecond,
		Decide: func(p *smsc.Part) smsc.Behaviour { r.parts <- *p; return behaviour(p) },
		Handle: func(m smsc.Message) { r.messages <- m },
	})
	return server, r
}

func accepting(*smsc.Part) smsc.Behaviour { return smsc.Behaviour{} }

func TestAlphabetsAndLongMessages(t *testing.T) {
	america := core.PhoneFromE164("+14155550123")
	for _, test := range []struct {
		name   string
		long   smpp.LongMessage
		to     core.Phone
		text   string
		parts  int
		coding byte
	}{
		{"GSM-7", smpp.LongUDH, america, "Your code is 123456 [€]", 1, 0},
		{"UCS-2 abroad", smpp.LongUDH, america, "验证码 😀", 1, 8},
		{"China is always UCS-2", smpp.LongUDH, phone, "Your code is 123456", 1, 8},
		{"GSM-7 in segments", smpp.LongUDH, america, strings.Repeat("0123456789{", 30), 3, 0},
		{"UCS-2 in segments", smpp.LongUDH, phone, strings.Repeat("验证码😀", 60), 5, 8},
		{"GSM-7 in message_payload", smpp.LongPayload, america, strings.Repeat("0123456789{", 30), 1, 0},
		{"UCS-2 in message_payload", smpp.LongPayload, phone, strings.Repeat("验证码😀", 60), 1, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, got := receivingSMSC(t, accepting)
			c := newClient(t, newSink(), smpp.Config{Addr: server.Addr(), LongMessage: test.long, Window: 2})
			startClient(t, c)
			up(t, c)
			m := text(test.text)
			m.To = test.to
			o := await(t, submit(c, m))
			if o.Class != provider.Accepted || len(o.PartIDs) != test.parts {
				t.Fatalf("%+v", o)
			}
			whole := await(t, got.messages)
			if whole.Text != test.text || whole.Parts != test.parts || "+"+whole.To != test.to.E164() || whole.From != "YANMA" {
				t.Errorf("the SMSC put together %+v", whole)
			}
			for range test.parts {
				p := await(t, got.parts)
				if p.DataCoding != test.coding || p.Validity != "000000000500000R" || !p.WantsReceipt {
					t.Errorf("part %+v", p)
				}
			}
		})
	}
}

// TestReq37_ThrottledLosesNothing: everything refused by throttling is told so,
// and the link rests a second.
func TestReq37_ThrottledLosesNothing(t *testing.T) {
	var throttled atomic.Int32
	server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour {
		if throttled.Add(1) <= 3 {
			return smsc.Behaviour{Status: pdu.MsgQueueFull, Delay: 50 * time.Millisecond}
		}
		return smsc.Behaviour{}
	})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	classes := make(map[provider.Class]int)
	var outcomes []<-chan provider.Outcome
	for range 3 {
		outcomes = append(outcomes, submit(c, text("hello")))
	}
	for _, from := range outcomes {
		o := await(t, from)
		classes[o.Class]++
		if o.Class == provider.Throttled && (o.RetryAfter != time.Second || o.Code != "0x00000014") {
			t.Errorf("%+v", o)
		}
	}
	began := time.Now()
	o := await(t, submit(c, text("hello")))
	if classes[provider.Throttled] != 3 || o.Class != provider.Accepted {
		t.Errorf("%v, then %+v", classes, o)
	}
	if rested := time.Since(began); rested < 800*time.Millisecond {
		t.Errorf("the link rested %v", rested)
	}
}

// TestReq37_RetryOnce: statuses of the class "retry once" are, by the link.
func TestReq37_RetryOnce(t *testing.T) {
	var tries atomic.Int32
	refuse := int32(1)
	server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour {
		if tries.Add(1) <= refuse {
			return smsc.Behaviour{Status: pdu.DeliveryFail}
		}
		return smsc.Behaviour{}
	})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	if o := await(t, submit(c, text("hello"))); o.Class != provider.Accepted || tries.Load() != 2 {
		t.Errorf("%+v after %d tries", o, tries.Load())
	}
	tries.Store(0)
	refuse = 9
	if o := await(t, submit(c, text("hello"))); o.Class != provider.Rejected || o.Code != "0x000000FE" || tries.Load() != 2 {
		t.Errorf("%+v after %d tries", o, tries.Load())
	}
}

func TestRejectedBeforeSending(t *testing.T) {
	server, _ := receivingSMSC(t, accepting)
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	tooLong, badSender := text(strings.Repeat("验", 67*256)), text("hello")
	badSender.From = "a sender name of many characters"
	for _, m := range []*provider.Message{tooLong, badSender} {
		if o := await(t, submit(c, m)); o.Class != provider.Rejected || o.Code != "local" || o.Detail == "" {
			t.Errorf("%+v", o)
		}
	}
	if n := server.Stats().Submits; n != 0 {
		t.Errorf("%d were sent", n)
	}
}

func TestRatePerSecond(t *testing.T) {
	server, _ := receivingSMSC(t, accepting)
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr(), RatePerSecond: 100})
	startClient(t, c)
	up(t, c)
	began := time.Now()
	for range 30 {
		await(t, submit(c, text("hello")))
	}
	if took := time.Since(began); took < 270*time.Millisecond {
		t.Errorf("30 at 100 a second took %v", took)
	}
}

func TestConfigurationRefused(t *testing.T) {
	good := smpp.Config{Name: "a", Addr: "127.0.0.1:1", SystemID: "yanma", Password: password}
	if _, err := smpp.New(good, deps(newSink())); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*smpp.Config){
		"name":          func(c *smpp.Config) { c.Name = "" },
		"addr":          func(c *smpp.Config) { c.Addr = "" },
		"vendor_status": func(c *smpp.Config) { c.VendorStatus = map[pdu.Status]provider.Class{0x401: provider.Accepted} },
		"window":        func(c *smpp.Config) { c.Window = -1 },
		"rate":          func(c *smpp.Config) { c.RatePerSecond = -1 },
		"id_radix":      func(c *smpp.Config) { c.IDRadix = "octal" },
		"long_message":  func(c *smpp.Config) { c.LongMessage = "fax" },
		"duration":      func(c *smpp.Config) { c.ReconnectMax = time.Millisecond },
		"sender":        func(c *smpp.Config) { c.Source = "a sender name of many characters" },
		"password":      func(c *smpp.Config) { c.Password = core.NewSecret("secret-of-16-octets") },
		"system_id":     func(c *smpp.Config) { c.SystemID = "a system id of many octets" },
		"system_type":   func(c *smpp.Config) { c.SystemType = "thirteen octets" },
	} {
		cfg := good
		change(&cfg)
		_, err := smpp.New(cfg, deps(newSink()))
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret-of") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := smpp.New(good, smpp.Deps{}); err == nil {
		t.Error("a client without a sink")
	}
}

// TestReq14_NothingPersonalInLogs runs a noisy link and looks at its log.
func TestReq14_NothingPersonalInLogs(t *testing.T) {
	var log bytes.Buffer
	d := deps(newSink())
	d.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	raw := newRawSMSC(t)
	c, err := smpp.New(smpp.Config{
		Name: "test", Addr: raw.listener.Addr().String(), SystemID: systemID, Password: password, ResponseTimeout: 200 * time.Millisecond,
	}, d)
	if err != nil {
		t.Fatal(err)
	}
	startClient(t, c)
	conn := raw.bound()
	up(t, c)
	outcomes := submit(c, text("您的验证码是654321"))
	h := conn.want(pdu.SubmitSM)
	sm := pdu.SM{Source: pdu.Address{Addr: "8613800138000"}, ESMClass: pdu.ESMClassReceipt, ShortMessage: []byte("stat:DELIVRD text:654321")}
	frame, _ := pdu.AppendSM(nil, pdu.DeliverSM, 1, &sm)
	conn.send(frame)
	o := await(t, outcomes)
	late, _ := pdu.AppendSMResp(nil, pdu.SubmitSMResp, pdu.OK, h.Seq, "abc")
	conn.send(late)
	conn.send(make([]byte, 16))
	conn.ended()
	stopClient(t, c)
	if log.Len() == 0 || !strings.Contains(log.String(), "refused") {
		t.Fatalf("the log does not show what happened: %s", log.String())
	}
	for _, secret := range []string{"13800138000", "654321", "secret08", "验证码"} {
		if strings.Contains(log.String(), secret) || strings.Contains(o.Detail, secret) {
			t.Errorf("%q is in the log or the outcome: %s", secret, log.String())
		}
	}
}
