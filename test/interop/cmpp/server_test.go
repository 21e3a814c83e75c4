//go:build interop

package cmpp

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	oracle "github.com/bigwhite/gocmpp"
	oracleutil "github.com/bigwhite/gocmpp/utils"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

const (
	spID   = "901234"
	secret = "1234"
	source = "106901234"
)

func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("%s does not come", what)
	}
	panic("unreachable")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// submit is a SUBMIT of either version as gocmpp read it.
type submit struct {
	total, number, udhi, format byte
	src, dest, content, valid   string
}

// ismg is gocmpp's server with our script.
type ismg struct {
	t        *testing.T
	version  pdu.Version
	addr     string
	lastID   atomic.Uint64
	submits  chan submit
	answers  chan uint64 // MsgIds of DELIVER_RESP with result 0
	tests    atomic.Int32
	answered atomic.Int32 // of its own active tests
	left     chan struct{}
}

func startISMG(t *testing.T, v pdu.Version) *ismg {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &ismg{t: t, version: v, addr: listener.Addr().String(), submits: make(chan submit, 100), answers: make(chan uint64, 100),
		left: make(chan struct{}, 10)}
	server := &oracle.Server{Typ: oracle.Type(v), T: 50 * time.Millisecond, N: 40, ErrorLog: log.New(io.Discard, "", 0),
		Handler: oracle.HandlerFunc(s.handle)}
	go func() { _ = server.Serve(listener) }() // ends when the listener is closed
	t.Cleanup(func() { _ = listener.Close() })
	return s
}

func (s *ismg) handle(r *oracle.Response, p *oracle.Packet, _ *log.Logger) (bool, error) {
	switch m := p.Packer.(type) {
	case *oracle.CmppConnReqPkt:
		return false, s.login(r, m)
	case *oracle.Cmpp2SubmitReqPkt:
		id, result := s.take(p, submit{m.PkTotal, m.PkNumber, m.TpUdhi, m.MsgFmt, m.SrcId, m.DestTerminalId[0], m.MsgContent, m.ValidTime})
		answer := r.Packer.(*oracle.Cmpp2SubmitRspPkt)
		answer.MsgId, answer.Result = id, result
	case *oracle.Cmpp3SubmitReqPkt:
		id, result := s.take(p, submit{m.PkTotal, m.PkNumber, m.TpUdhi, m.MsgFmt, m.SrcId, m.DestTerminalId[0], m.MsgContent, m.ValidTime})
		answer := r.Packer.(*oracle.Cmpp3SubmitRspPkt)
		answer.MsgId, answer.Result = id, uint32(result)
	case *oracle.Cmpp2DeliverRspPkt:
		if m.Result == 0 {
			s.answers <- m.MsgId
		}
	case *oracle.Cmpp3DeliverRspPkt:
		if m.Result == 0 {
			s.answers <- m.MsgId
		}
	case *oracle.CmppActiveTestReqPkt:
		s.tests.Add(1)
	case *oracle.CmppActiveTestRspPkt:
		s.answered.Add(1)
	case *oracle.CmppTerminateReqPkt:
		s.left <- struct{}{}
	}
	return false, nil
}

// login checks our authenticator with gocmpp's own arithmetic: the packet that
// it would have sent itself.
func (s *ismg) login(r *oracle.Response, m *oracle.CmppConnReqPkt) error {
	own := oracle.CmppConnReqPkt{SrcAddr: spID, Secret: secret, Version: oracle.Type(s.version), Timestamp: m.Timestamp}
	if _, err := own.Pack(1); err != nil {
		return err
	}
	var status uint8
	if m.SrcAddr != spID || m.AuthSrc != own.AuthSrc {
		status = oracle.ErrnoConnAuthFailed
	}
	switch answer := r.Packer.(type) {
	case *oracle.Cmpp2ConnRspPkt:
		answer.Status, answer.AuthSrc, answer.Secret, answer.Version = status, m.AuthSrc, secret, oracle.V20
	case *oracle.Cmpp3ConnRspPkt:
		answer.Status, answer.AuthSrc, answer.Secret, answer.Version = uint32(status), m.AuthSrc, secret, oracle.V30
	}
	return nil
}

// take accepts, but for two numbers, and reports at once: the report is on its
// way before the answer.
func (s *ismg) take(p *oracle.Packet, m submit) (id uint64, result uint8) {
	s.submits <- m
	switch {
	case strings.HasSuffix(m.dest, "8"):
		return 0, oracle.ErrnoSubmitNotPassFlowControl
	case strings.HasSuffix(m.dest, "7"):
		return 0, oracle.ErrnoSubmitInvalidServiceId
	}
	id = s.lastID.Add(1) + 1<<40
	report := oracle.CmppReceiptPkt{MsgId: id, Stat: "DELIVRD", SubmitTime: "2311212130", DoneTime: "2311212131", DestTerminalId: m.dest, SmscSequence: 1}
	content, err := report.Pack()
	if err != nil {
		s.t.Error(err)
	}
	s.deliver(p, id+1<<41, source, m.dest, 1, 0, string(content))
	return id, 0
}

func (s *ismg) deliver(p *oracle.Packet, id uint64, dest, src string, register, format uint8, content string) {
	var packet oracle.Packer
	if s.version == pdu.V20 {
		packet = &oracle.Cmpp2DeliverReqPkt{MsgId: id, DestId: dest, SrcTerminalId: src, RegisterDelivery: register, MsgFmt: format,
			MsgLength: uint8(len(content)), MsgContent: content}
	} else {
		packet = &oracle.Cmpp3DeliverReqPkt{MsgId: id, DestId: dest, SrcTerminalId: src, RegisterDelivery: register, MsgFmt: format,
			MsgLength: uint8(len(content)), MsgContent: content}
	}
	if err := p.Conn.SendPkt(packet, <-p.Conn.SeqId); err != nil {
		s.t.Error(err)
	}
}

// sink stores everything at once.
type sink struct {
	receipts chan provider.Receipt
	inbound  chan provider.Inbound
}

func (s *sink) Receipt(_ string, r provider.Receipt, ack func(error)) { s.receipts <- r; ack(nil) }
func (s *sink) Inbound(_ string, in provider.Inbound, ack func(error)) {
	s.inbound <- in
	ack(nil)
}

func startClient(t *testing.T, cfg cmpp.Config) (*cmpp.Client, *sink) {
	t.Helper()
	s := &sink{receipts: make(chan provider.Receipt, 100), inbound: make(chan provider.Inbound, 100)}
	cfg.Name, cfg.SPID, cfg.ServiceID, cfg.Source = "interop", spID, "YANMA", source
	if cfg.Secret.IsZero() {
		cfg.Secret = core.NewSecret(secret)
	}
	c, err := cmpp.New(cfg, cmpp.Deps{Sink: s, Now: time.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	return c, s
}

func send(t *testing.T, c *cmpp.Client, to, body string) provider.Outcome {
	t.Helper()
	outcomes := make(chan provider.Outcome, 2)
	c.Submit(t.Context(), &provider.Message{To: core.PhoneFromE164("+86" + to), Text: body, Validity: 5 * time.Minute},
		func(o provider.Outcome) { outcomes <- o })
	return await(t, "the outcome", outcomes)
}

// TestReq37_OurCMPPClientAgainstGocmpp logs in, sends in every character set,
// short and long, is throttled and refused, gets reports, answers and sends
// active tests, and leaves in order.
func TestReq37_OurCMPPClientAgainstGocmpp(t *testing.T) {
	for _, v := range []pdu.Version{pdu.V20, pdu.V30} {
		t.Run(v.String(), func(t *testing.T) {
			s := startISMG(t, v)
			for _, set := range []cmpp.Charset{cmpp.CharsetUCS2, cmpp.CharsetGBK} {
				c, sink := startClient(t, cmpp.Config{Addr: s.addr, Version: v, Charset: set, TestEvery: 20 * time.Millisecond})
				eventually(t, "the client is up", func() bool { return c.Health().Up })
				s.exchange(t, c, sink, set)
				tests, answered := s.tests.Load(), s.answered.Load()
				eventually(t, "active tests in both directions", func() bool { return s.tests.Load() > tests && s.answered.Load() > answered+1 })
				if err := c.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				await(t, "TERMINATE", s.left)
			}
		})
	}
}

func (s *ismg) exchange(t *testing.T, c *cmpp.Client, got *sink, set cmpp.Charset) {
	const short = "【验码】您的验证码是123456"
	long := strings.Repeat("验证码1234567", 20)
	for _, body := range []string{short, long} {
		o := send(t, c, "13800138000", body)
		if o.Class != provider.Accepted {
			t.Fatalf("%+v", o)
		}
		whole := ""
		for i := range o.PartIDs {
			m := await(t, "a SUBMIT", s.submits)
			if int(m.total) != len(o.PartIDs) || int(m.number) != i+1 || m.src != source || m.dest != "13800138000" || m.valid != "000000000500000R" {
				t.Errorf("%+v", m)
			}
			whole += readable(t, m)
			receipt := await(t, "the report", got.receipts)
			if receipt.PartID != o.PartIDs[i] || receipt.State != provider.StateDelivered || receipt.JSMS != 4001 || receipt.DoneAt.IsZero() {
				t.Errorf("%+v, want one about %s", receipt, o.PartIDs[i])
			}
			await(t, "the answer to the report", s.answers)
		}
		if whole != body {
			t.Errorf("gocmpp read %q of %q in %s", whole, body, set)
		}
	}
	if o := send(t, c, "13800138008", short); o.Class != provider.Throttled || o.Code != "8" {
		t.Errorf("%+v", o)
	}
	if o := send(t, c, "13800138007", short); o.Class != provider.Rejected || o.Code != "7" {
		t.Errorf("%+v", o)
	}
	await(t, "a SUBMIT", s.submits)
	await(t, "a SUBMIT", s.submits)
}

// readable is the text of a part, decoded by gocmpp's own functions.
func readable(t *testing.T, m submit) string {
	t.Helper()
	body := m.content
	if m.udhi == 1 {
		_, after, ok := text.ParseHeader([]byte(body))
		if !ok {
			t.Fatalf("% x", body)
		}
		body = string(after)
	}
	decode := oracleutil.Ucs2ToUtf8
	if m.format == pdu.FormatGBK {
		decode = oracleutil.GB18030ToUtf8
	}
	s, err := decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestReq37_GocmppRefusesAWrongSecret: the client stops and says why.
func TestReq37_GocmppRefusesAWrongSecret(t *testing.T) {
	for _, v := range []pdu.Version{pdu.V20, pdu.V30} {
		s := startISMG(t, v)
		c, _ := startClient(t, cmpp.Config{Addr: s.addr, Version: v, Secret: core.NewSecret("wrong")})
		eventually(t, "it stops", func() bool { return c.Health().Detail == "stopped: authentication failed" })
	}
}
