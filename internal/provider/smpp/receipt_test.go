package smpp_test

import (
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

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
		{"id:a_b stat:QM_FAIL", nil, "a_b", "QM_FAIL", provider.StateUndelivered, 4010},
		{"id:a\x11b stat:2\x111", nil, "a_b", "2_1", provider.StateUndelivered, 4004},
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
