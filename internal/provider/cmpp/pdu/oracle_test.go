package pdu

import (
	"bytes"
	"testing"

	oracle "github.com/bigwhite/gocmpp"
)

// The tests here hold our codec against gocmpp's, in both directions. gocmpp's
// Unpack begins at the sequence number.

func oracleReads(t *testing.T, octets []byte, into oracle.Packer) {
	t.Helper()
	if err := into.Unpack(octets[8:]); err != nil {
		t.Fatalf("gocmpp refuses % x: %v", octets, err)
	}
}

func oracleWrites(t *testing.T, p oracle.Packer, seq uint32) []byte {
	t.Helper()
	octets, err := p.Pack(seq)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func wantSame(t *testing.T, ours, theirs []byte) {
	t.Helper()
	if !bytes.Equal(ours, theirs) {
		t.Errorf("we write % x,\ngocmpp % x", ours, theirs)
	}
}

func TestOracleConnect(t *testing.T) {
	for _, v := range []Version{V20, V30} {
		for _, spID := range []string{"901234", "1234"} {
			c := NewConnect(spID, "1234", v, vectorTime(t))
			ours, err := AppendConnect(nil, 5, &c)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, ours, oracleWrites(t, &oracle.CmppConnReqPkt{SrcAddr: spID, Secret: "1234", Version: oracle.Type(v), Timestamp: c.Timestamp}, 5))
		}
		source := Authenticator(unhex(t, vectorSource))
		r := ConnectResp{Status: 3, Authenticator: ISMGAuthenticator(v, 3, source, "1234"), Version: v}
		ours := AppendConnectResp(nil, v, 5, &r)
		if v == V20 {
			wantSame(t, ours, oracleWrites(t, &oracle.Cmpp2ConnRspPkt{Status: 3, Secret: "1234", AuthSrc: string(source[:]), Version: 0x20}, 5))
		} else {
			wantSame(t, ours, oracleWrites(t, &oracle.Cmpp3ConnRspPkt{Status: 3, Secret: "1234", AuthSrc: string(source[:]), Version: 0x30}, 5))
		}
	}
}

func TestOracleSubmit(t *testing.T) {
	m := submitOfVector(t)
	m.PkTotal, m.PkNumber, m.MsgLevel, m.FeeTerminal, m.TPUdhi = 3, 2, 1, "13900139000", 1
	m.ValidTime, m.AtTime, m.LinkID, m.Dest = "000000000500000R", "231121213000032+", "link", []string{"13800138000", "13900139000"}

	ours, err := AppendSubmit(nil, V20, 42, &m)
	if err != nil {
		t.Fatal(err)
	}
	var two oracle.Cmpp2SubmitReqPkt
	oracleReads(t, ours, &two)
	if two.SeqId != 42 || two.PkTotal != 3 || two.PkNumber != 2 || two.RegisteredDelivery != 1 || two.MsgLevel != 1 ||
		two.ServiceId != "YANMA" || two.FeeUserType != 2 || two.FeeTerminalId != "13900139000" || two.TpUdhi != 1 || two.MsgFmt != 8 ||
		two.MsgSrc != "901234" || two.FeeType != "01" || two.FeeCode != "0" || two.ValidTime != m.ValidTime || two.AtTime != m.AtTime ||
		two.SrcId != "106901234" || len(two.DestTerminalId) != 2 || two.DestTerminalId[1] != "13900139000" ||
		two.MsgContent != string(m.Content) || two.Reserve != "link" {
		t.Errorf("%+v", two)
	}
	wantSame(t, ours, oracleWrites(t, &two, 42))

	m.FeeTerminalType, m.DestType = 1, 1
	if ours, err = AppendSubmit(nil, V30, 42, &m); err != nil {
		t.Fatal(err)
	}
	var three oracle.Cmpp3SubmitReqPkt
	oracleReads(t, ours, &three)
	if three.FeeTerminalType != 1 || three.DestTerminalType != 1 || three.LinkId != "link" || three.SrcId != "106901234" ||
		len(three.DestTerminalId) != 2 || three.DestTerminalId[0] != "13800138000" || three.MsgContent != string(m.Content) {
		t.Errorf("%+v", three)
	}
	wantSame(t, ours, oracleWrites(t, &three, 42))
}

func TestOracleDeliver(t *testing.T) {
	d := Deliver{
		MsgID: 99, DestID: "1069012345", ServiceID: "YANMA", TPUdhi: 1, MsgFmt: 8, SrcTerminal: "13800138000",
		RegisteredDelivery: 1, Content: unhex(t, vectorReport), LinkID: "link",
	}
	ours, err := AppendDeliver(nil, V20, 6, &d)
	if err != nil {
		t.Fatal(err)
	}
	var two oracle.Cmpp2DeliverReqPkt
	oracleReads(t, ours, &two)
	if two.MsgId != 99 || two.DestId != "1069012345" || two.SrcTerminalId != "13800138000" || two.RegisterDelivery != 1 || two.MsgContent != string(d.Content) {
		t.Errorf("%+v", two)
	}
	wantSame(t, ours, oracleWrites(t, &two, 6))

	d.SrcTerminalType = 1
	if ours, err = AppendDeliver(nil, V30, 6, &d); err != nil {
		t.Fatal(err)
	}
	var three oracle.Cmpp3DeliverReqPkt
	oracleReads(t, ours, &three)
	if three.SrcTerminalType != 1 || three.LinkId != "link" || three.MsgContent != string(d.Content) {
		t.Errorf("%+v", three)
	}
	wantSame(t, ours, oracleWrites(t, &three, 6))

	var report oracle.CmppReceiptPkt
	if err := report.Unpack(d.Content); err != nil || report.MsgId != 0xbad5e14dc0721234 || report.Stat != "DELIVRD" ||
		report.DoneTime != "2311212131" || report.DestTerminalId != "13800138000" || report.SmscSequence != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	theirs, err := report.Pack()
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, d.Content, theirs)
}

func TestOracleRest(t *testing.T) {
	const id = 0xbad5e14dc0721234
	for _, test := range []struct {
		ours   []byte
		theirs oracle.Packer
	}{
		{AppendResp(nil, V20, CmdSubmitResp, 4, id, 8), &oracle.Cmpp2SubmitRspPkt{MsgId: id, Result: 8}},
		{AppendResp(nil, V30, CmdSubmitResp, 4, id, 8), &oracle.Cmpp3SubmitRspPkt{MsgId: id, Result: 8}},
		{AppendResp(nil, V20, CmdDeliverResp, 4, id, 9), &oracle.Cmpp2DeliverRspPkt{MsgId: id, Result: 9}},
		{AppendResp(nil, V30, CmdDeliverResp, 4, id, 9), &oracle.Cmpp3DeliverRspPkt{MsgId: id, Result: 9}},
		{AppendEmpty(nil, CmdActiveTest, 4), &oracle.CmppActiveTestReqPkt{}},
		{AppendActiveTestResp(nil, 4), &oracle.CmppActiveTestRspPkt{}},
		{AppendEmpty(nil, CmdTerminate, 4), &oracle.CmppTerminateReqPkt{}},
		{AppendEmpty(nil, CmdTerminateResp, 4), &oracle.CmppTerminateRspPkt{}},
	} {
		wantSame(t, test.ours, oracleWrites(t, test.theirs, 4))
	}
}
