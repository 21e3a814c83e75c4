package smpp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
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

// TestReq35_ReceiptOrders is contracts/delivery.md §9 row 3 at the link: before
// the answer, after it, twice, for an unknown id, hexadecimal against decimal.
func TestReq35_ReceiptOrders(t *testing.T) {
	report := smsc.Report{Code: "DELIVRD"}
	before, unknown, textOnly := report, report, smsc.Report{Code: "MK:0001", TextOnly: true}
	before.BeforeAnswer, unknown.UnknownID = true, true
	for _, test := range []struct {
		name      string
		behaviour smsc.Behaviour
		receipts  int
		literal   bool // the id is spelled as it was answered
		known     bool // it is among the spellings
		state     provider.State
		jsms      int
	}{
		{"after the answer", smsc.Behaviour{Reports: []smsc.Report{report}}, 1, true, true, provider.StateDelivered, 4001},
		{"before the answer", smsc.Behaviour{Delay: 50 * time.Millisecond, Reports: []smsc.Report{before}}, 1, true, true, provider.StateDelivered, 4001},
		{"twice", smsc.Behaviour{Reports: []smsc.Report{report, report}}, 2, true, true, provider.StateDelivered, 4001},
		{"unknown id", smsc.Behaviour{Reports: []smsc.Report{unknown}}, 1, false, false, provider.StateDelivered, 4001},
		{"hexadecimal in the receipt", smsc.Behaviour{IDs: smsc.IDHexInReceipt, Reports: []smsc.Report{report}}, 1, false, true, provider.StateDelivered, 4001},
		{"hexadecimal in the answer", smsc.Behaviour{IDs: smsc.IDHexInAnswer, Reports: []smsc.Report{report}}, 1, false, true, provider.StateDelivered, 4001},
		{"carrier's code", smsc.Behaviour{Reports: []smsc.Report{textOnly}}, 1, true, true, provider.StateUndelivered, 4004},
		{"the connection was cut", smsc.Behaviour{Drop: true, Reports: []smsc.Report{report}}, 1, false, false, provider.StateDelivered, 4001},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour { return test.behaviour })
			sink := newSink()
			c := newClient(t, sink, smpp.Config{Addr: server.Addr()})
			startClient(t, c)
			up(t, c)
			outcomes := submit(c, text("hello"))
			var got provider.Receipt
			for range test.receipts {
				got = await(t, sink.receipts)
				if got.State != test.state || got.JSMS != test.jsms || got.DoneAt.IsZero() {
					t.Errorf("%+v", got)
				}
			}
			if test.behaviour.Delay > 0 && len(outcomes) > 0 {
				t.Error("the answer came first")
			}
			o := await(t, outcomes)
			if o.Class == provider.Unknown && test.behaviour.Drop {
				return
			}
			id := o.PartIDs[0]
			known := got.PartID == id
			for _, alt := range got.AltIDs {
				known = known || alt == id
			}
			if (got.PartID == id) != test.literal || known != test.known {
				t.Errorf("answered %q, receipt %q or %q", id, got.PartID, got.AltIDs)
			}
			providertest.Eventually(t, "the receipts are answered", func() bool { return server.Stats().Receipts == int64(test.receipts) })
		})
	}
}

// TestReq35_ReceiptParameters: optional parameters win over the text, and a
// carrier's own code is kept where they agree.
func TestReq35_ReceiptParameters(t *testing.T) {
	sink := newSink()
	_, conn := newRawSMSC(t).client(sink, smpp.Config{IDRadix: smpp.RadixLiteral})
	tlv := func(id string, state byte) pdu.TLVs {
		return pdu.TLVs{{Tag: pdu.TagReceiptedMessageID, Value: []byte(id + "\x00")}, {Tag: pdu.TagMessageState, Value: []byte{state}}}
	}
	for seq, test := range []struct {
		text  string
		tlvs  pdu.TLVs
		id    string
		code  string
		state provider.State
		jsms  int
	}{
		{"id:text stat:DELIVRD", nil, "text", "DELIVRD", provider.StateDelivered, 4001},
		{"id:text stat:DELIVRD", tlv("param", 5), "param", "UNDELIV", provider.StateUndelivered, 4003},
		{"id:text stat:REJECTD", tlv("param", 3), "param", "EXPIRED", provider.StateUndelivered, 4003},
		{"id:text stat:MK:0001", tlv("param", 5), "param", "MK:0001", provider.StateUndelivered, 4004},
		{"id:text stat:MK:0001", tlv("param", 2), "param", "DELIVRD", provider.StateDelivered, 4001},
		{"", tlv("param", 2), "param", "DELIVRD", provider.StateDelivered, 4001},
		{"", tlv("param", 1), "param", "ENROUTE", provider.StateSubmitted, 0},
		{"id:text", nil, "text", "UNKNOWN", provider.StateUndelivered, 4100},
	} {
		sm := pdu.SM{ESMClass: pdu.ESMClassReceipt, ShortMessage: []byte(test.text), TLVs: test.tlvs}
		frame, _ := pdu.AppendSM(nil, pdu.DeliverSM, uint32(seq+1), &sm)
		conn.send(frame)
		got := await(t, sink.receipts)
		if got.PartID != test.id || got.Code != test.code || got.State != test.state || got.JSMS != test.jsms || got.AltIDs != nil {
			t.Errorf("%q: %+v", test.text, got)
		}
		if h := conn.want(pdu.DeliverSMResp); h.Status != pdu.OK || h.Seq != uint32(seq+1) {
			t.Errorf("answered %+v", h)
		}
	}
	// Without an id nobody can store it: refused, and not asked for again.
	sm := pdu.SM{ESMClass: pdu.ESMClassReceipt, ShortMessage: []byte("no receipt at all")}
	frame, _ := pdu.AppendSM(nil, pdu.DeliverSM, 99, &sm)
	conn.send(frame)
	if h := conn.want(pdu.DeliverSMResp); h.Status != pdu.AppPermanent {
		t.Errorf("answered %+v", h)
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

// TestReq37_Rebind: an SMSC that says "not bound" gets an unbind and a new bind.
func TestReq37_Rebind(t *testing.T) {
	var refused atomic.Bool
	server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour {
		if !refused.Swap(true) {
			return smsc.Behaviour{Status: pdu.InvBndStatus}
		}
		return smsc.Behaviour{}
	})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	if o := await(t, submit(c, text("hello"))); o.Class != provider.Throttled || o.RetryAfter == 0 {
		t.Errorf("%+v", o)
	}
	providertest.Eventually(t, "it binds anew", func() bool { return server.Stats().Binds == 2 && c.Health().Up })
	if o := await(t, submit(c, text("hello"))); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
}

// TestReq37_CredentialsRefused: the client stops, says so, and does not try again.
func TestReq37_CredentialsRefused(t *testing.T) {
	for _, test := range []struct {
		status pdu.Status
		detail string
	}{{pdu.InvPassword, "stopped: invalid password"}, {pdu.InvSystemID, "stopped: invalid system id"}} {
		var binds atomic.Int32
		server := startServer(t, smsc.Config{BindStatus: func(string) pdu.Status { binds.Add(1); return test.status }})
		c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
		startClient(t, c)
		providertest.Eventually(t, test.detail, func() bool { return c.Health().Detail == test.detail })
		if o := await(t, submit(c, text("hello"))); o.Class != provider.NotSent || o.Detail != test.detail {
			t.Errorf("%+v", o)
		}
		stopClient(t, c)
		if n := binds.Load(); n != 1 {
			t.Errorf("%d binds", n)
		}
	}
}

func TestBindRefusedIsTriedAgain(t *testing.T) {
	var binds atomic.Int32
	server := startServer(t, smsc.Config{BindStatus: func(string) pdu.Status {
		return []pdu.Status{pdu.BindFail, pdu.AlreadyBound, pdu.SysErr, pdu.OK}[min(binds.Add(1)-1, 3)]
	}})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	if n := binds.Load(); n != 4 {
		t.Errorf("%d binds", n)
	}
}

// TestReq37_EnquireLink: silence brings an enquire_link; no answer, a new bind.
func TestReq37_EnquireLink(t *testing.T) {
	raw := newRawSMSC(t)
	_, conn := raw.client(newSink(), smpp.Config{EnquireEvery: 30 * time.Millisecond, ResponseTimeout: 300 * time.Millisecond})
	for range 3 {
		h := conn.want(pdu.EnquireLink)
		conn.send(pdu.AppendEmpty(nil, pdu.EnquireLinkResp, pdu.OK, h.Seq))
	}
	began := time.Now()
	conn.ended() // the next one has no answer
	if waited := time.Since(began); waited < 300*time.Millisecond {
		t.Errorf("given up after %v", waited)
	}
	raw.bound()
}

// TestLateAnswerIsIgnored: an answer after its time-out changes nothing.
func TestLateAnswerIsIgnored(t *testing.T) {
	var slow atomic.Bool
	slow.Store(true)
	server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour {
		if slow.Load() {
			return smsc.Behaviour{Delay: 250 * time.Millisecond}
		}
		return smsc.Behaviour{}
	})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr(), ResponseTimeout: 150 * time.Millisecond, EnquireEvery: 20 * time.Millisecond, Window: 1})
	startClient(t, c)
	up(t, c)
	first := submit(c, text("hello"))
	if o := await(t, first); o.Class != provider.Unknown {
		t.Errorf("%+v", o)
	}
	slow.Store(false)
	for range 50 { // the late answer comes among these
		if o := await(t, submit(c, text("hello"))); o.Class != provider.Accepted {
			t.Fatalf("%+v", o)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if len(first) != 0 || server.Stats().Binds != 1 {
		t.Errorf("%d more outcomes, %d binds", len(first), server.Stats().Binds)
	}
}

// TestReq37_BadFrames is contracts/delivery.md §9 row 2 at the client.
func TestReq37_BadFrames(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{})
	conn.send(pdu.AppendEmpty(nil, 0x00000103, pdu.OK, 5)) // data_sm is not spoken
	if h := conn.want(pdu.GenericNack); h.Seq != 5 || h.Status != pdu.InvCmdID {
		t.Errorf("unknown id: %+v", h)
	}
	conn.send(pdu.AppendEmpty(nil, 0x80000103, pdu.OK, 6)) // an answer is never nacked
	conn.send(pdu.AppendEmpty(nil, pdu.GenericNack, pdu.InvCmdID, 0))
	conn.send(append([]byte{0, 0, 0, 24}, pdu.AppendEmpty(nil, pdu.DeliverSM, pdu.OK, 7)[4:]...))
	conn.send(make([]byte, 8)) // a deliver_sm whose body ends too soon
	if h := conn.want(pdu.DeliverSMResp); h.Seq != 7 || h.Status != pdu.AppPermanent {
		t.Errorf("malformed body: %+v", h)
	}
	for _, octet := range pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 8) {
		conn.send([]byte{octet})
	}
	if h := conn.want(pdu.EnquireLinkResp); h.Seq != 8 {
		t.Errorf("byte at a time: %+v", h)
	}
	for _, length := range []uint32{0, 15, 64<<10 + 1, 1 << 31} {
		frame := pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 9)
		copy(frame, []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)})
		conn.send(frame)
		if h := conn.want(pdu.GenericNack); h.Seq != 9 || h.Status != pdu.InvCmdLen {
			t.Errorf("length %d: %+v", length, h)
		}
		conn.ended()
		conn = raw.bound()
	}
	up(t, c)
}

// TestReq37_SlowLoris: a frame that never ends costs the SMSC its connection.
func TestReq37_SlowLoris(t *testing.T) {
	raw := newRawSMSC(t)
	_, conn := raw.client(newSink(), smpp.Config{ResponseTimeout: 100 * time.Millisecond})
	conn.send(pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 1)[:15])
	conn.ended()
	raw.bound()
}

func TestPeerUnbinds(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{})
	conn.send(pdu.AppendEmpty(nil, pdu.Unbind, pdu.OK, 11))
	if h := conn.want(pdu.UnbindResp); h.Seq != 11 {
		t.Errorf("%+v", h)
	}
	conn.ended()
	raw.bound()
	up(t, c)
}

func TestStopUnbinds(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{})
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop(t.Context()) }()
	h := conn.want(pdu.Unbind)
	conn.send(pdu.AppendEmpty(nil, pdu.UnbindResp, pdu.OK, h.Seq))
	if err := await(t, stopped); err != nil {
		t.Error(err)
	}
	conn.ended()
}

// shortConn takes so many octets after the bind and then fails.
type shortConn struct {
	net.Conn
	room *atomic.Int64
}

func (c shortConn) Write(b []byte) (int, error) {
	left := c.room.Add(-int64(len(b)))
	if left >= 0 {
		return c.Conn.Write(b)
	}
	n := max(int(left)+len(b), 0)
	if n > 0 {
		_, _ = c.Conn.Write(b[:n])
	}
	return n, errors.New("connection reset by test")
}

// TestReq34_ExactlyUnknown: of two submissions on a connection that takes n
// octets, one is Unknown from its first octet on, and NotSent without any.
func TestReq34_ExactlyUnknown(t *testing.T) {
	const frame = 0x53 + 16 // the vector's length, and a validity_period
	for _, test := range []struct {
		octets        int64
		first, second provider.Class
	}{
		{0, provider.NotSent, provider.NotSent},
		{1, provider.Unknown, provider.NotSent},
		{frame - 1, provider.Unknown, provider.NotSent},
		{frame, provider.Unknown, provider.NotSent},
		{frame + 1, provider.Unknown, provider.Unknown},
	} {
		t.Run(fmt.Sprint(test.octets), func(t *testing.T) {
			raw := newRawSMSC(t)
			var room atomic.Int64
			room.Store(1 << 30)
			d := deps(newSink())
			d.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return shortConn{nc, &room}, err
			}
			c, err := smpp.New(smpp.Config{
				Name: "test", Addr: raw.listener.Addr().String(), SystemID: systemID, Password: password, Source: "YANMA",
				ReconnectMin: time.Hour, ReconnectMax: time.Hour,
			}, d)
			if err != nil {
				t.Fatal(err)
			}
			startClient(t, c)
			raw.bound()
			up(t, c)
			room.Store(test.octets)
			first, second := submit(c, text("【验码】您的验证码是123456")), submit(c, text("【验码】您的验证码是123456"))
			if o := await(t, first); o.Class != test.first {
				t.Errorf("first %+v, want %v", o, test.first)
			}
			if o := await(t, second); o.Class != test.second {
				t.Errorf("second %+v, want %v", o, test.second)
			}
		})
	}
}

func TestInbound(t *testing.T) {
	server, _ := receivingSMSC(t, accepting)
	sink := newSink()
	c := newClient(t, sink, smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	for _, want := range []string{"T", "退订", "[€]"} {
		if err := server.SendText(t.Context(), systemID, "8613800138000", "10690", want); err != nil {
			t.Fatal(err)
		}
		if got := await(t, sink.inbound); got.Text != want || got.From != phone || got.To != "10690" {
			t.Errorf("%+v", got)
		}
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
		"name":         func(c *smpp.Config) { c.Name = "" },
		"addr":         func(c *smpp.Config) { c.Addr = "" },
		"window":       func(c *smpp.Config) { c.Window = -1 },
		"rate":         func(c *smpp.Config) { c.RatePerSecond = -1 },
		"id_radix":     func(c *smpp.Config) { c.IDRadix = "octal" },
		"long_message": func(c *smpp.Config) { c.LongMessage = "fax" },
		"duration":     func(c *smpp.Config) { c.ReconnectMax = time.Millisecond },
		"sender":       func(c *smpp.Config) { c.Source = "a sender name of many characters" },
		"password":     func(c *smpp.Config) { c.Password = core.NewSecret("secret-of-16-octets") },
		"system_id":    func(c *smpp.Config) { c.SystemID = "a system id of many octets" },
		"system_type":  func(c *smpp.Config) { c.SystemType = "thirteen octets" },
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
