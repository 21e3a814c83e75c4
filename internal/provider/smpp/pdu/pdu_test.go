package pdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The vectors of contracts/delivery.md §2.1.
const (
	vectorEnquireLink = "00000010000000150000000000000002"
	vectorBind        = "0000002400000009000000000000000179616e6d61007365637265743038000034000000"
	vectorSubmit      = "0000005300000004000000000000000300050059414e4d4100010138363133383030313338303030000000000000010008002030109a8c7801301160a876849a8c8bc17801662f003100320033003400350036"
)

// vectorText is 【验码】您的验证码是123456 in UTF-16BE.
const vectorText = "30109a8c7801301160a876849a8c8bc17801662f003100320033003400350036"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectorSM(t testing.TB) SM {
	return SM{
		Source:             Address{TON: 5, NPI: 0, Addr: "YANMA"},
		Dest:               Address{TON: 1, NPI: 1, Addr: "8613800138000"},
		RegisteredDelivery: 1,
		DataCoding:         8,
		ShortMessage:       unhex(t, vectorText),
	}
}

func TestVectorsEncode(t *testing.T) {
	if got := hex.EncodeToString(AppendEmpty(nil, EnquireLink, OK, 2)); got != vectorEnquireLink {
		t.Errorf("enquire_link %s", got)
	}
	bind := Bind{SystemID: "yanma", Password: "secret08", InterfaceVersion: 0x34}
	got, err := AppendBind(nil, BindTransceiver, 1, &bind)
	if err != nil || hex.EncodeToString(got) != vectorBind {
		t.Errorf("bind_transceiver %x, %v", got, err)
	}
	sm := vectorSM(t)
	got, err = AppendSM(nil, SubmitSM, 3, &sm)
	if err != nil || hex.EncodeToString(got) != vectorSubmit {
		t.Errorf("submit_sm %x, %v", got, err)
	}
}

func TestVectorsDecode(t *testing.T) {
	r := NewReader(strings.NewReader(string(unhex(t, vectorEnquireLink+vectorBind+vectorSubmit))), nil)
	h, body, err := r.Next()
	if want := (Header{Length: 16, ID: EnquireLink, Seq: 2}); err != nil || h != want || len(body) != 0 {
		t.Errorf("enquire_link: %+v, % x, %v", h, body, err)
	}
	h, body, err = r.Next()
	if want := (Header{Length: 36, ID: BindTransceiver, Seq: 1}); err != nil || h != want {
		t.Errorf("bind_transceiver: %+v, %v", h, err)
	}
	bind, err := ParseBind(body)
	if want := (Bind{SystemID: "yanma", Password: "secret08", InterfaceVersion: 0x34}); err != nil || bind != want {
		t.Errorf("bind_transceiver: %v", err)
	}
	h, body, err = r.Next()
	if want := (Header{Length: 83, ID: SubmitSM, Seq: 3}); err != nil || h != want {
		t.Errorf("submit_sm: %+v, %v", h, err)
	}
	var sm SM
	if err := ParseSM(body, &sm); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(vectorSM(t), sm); diff != "" {
		t.Error(diff)
	}
	if _, _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v", err)
	}
}

// TestReq37_ByteAtATime reads the vectors one octet a read.
func TestReq37_ByteAtATime(t *testing.T) {
	stream := unhex(t, vectorSubmit+vectorEnquireLink+vectorBind)
	r := NewReader(iotest.OneByteReader(bytes.NewReader(stream)), func(bool) {})
	for _, want := range []CommandID{SubmitSM, EnquireLink, BindTransceiver} {
		h, _, err := r.Next()
		if err != nil || h.ID != want {
			t.Fatalf("%v, %v, want %v", h.ID, err, want)
		}
	}
	if _, _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// TestReq37_LengthsRefused is contracts/delivery.md §9 row 2: 0…15, over 64 KiB
// and 2^31 are refused without waiting for a body.
func TestReq37_LengthsRefused(t *testing.T) {
	lengths := []uint32{64<<10 + 1, 1 << 31, 1<<32 - 1}
	for n := range uint32(16) {
		lengths = append(lengths, n)
	}
	for _, length := range lengths {
		frame := appendHeader(nil, length, SubmitSM, OK, 77)
		h, _, err := NewReader(bytes.NewReader(frame), nil).Next()
		if !errors.Is(err, ErrLength) || h.Seq != 77 {
			t.Errorf("length %d: %+v, %v", length, h, err)
		}
	}
	whole := append(appendHeader(nil, MaxLen, SubmitSM, OK, 1), make([]byte, MaxLen-HeaderLen)...)
	if _, body, err := NewReader(bytes.NewReader(whole), nil).Next(); err != nil || len(body) != MaxLen-HeaderLen {
		t.Errorf("64 KiB: %d octets, %v", len(body), err)
	}
}

// TestReq37_TruncatedFramesRefused cuts the stream and the body at every octet.
func TestReq37_TruncatedFramesRefused(t *testing.T) {
	frame := unhex(t, vectorSubmit)
	for n := 1; n < len(frame); n++ {
		if _, _, err := NewReader(bytes.NewReader(frame[:n]), nil).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("stream of %d octets: %v", n, err)
		}
	}
	for n := range len(frame) - HeaderLen {
		var sm SM
		if err := ParseSM(frame[HeaderLen:HeaderLen+n], &sm); !errors.Is(err, ErrBody) {
			t.Errorf("body of %d octets: %v", n, err)
		}
	}
	bind := unhex(t, vectorBind)[HeaderLen:]
	for n := range len(bind) {
		if _, err := ParseBind(bind[:n]); !errors.Is(err, ErrBody) {
			t.Errorf("bind body of %d octets: %v", n, err)
		}
	}
}

// TestFieldLimits encodes each field at its limit and one over it
// (contracts/delivery.md §2.1: the limits include the NUL).
func TestFieldLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		field string
		limit int
		set   func(*SM, *Bind, *string, int)
	}{
		{"service_type", 6, func(m *SM, _ *Bind, _ *string, n int) { m.ServiceType = long(n) }},
		{"source_addr", 21, func(m *SM, _ *Bind, _ *string, n int) { m.Source.Addr = long(n) }},
		{"destination_addr", 21, func(m *SM, _ *Bind, _ *string, n int) { m.Dest.Addr = long(n) }},
		{"short_message", 255, func(m *SM, _ *Bind, _ *string, n int) { m.ShortMessage = []byte(long(n)) }},
		{"system_id", 16, func(_ *SM, b *Bind, _ *string, n int) { b.SystemID = long(n) }},
		{"password", 9, func(_ *SM, b *Bind, _ *string, n int) { b.Password = long(n) }},
		{"system_type", 13, func(_ *SM, b *Bind, _ *string, n int) { b.SystemType = long(n) }},
		{"address_range", 41, func(_ *SM, b *Bind, _ *string, n int) { b.AddressRange = long(n) }},
		{"message_id", 65, func(_ *SM, _ *Bind, id *string, n int) { *id = long(n) }},
	} {
		encode := func(n int) error {
			var sm SM
			var bind Bind
			var id string
			test.set(&sm, &bind, &id, n)
			before := []byte("before")
			out1, err1 := AppendSM(before, SubmitSM, 1, &sm)
			out2, err2 := AppendBind(before, BindTransceiver, 1, &bind)
			out3, err3 := AppendSMResp(before, SubmitSMResp, OK, 1, id)
			for i, err := range []error{err1, err2, err3} {
				if out := [][]byte{out1, out2, out3}[i]; err != nil && string(out) != "before" {
					t.Errorf("%s: a PDU that failed left %d octets", test.field, len(out))
				}
			}
			return errors.Join(err1, err2, err3)
		}
		if err := encode(test.limit - 1); err != nil {
			t.Errorf("%s of %d: %v", test.field, test.limit-1, err)
		}
		if err := encode(test.limit); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), test.field) {
			t.Errorf("%s of %d: %v", test.field, test.limit, err)
		}
	}
	sm := SM{Source: Address{Addr: "a\x00b"}}
	if _, err := AppendSM(nil, SubmitSM, 1, &sm); !errors.Is(err, ErrField) {
		t.Errorf("NUL in an address: %v", err)
	}
	sm = SM{Validity: "0000000005000"}
	if _, err := AppendSM(nil, SubmitSM, 1, &sm); !errors.Is(err, ErrField) {
		t.Errorf("validity of 13 characters: %v", err)
	}
}

func TestTLVs(t *testing.T) {
	want := SM{
		Dest: Address{TON: 1, NPI: 1, Addr: "8613800138000"},
		TLVs: TLVs{
			{TagMessagePayload, []byte("payload")}, {TagReceiptedMessageID, []byte("12345\x00")},
			{TagMessageState, []byte{2}}, {TagNetworkErrorCode, []byte{3, 0, 1}}, {0x1400, []byte{}},
		},
		ShortMessage: []byte{},
	}
	frame, err := AppendSM(nil, DeliverSM, 9, &want)
	if err != nil {
		t.Fatal(err)
	}
	got := SM{TLVs: make(TLVs, 3)}
	if err := ParseSM(frame[HeaderLen:], &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if string(got.Payload()) != "payload" {
		t.Errorf("Payload() = %q", got.Payload())
	}
	for cut := 1; cut < 4; cut++ {
		if err := ParseSM(frame[HeaderLen:len(frame)-cut], &got); !errors.Is(err, ErrBody) {
			t.Errorf("last parameter cut by %d: %v", cut, err)
		}
	}
}

func TestResponses(t *testing.T) {
	frame, _ := AppendSMResp(nil, SubmitSMResp, OK, 3, "123456")
	if want := "0000001780000004000000000000000331323334353600"; hex.EncodeToString(frame) != want {
		t.Errorf("submit_sm_resp %x", frame)
	}
	if id, err := ParseSMResp(frame[HeaderLen:]); id != "123456" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	refusal, _ := AppendSMResp(nil, SubmitSMResp, Throttled, 3, "123456")
	if want := "00000010800000040000005800000003"; hex.EncodeToString(refusal) != want {
		t.Errorf("refusal %x", refusal)
	}
	if id, err := ParseSMResp(nil); id != "" || err != nil {
		t.Errorf("no body: %q, %v", id, err)
	}
	if _, err := ParseSMResp([]byte("without NUL")); !errors.Is(err, ErrBody) {
		t.Errorf("no NUL: %v", err)
	}
	resp := BindResp{SystemID: "smsc", TLVs: TLVs{{TagInterfaceVersion, []byte{0x34}}}}
	frame, _ = AppendBindResp(nil, BindTransceiverResp, OK, 1, &resp)
	if got, err := ParseBindResp(frame[HeaderLen:]); err != nil || !cmp.Equal(got, resp) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRelativeTime(t *testing.T) {
	for _, test := range []struct {
		d    time.Duration
		want string
	}{
		{5 * time.Minute, "000000000500000R"}, // contracts/delivery.md §2.1
		{0, ""},
		{-time.Second, ""},
		{time.Nanosecond, "000000000001000R"},
		{24*time.Hour - time.Second, "000000235959000R"},
		{26 * time.Hour, "000001020000000R"},
		{365 * 24 * time.Hour, "000030000000000R"},
	} {
		got := RelativeTime(test.d)
		if got != test.want {
			t.Errorf("RelativeTime(%v) = %q, want %q", test.d, got, test.want)
		}
		if got == "" {
			continue
		}
		if _, err := ParseRelativeTime(got); err != nil {
			t.Errorf("ParseRelativeTime(%q): %v", got, err)
		}
	}
	if d, err := ParseRelativeTime("000000000500000R"); err != nil || d != 5*time.Minute {
		t.Errorf("%v, %v", d, err)
	}
	for _, bad := range []string{"", "000000000500000+", "00000000050000R", "0000x0000500000R"} {
		if _, err := ParseRelativeTime(bad); !errors.Is(err, ErrBody) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzReader feeds any bytes to the reader and every parser: no panic, no
// frame over the limit, and what decodes encodes to the same octets.
func FuzzReader(f *testing.F) {
	for _, vector := range []string{vectorEnquireLink, vectorBind, vectorSubmit, vectorSubmit + vectorBind} {
		f.Add(unhex(f, vector))
	}
	f.Add(unhex(f, "80000000000000040000000000000001"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream), nil)
		for {
			h, body, err := r.Next()
			if err != nil {
				return
			}
			if int(h.Length) != HeaderLen+len(body) || len(body) > MaxLen {
				t.Fatalf("%+v with %d octets", h, len(body))
			}
			roundTrip(t, h, body)
		}
	})
}

func roundTrip(t *testing.T, h Header, body []byte) {
	var sm SM
	if ParseSM(body, &sm) == nil {
		frame, err := AppendSM(nil, SubmitSM, h.Seq, &sm)
		if err != nil || !bytes.Equal(frame[HeaderLen:], body) {
			t.Fatalf("submit_sm % x became % x, %v", body, frame, err)
		}
	}
	if bind, err := ParseBind(body); err == nil {
		frame, err := AppendBind(nil, BindReceiver, h.Seq, &bind)
		if err != nil || !bytes.Equal(frame[HeaderLen:], body) {
			t.Fatalf("bind % x became % x, %v", body, frame, err)
		}
	}
	if resp, err := ParseBindResp(body); err == nil && len(body) > 0 {
		frame, err := AppendBindResp(nil, BindReceiverResp, OK, h.Seq, &resp)
		if err != nil || !bytes.Equal(frame[HeaderLen:], body) {
			t.Fatalf("bind_resp % x became % x, %v", body, frame, err)
		}
	}
	if id, err := ParseSMResp(body); err == nil && len(body) > 0 {
		frame, err := AppendSMResp(nil, SubmitSMResp, OK, h.Seq, id)
		if err != nil || !bytes.HasPrefix(body, frame[HeaderLen:]) {
			t.Fatalf("submit_sm_resp % x became % x, %v", body, frame, err)
		}
	}
}
