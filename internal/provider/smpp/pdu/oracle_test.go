package pdu

import (
	"bytes"
	"testing"

	oracle "github.com/linxGnu/gosmpp/pdu"
)

// The tests here hold our codec against gosmpp's, in both directions.

func oracleParse[T oracle.PDU](t *testing.T, frame []byte) T {
	t.Helper()
	parsed, err := oracle.Parse(bytes.NewReader(frame))
	if err != nil {
		t.Fatalf("gosmpp refuses % x: %v", frame, err)
	}
	of, ok := parsed.(T)
	if !ok {
		t.Fatalf("gosmpp reads a %T", parsed)
	}
	return of
}

// oracleFrame is what gosmpp writes, cut into a frame by our reader.
func oracleFrame(t *testing.T, p oracle.PDU) (Header, []byte) {
	t.Helper()
	buf := oracle.NewBuffer(nil)
	p.Marshal(buf)
	h, body, err := NewReader(bytes.NewReader(buf.Bytes()), nil).Next()
	if err != nil {
		t.Fatalf("we refuse % x: %v", buf.Bytes(), err)
	}
	return h, body
}

func TestOracleSubmit(t *testing.T) {
	ours := vectorSM(t)
	ours.ServiceType, ours.ProtocolID, ours.Priority = "WAP", 3, 2
	ours.Validity = RelativeTime(300e9)
	ours.TLVs = TLVs{{TagSARRef, []byte{1, 2}}}
	frame, err := AppendSM(nil, SubmitSM, 42, &ours)
	if err != nil {
		t.Fatal(err)
	}
	theirs := oracleParse[*oracle.SubmitSM](t, frame)
	text, err := theirs.Message.GetMessage()
	if err != nil || text != "【验码】您的验证码是123456" {
		t.Errorf("text %q, %v", text, err)
	}
	if theirs.SequenceNumber != 42 || theirs.ServiceType != "WAP" || theirs.ProtocolID != 3 || theirs.PriorityFlag != 2 ||
		theirs.ValidityPeriod != "000000000500000R" || theirs.RegisteredDelivery != 1 || theirs.Message.Encoding().DataCoding() != 8 {
		t.Errorf("%+v", theirs)
	}
	if a := theirs.SourceAddr; a.Address() != "YANMA" || a.Ton() != 5 || a.Npi() != 0 {
		t.Errorf("source %v", a)
	}
	if a := theirs.DestAddr; a.Address() != "8613800138000" || a.Ton() != 1 || a.Npi() != 1 {
		t.Errorf("destination %v", a)
	}
	if ref := theirs.OptionalParameters[oracle.TagSarMsgRefNum]; !bytes.Equal(ref.Data, []byte{1, 2}) {
		t.Errorf("sar_msg_ref_num % x", ref.Data)
	}

	_, body := oracleFrame(t, theirs)
	var back SM
	if err := ParseSM(body, &back); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body, frame[HeaderLen:]) {
		t.Errorf("gosmpp writes % x, we % x", body, frame[HeaderLen:])
	}
}

func TestOracleReceipt(t *testing.T) {
	ours := SM{
		Source: Address{1, 1, "8613800138000"}, Dest: Address{5, 0, "YANMA"}, ESMClass: ESMClassReceipt,
		ShortMessage: []byte("id:123 stat:DELIVRD"),
		TLVs:         TLVs{{TagReceiptedMessageID, []byte("123\x00")}},
	}
	frame, err := AppendSM(nil, DeliverSM, 7, &ours)
	if err != nil {
		t.Fatal(err)
	}
	theirs := oracleParse[*oracle.DeliverSM](t, frame)
	text, err := theirs.Message.GetMessage()
	id := theirs.OptionalParameters[oracle.TagReceiptedMessageID]
	if err != nil || text != "id:123 stat:DELIVRD" || theirs.EsmClass != 4 || id.String() != "123" {
		t.Errorf("%q, %v, %+v", text, err, theirs)
	}
	_, body := oracleFrame(t, theirs)
	if !bytes.Equal(body, frame[HeaderLen:]) {
		t.Errorf("gosmpp writes % x, we % x", body, frame[HeaderLen:])
	}
}

func TestOracleBind(t *testing.T) {
	request := Bind{SystemID: "yanma", Password: "secret08", SystemType: "SMPP", InterfaceVersion: 0x34, TON: 1, NPI: 1, AddressRange: "106"}
	frame, err := AppendBind(nil, BindTransceiver, 1, &request)
	if err != nil {
		t.Fatal(err)
	}
	theirs := oracleParse[*oracle.BindRequest](t, frame)
	if theirs.SystemID != "yanma" || theirs.Password != "secret08" || theirs.SystemType != "SMPP" || theirs.InterfaceVersion != 0x34 ||
		theirs.AddressRange.AddressRange != "106" || theirs.AddressRange.Ton != 1 || theirs.AddressRange.Npi != 1 {
		t.Errorf("%+v", theirs)
	}
	h, body := oracleFrame(t, theirs)
	back, err := ParseBind(body)
	if err != nil || back != request || h.ID != BindTransceiver {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestOracleResponses(t *testing.T) {
	frame, _ := AppendSMResp(nil, SubmitSMResp, OK, 5, "8f3a")
	if theirs := oracleParse[*oracle.SubmitSMResp](t, frame); theirs.MessageID != "8f3a" || theirs.SequenceNumber != 5 {
		t.Errorf("%+v", theirs)
	}
	for _, id := range []CommandID{BindTransceiverResp, BindReceiverResp, BindTransmitterResp} {
		frame, _ = AppendBindResp(nil, id, InvPassword, 1, &BindResp{})
		if theirs := oracleParse[*oracle.BindResp](t, frame); theirs.CommandStatus != 0x0e {
			t.Errorf("%s: %+v", id, theirs)
		}
	}
	for _, id := range []CommandID{EnquireLink, EnquireLinkResp, Unbind, UnbindResp, GenericNack} {
		parsed, err := oracle.Parse(bytes.NewReader(AppendEmpty(nil, id, OK, 9)))
		if err != nil || uint32(parsed.GetHeader().CommandID) != uint32(id) {
			t.Errorf("%s: %v", id, err)
		}
		if h, _ := oracleFrame(t, parsed); h.ID != id || h.Seq != 9 {
			t.Errorf("%s came back as %+v", id, h)
		}
	}
	deliverResp, _ := AppendSMResp(nil, DeliverSMResp, OK, 5, "")
	oracleParse[*oracle.DeliverSMResp](t, deliverResp)
}
