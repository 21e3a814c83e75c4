//go:build interop

package cmpp

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	oracle "github.com/bigwhite/gocmpp"
	oracleutil "github.com/bigwhite/gocmpp/utils"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

// sp is gocmpp's client.
type sp struct {
	*oracle.Client
	t       *testing.T
	version oracle.Type
}

// next is the next packet; active tests do not come, the gateway sends none.
func (c *sp) next() any {
	c.t.Helper()
	p, err := c.RecvAndUnpackPkt(30 * time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *sp) submit(dest, content string, total, number, udhi uint8) {
	c.t.Helper()
	var packet oracle.Packer
	if c.version == oracle.V30 {
		packet = &oracle.Cmpp3SubmitReqPkt{PkTotal: total, PkNumber: number, RegisteredDelivery: 1, ServiceId: "YANMA", FeeUserType: 2, TpUdhi: udhi,
			MsgFmt: 8, MsgSrc: spID, FeeType: "01", FeeCode: "0", SrcId: source, DestUsrTl: 1, DestTerminalId: []string{dest},
			MsgLength: uint8(len(content)), MsgContent: content}
	} else {
		packet = &oracle.Cmpp2SubmitReqPkt{PkTotal: total, PkNumber: number, RegisteredDelivery: 1, ServiceId: "YANMA", FeeUserType: 2, TpUdhi: udhi,
			MsgFmt: 8, MsgSrc: spID, FeeType: "01", FeeCode: "0", SrcId: source, DestUsrTl: 1, DestTerminalId: []string{dest},
			MsgLength: uint8(len(content)), MsgContent: content}
	}
	if _, err := c.SendReqPkt(packet); err != nil {
		c.t.Fatal(err)
	}
}

// answer is the next SUBMIT_RESP.
func (c *sp) answer() (id uint64, result uint32) {
	c.t.Helper()
	switch p := c.next().(type) {
	case *oracle.Cmpp2SubmitRspPkt:
		return p.MsgId, uint32(p.Result)
	case *oracle.Cmpp3SubmitRspPkt:
		return p.MsgId, p.Result
	default:
		c.t.Fatalf("%T in place of the answer", p)
	}
	return 0, 0
}

// delivered is the next DELIVER, answered with result 0.
func (c *sp) delivered() (content, src string, register uint8) {
	c.t.Helper()
	var err error
	switch p := c.next().(type) {
	case *oracle.Cmpp2DeliverReqPkt:
		content, src, register = p.MsgContent, p.SrcTerminalId, p.RegisterDelivery
		err = c.SendRspPkt(&oracle.Cmpp2DeliverRspPkt{MsgId: p.MsgId}, p.SeqId)
	case *oracle.Cmpp3DeliverReqPkt:
		content, src, register = p.MsgContent, p.SrcTerminalId, p.RegisterDelivery
		err = c.SendRspPkt(&oracle.Cmpp3DeliverRspPkt{MsgId: p.MsgId}, p.SeqId)
	default:
		c.t.Fatalf("%T in place of a DELIVER", p)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return content, src, register
}

func (c *sp) report(id uint64, dest string) {
	c.t.Helper()
	content, _, register := c.delivered()
	var report oracle.CmppReceiptPkt
	if err := report.Unpack([]byte(content)); err != nil || register != 1 || report.MsgId != id || report.Stat != "DELIVRD" || report.DestTerminalId != dest {
		c.t.Errorf("%+v, %v, want a report on %d", report, err, id)
	}
}

// TestReq37_GocmppClientAgainstOurGateway logs in, is refused with a wrong
// secret, submits short and long messages, gets reports and a subscriber's
// text, is throttled, tests the link and leaves in order.
func TestReq37_GocmppClientAgainstOurGateway(t *testing.T) {
	for _, v := range []oracle.Type{oracle.V20, oracle.V21, oracle.V30} {
		t.Run(v.String(), func(t *testing.T) { gocmppAgainstOurs(t, v) })
	}
}

func gocmppAgainstOurs(t *testing.T, v oracle.Type) {
	messages := make(chan gateway.Message, 10)
	server, err := gateway.New(gateway.Config{SPID: spID, Secret: core.NewSecret(secret), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Handle: func(m gateway.Message) { messages <- m },
		Decide: func(p *gateway.Part) gateway.Behaviour {
			if p.To == "13800138008" {
				return gateway.Behaviour{Result: pdu.ResultFlowControl}
			}
			b := gateway.Delivered(0)
			b.Reports[0].Short = true // gocmpp reads no other
			return b
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)

	wrong := oracle.NewClient(v)
	if err := wrong.Connect(server.Addr(), spID, "wrong", 30*time.Second); !errors.Is(err, oracle.ConnRspStatusErrMap[oracle.ErrnoConnAuthFailed]) {
		t.Errorf("wrong secret: %v", err)
	}
	c := &sp{Client: oracle.NewClient(v), t: t, version: v}
	if err := c.Connect(server.Addr(), spID, secret, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Disconnect)

	ucs2 := func(s string) string {
		octets, err := oracleutil.Utf8ToUcs2(s)
		if err != nil {
			t.Fatal(err)
		}
		return octets
	}
	const short = "【验码】您的验证码是123456"
	c.submit("13800138000", ucs2(short), 1, 1, 0)
	id, result := c.answer()
	if m := await(t, "the message", messages); result != 0 || m.Text != short || m.To != "13800138000" || m.From != source || uint64(m.ID) != id {
		t.Errorf("%+v, id %d, result %d", m, id, result)
	}
	c.report(id, "13800138000")

	for i, part := range []string{"第一段", "第二段"} {
		c.submit("13800138000", string(text.AppendHeader(nil, 9, 2, byte(i+1)))+ucs2(part), 2, uint8(i+1), 1)
		id, result := c.answer()
		if result != 0 {
			t.Errorf("part %d: %d", i+1, result)
		}
		c.report(id, "13800138000")
	}
	if m := await(t, "the long message", messages); m.Text != "第一段第二段" || m.Parts != 2 {
		t.Errorf("%+v", m)
	}

	c.submit("13800138008", ucs2(short), 1, 1, 0)
	if _, result := c.answer(); result != uint32(oracle.ErrnoSubmitNotPassFlowControl) {
		t.Errorf("result %d", result)
	}

	stored := make(chan error, 1)
	go func() { stored <- server.SendText(t.Context(), spID, "13800138000", source, "退订") }()
	content, src, register := c.delivered()
	if said, err := oracleutil.Ucs2ToUtf8(content); err != nil || said != "退订" || src != "13800138000" || register != 0 {
		t.Errorf("%q from %s, %v", said, src, err)
	}
	if err := await(t, "the end of SendText", stored); err != nil {
		t.Error(err)
	}

	if _, err := c.SendReqPkt(&oracle.CmppActiveTestReqPkt{}); err != nil {
		t.Fatal(err)
	}
	if p, ok := c.next().(*oracle.CmppActiveTestRspPkt); !ok {
		t.Errorf("%T in place of the answer to the active test", p)
	}
	if _, err := c.SendReqPkt(&oracle.CmppTerminateReqPkt{}); err != nil {
		t.Fatal(err)
	}
	if p, ok := c.next().(*oracle.CmppTerminateRspPkt); !ok {
		t.Errorf("%T in place of the answer to TERMINATE", p)
	}
	if n := server.Stats().Reports; n != 3 {
		t.Errorf("%d reports stored", n)
	}
}
