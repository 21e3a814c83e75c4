package cmpp_test

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/providertest"
)

// TestReq35_ReportOrders is contracts/delivery.md §9 row 3 at the link: before
// the answer, after it, twice, for an unknown id, in either width.
func TestReq35_ReportOrders(t *testing.T) {
	report := gateway.Report{Stat: "DELIVRD"}
	before, unknown, short, carriers := report, report, report, gateway.Report{Stat: "MK:0001"}
	before.BeforeAnswer, unknown.UnknownID, short.Short = true, true, true
	for _, test := range []struct {
		name      string
		behaviour gateway.Behaviour
		reports   int
		known     bool
		state     provider.State
		jsms      int
	}{
		{"after the answer", gateway.Behaviour{Reports: []gateway.Report{report}}, 1, true, provider.StateDelivered, 4001},
		{"before the answer", gateway.Behaviour{Delay: 50 * time.Millisecond, Reports: []gateway.Report{before}}, 1, true, provider.StateDelivered, 4001},
		{"twice", gateway.Behaviour{Reports: []gateway.Report{report, report}}, 2, true, provider.StateDelivered, 4001},
		{"unknown id", gateway.Behaviour{Reports: []gateway.Report{unknown}}, 1, false, provider.StateDelivered, 4001},
		{"60 octets in 3.0", gateway.Behaviour{Reports: []gateway.Report{short}}, 1, true, provider.StateDelivered, 4001},
		{"carrier's code", gateway.Behaviour{Reports: []gateway.Report{carriers}}, 1, true, provider.StateUndelivered, 4004},
		{"the connection was cut", gateway.Behaviour{Drop: true, Reports: []gateway.Report{report}}, 1, false, provider.StateDelivered, 4001},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, _ := receivingGateway(t, func(*gateway.Part) gateway.Behaviour { return test.behaviour })
			sink := newSink()
			c := newClient(t, sink, cmpp.Config{Addr: server.Addr(), Version: pdu.V30})
			startClient(t, c)
			up(t, c)
			outcomes := submit(c, text("hello"))
			var got provider.Receipt
			for range test.reports {
				got = await(t, sink.receipts)
				if got.State != test.state || got.JSMS != test.jsms || got.DoneAt.IsZero() || got.AltIDs != nil {
					t.Errorf("%+v", got)
				}
			}
			if test.behaviour.Delay > 0 && len(outcomes) > 0 {
				t.Error("the answer came first")
			}
			o := await(t, outcomes)
			if known := len(o.PartIDs) == 1 && got.PartID == o.PartIDs[0]; known != test.known {
				t.Errorf("answered %+v, report about %q", o, got.PartID)
			}
			providertest.Eventually(t, "the reports are answered", func() bool { return server.Stats().Reports == int64(test.reports) })
		})
	}
}

// TestReq35_ReportVector is the report of contracts/delivery.md §3.4, and codes
// that end in blanks or are missing.
func TestReq35_ReportVector(t *testing.T) {
	sink := newSink()
	_, conn := newRawGateway(t).client(sink, cmpp.Config{})
	for seq, test := range []struct {
		stat, done string
		code       string
		state      provider.State
		jsms       int
		at         string
	}{
		{"DELIVRD", "2311212131", "DELIVRD", provider.StateDelivered, 4001, "2023-11-21T21:31:00+08:00"},
		{"MK:0001", "2311212131", "MK:0001", provider.StateUndelivered, 4004, "2023-11-21T21:31:00+08:00"},
		{"BLACK  ", "231121    ", "BLACK", provider.StateUndelivered, 4002, ""},
		{"ACCEPTD", "", "ACCEPTD", provider.StateSubmitted, 0, ""},
		{"", "9999999999", "UNKNOWN", provider.StateUndelivered, 4100, ""},
	} {
		content, err := pdu.AppendReport(nil, pdu.V20, &pdu.Report{
			MsgID: 0xbad5e14dc0721234, Stat: test.stat, SubmitTime: "2311212130", DoneTime: test.done, Dest: "13800138000", SMSCSequence: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		conn.send(deliver(t, uint32(seq+1), pdu.Deliver{MsgID: 7, SrcTerminal: "13800138000", RegisteredDelivery: 1, Content: content}))
		got := await(t, sink.receipts)
		if got.PartID != "13462914385151398452" || got.Code != test.code || got.State != test.state || got.JSMS != test.jsms {
			t.Errorf("%q: %+v", test.stat, got)
		}
		if at := got.DoneAt; at.IsZero() != (test.at == "") || !at.IsZero() && at.Format(time.RFC3339) != test.at {
			t.Errorf("%q done at %v, want %s", test.stat, at, test.at)
		}
		h, body := conn.want(pdu.CmdDeliverResp)
		if id, result, err := pdu.ParseResp(body); h.Seq != uint32(seq+1) || id != 7 || result != pdu.ResultOK || err != nil || len(body) != 9 {
			t.Errorf("answered %+v %v %v", h, id, result)
		}
	}
	// What nobody can read is refused, and not asked for again.
	for _, m := range []pdu.Deliver{
		{RegisteredDelivery: 1, Content: []byte("no report at all")},
		{TPUdhi: 1, Content: []byte{200, 1, 2}},
	} {
		conn.send(deliver(t, 99, m))
		if _, body := conn.want(pdu.CmdDeliverResp); body[8] != byte(pdu.ResultMalformed) {
			t.Errorf("answered % x", body)
		}
	}
}

func deliver(t *testing.T, seq uint32, m pdu.Deliver) []byte {
	t.Helper()
	octets, err := pdu.AppendDeliver(nil, pdu.V20, seq, &m)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func TestInbound(t *testing.T) {
	server, _ := receivingGateway(t, accepting)
	sink := newSink()
	c := newClient(t, sink, cmpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	for _, want := range []string{"T", "退订", "😀"} {
		if err := server.SendText(t.Context(), spID, "13800138000", source+"88", want); err != nil {
			t.Fatal(err)
		}
		if got := await(t, sink.inbound); got.Text != want || got.From != phone || got.To != source+"88" {
			t.Errorf("%+v", got)
		}
	}
	long := strings.Repeat("回复", 50)
	if err := server.SendText(t.Context(), spID, "13800138000", source, long); err != nil {
		t.Fatal(err)
	}
	if whole := await(t, sink.inbound).Text + await(t, sink.inbound).Text; whole != long {
		t.Errorf("%q", whole)
	}
}

// TestInboundForms: numbers and alphabets as gateways spell them.
func TestInboundForms(t *testing.T) {
	sink := newSink()
	_, conn := newRawGateway(t).client(sink, cmpp.Config{})
	for _, test := range []struct {
		from, want string
		format     byte
		content    string
		text       string
	}{
		{"13800138000", "+8613800138000", pdu.FormatASCII, "TD", "TD"},
		{"8613800138000", "+8613800138000", pdu.FormatGBK, "\xcd\xcb\xb6\xa9", "退订"},
		{"+8613800138000", "+8613800138000", pdu.FormatUCS2, "\x90\x00\x8b\xa2", "退订"},
		{"1440012345678", "+861440012345678", pdu.FormatBinary, "R", "R"},
		{"13800138000 ", "+8613800138000", pdu.FormatGBK, "\xff", "\ufffd"},
	} {
		conn.send(deliver(t, 1, pdu.Deliver{SrcTerminal: test.from, DestID: source, MsgFmt: test.format, Content: []byte(test.content)}))
		if got := await(t, sink.inbound); got.From != core.PhoneFromE164(test.want) || got.Text != test.text || got.To != source {
			t.Errorf("%s: %s, %q", test.from, got.From.E164(), got.Text)
		}
	}
}
