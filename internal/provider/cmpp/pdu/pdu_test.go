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

	"yanma.dev/yanma/internal/provider/frame"
)

// The vectors of contracts/delivery.md §3.
const (
	vectorConnect = "00000027000000010000000139303132333487ea848e9785a57728bfb18410c1384d202a349af1"
	vectorSource  = "87ea848e9785a57728bfb18410c1384d"
	vectorISMG20  = "83bb2fcc0835401c4b78f6d0770bb9f5"
	vectorISMG30  = "1230656bb58b8963a336974db090a5ab"
	vectorSubmit  = "000000bf000000040000000700000000000000000101010059414e4d41000000000002000000000000000000000000000000000000000000000008393031323334303130000000000000000000000000000000000000000000000000000000000000000000000000000000313036393031323334000000000000000000000000013133383030313338303030000000000000000000002030109a8c7801301160a876849a8c8bc17801662f0031003200330034003500360000000000000000"
	vectorReport  = "bad5e14dc072123444454c49565244323331313231323133303233313132313231333131333830303133383030300000000000000000000000000001"
	vectorText    = "30109a8c7801301160a876849a8c8bc17801662f003100320033003400350036" // 【验码】您的验证码是123456
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectorTime(t testing.TB) time.Time {
	t.Helper()
	at, err := time.Parse("0102150405", "0708090609")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func submitOfVector(t testing.TB) Submit {
	return Submit{
		PkTotal: 1, PkNumber: 1, RegisteredDelivery: 1, ServiceID: "YANMA", FeeUserType: 2, MsgFmt: FormatUCS2, MsgSrc: "901234",
		FeeType: "01", FeeCode: "0", SrcID: "106901234", Dest: []string{"13800138000"}, Content: unhex(t, vectorText),
	}
}

func TestConnectVector(t *testing.T) {
	c := NewConnect("901234", "1234", V20, vectorTime(t))
	if hex.EncodeToString(c.Authenticator[:]) != vectorSource || c.Timestamp != 0x2a349af1 {
		t.Errorf("%x, timestamp %#x", c.Authenticator, c.Timestamp)
	}
	octets, err := AppendConnect(nil, 1, &c)
	if err != nil || hex.EncodeToString(octets) != vectorConnect {
		t.Errorf("%x, %v", octets, err)
	}
	h, body, err := Split(unhex(t, vectorConnect))
	if want := (Header{Length: 39, ID: CmdConnect, Seq: 1}); err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
	if back, err := ParseConnect(body); err != nil || back != c || back.Expected("1234") != c.Authenticator || back.Expected("4321") == c.Authenticator {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestConnectRespVectors(t *testing.T) {
	source := Authenticator(unhex(t, vectorSource))
	for _, test := range []struct {
		wire   Version
		want   string
		length int
	}{{V20, vectorISMG20, 30}, {V30, vectorISMG30, 33}} {
		r := ConnectResp{Authenticator: ISMGAuthenticator(test.wire, ConnectOK, source, "1234"), Version: test.wire}
		if hex.EncodeToString(r.Authenticator[:]) != test.want {
			t.Errorf("%s: %x", test.wire, r.Authenticator)
		}
		r.Status = ConnectAuthFailed
		octets := AppendConnectResp(nil, test.wire, 1, &r)
		h, body, err := Split(octets)
		back, wire, err2 := ParseConnectResp(body)
		if len(octets) != test.length || int(h.Length) != test.length || err != nil || err2 != nil || back != r || wire != test.wire {
			t.Errorf("%s: %d octets, %+v, %v, %v", test.wire, len(octets), back, err, err2)
		}
	}
	for status, name := range map[ConnectStatus]string{
		0: "ok", 1: "malformed", 2: "illegal source address", 3: "authentication failed", 4: "version too high", 5: "other", 1 << 31: "other",
	} {
		if status.Name() != name {
			t.Errorf("%d is %q", status, status.Name())
		}
	}
}

func TestSubmitVector(t *testing.T) {
	m := submitOfVector(t)
	octets, err := AppendSubmit(nil, V20, 7, &m)
	if err != nil || hex.EncodeToString(octets) != vectorSubmit || len(octets) != 191 {
		t.Errorf("%x, %v", octets, err)
	}
	h, body, err := Split(unhex(t, vectorSubmit))
	if want := (Header{Length: 191, ID: CmdSubmit, Seq: 7}); err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
	var back Submit
	if err := ParseSubmit(body, V20, &back); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Error(diff)
	}
}

// TestSubmit30 holds the widths that 3.0 has of its own: 11 octets more for each
// number, a type for each, and a LinkID of 20.
func TestSubmit30(t *testing.T) {
	m := submitOfVector(t)
	m.FeeTerminal, m.FeeTerminalType, m.DestType, m.LinkID = strings.Repeat("1", 32), 1, 1, strings.Repeat("2", 20)
	m.Dest = []string{"13800138000", strings.Repeat("3", 32)}
	octets, err := AppendSubmit(nil, V30, 7, &m)
	if want := 191 + 11 + 1 + 11 + 1 + 12 + 32; err != nil || len(octets) != want {
		t.Fatalf("%d octets, %v, want %d", len(octets), err, want)
	}
	var back Submit
	if err := ParseSubmit(octets[HeaderLen:], V30, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Error(diff)
	}
	if err := ParseSubmit(octets[HeaderLen:], V20, &back); !errors.Is(err, ErrBody) {
		t.Errorf("read as 2.0: %v", err)
	}
}

func TestReportVector(t *testing.T) {
	want := Report{
		MsgID: 0xbad5e14dc0721234, Stat: "DELIVRD", SubmitTime: "2311212130", DoneTime: "2311212131", Dest: "13800138000", SMSCSequence: 1,
	}
	got, err := ParseReport(unhex(t, vectorReport))
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for v, length := range map[Version]int{V20: 60, V30: 71} {
		octets, err := AppendReport(nil, v, &want)
		if err != nil || len(octets) != length || v == V20 && hex.EncodeToString(octets) != vectorReport {
			t.Errorf("%s: %x, %v", v, octets, err)
		}
		if back, err := ParseReport(octets); err != nil || back != want {
			t.Errorf("%s: %+v, %v", v, back, err)
		}
	}
	for _, n := range []int{0, 59, 61, 70, 72} {
		if _, err := ParseReport(make([]byte, n)); !errors.Is(err, ErrBody) {
			t.Errorf("report of %d octets: %v", n, err)
		}
	}
	at := time.Date(2023, 11, 21, 21, 30, 5, 0, time.UTC)
	if id := NewMsgID(at, 901234, 4660); id != want.MsgID || id.String() != "13462914385151398452" {
		t.Errorf("Msg_Id %#x, %s", uint64(id), id)
	}
}

func TestDeliver(t *testing.T) {
	for v, length := range map[Version]int{V20: HeaderLen + 73 + 60, V30: HeaderLen + 97 + 60} {
		m := Deliver{
			MsgID: 5, DestID: "106901234", ServiceID: "YANMA", MsgFmt: FormatUCS2, SrcTerminal: "13800138000",
			RegisteredDelivery: 1, Content: unhex(t, vectorReport), LinkID: "link",
		}
		octets, err := AppendDeliver(nil, v, 9, &m)
		if err != nil || len(octets) != length {
			t.Fatalf("%s: %d octets, %v, want %d", v, len(octets), err, length)
		}
		var back Deliver
		if err := ParseDeliver(octets[HeaderLen:], v, &back); err != nil || !back.IsReport() {
			t.Error(err)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Error(diff)
		}
	}
}

// TestResponses is contracts/delivery.md §3.3: 21 octets in 2.0, 24 in 3.0.
func TestResponses(t *testing.T) {
	for v, want := range map[Version]string{
		V20: "000000158000000400000007bad5e14dc072123408",
		V30: "000000188000000400000007bad5e14dc072123400000008",
	} {
		octets := AppendResp(nil, v, CmdSubmitResp, 7, 0xbad5e14dc0721234, ResultFlowControl)
		if hex.EncodeToString(octets) != want {
			t.Errorf("%s: %x", v, octets)
		}
		if id, result, err := ParseResp(octets[HeaderLen:]); id != 0xbad5e14dc0721234 || result != ResultFlowControl || err != nil {
			t.Errorf("%s: %v %v %v", v, id, result, err)
		}
	}
	for _, n := range []int{0, 8, 10, 11, 13} {
		if _, _, err := ParseResp(make([]byte, n)); !errors.Is(err, ErrBody) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	if got := hex.EncodeToString(AppendActiveTestResp(AppendEmpty(nil, CmdActiveTest, 1), 1)); got != "00000009"[:6]+"0c0000000800000001"+"0000000d800000080000000100" {
		t.Errorf("active test %s", got)
	}
	for result, name := range map[Result]string{0: "ok", 8: "flow control", 13: "wrong Dest_terminal_Id", 14: "other", 1<<32 - 1: "other"} {
		if result.Name() != name {
			t.Errorf("%s is %q", result, result.Name())
		}
	}
}

func reader(r io.Reader) *frame.Reader { return frame.NewReader(r, Format, func(bool) {}) }

// TestReq37_ByteAtATime reads the vectors one octet a read.
func TestReq37_ByteAtATime(t *testing.T) {
	r := reader(iotest.OneByteReader(bytes.NewReader(unhex(t, vectorSubmit+vectorConnect))))
	for _, want := range []CommandID{CmdSubmit, CmdConnect} {
		octets, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h, _, err := Split(octets); err != nil || h.ID != want {
			t.Fatalf("%v, %v, want %v", h.ID, err, want)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// TestReq37_LengthsRefused is contracts/delivery.md §9 row 2 and §3.5: 0…11,
// over 8 KiB and 2^31 are refused without waiting for a body.
func TestReq37_LengthsRefused(t *testing.T) {
	lengths := []uint32{8<<10 + 1, 1 << 31, 1<<32 - 1}
	for n := range uint32(12) {
		lengths = append(lengths, n)
	}
	for _, length := range lengths {
		octets := appendHeader(nil, length, CmdSubmit, 77)
		head, err := reader(bytes.NewReader(octets)).Next()
		if !errors.Is(err, frame.ErrLength) {
			t.Errorf("length %d: %v", length, err)
		}
		if h, _, err := Split(head); !errors.Is(err, ErrLength) || h.Seq != 77 {
			t.Errorf("length %d: %+v, %v", length, h, err)
		}
	}
	if _, _, err := Split(make([]byte, 11)); !errors.Is(err, ErrLength) {
		t.Error(err)
	}
	whole := append(appendHeader(nil, MaxLen, CmdSubmit, 1), make([]byte, MaxLen-HeaderLen)...)
	if octets, err := reader(bytes.NewReader(whole)).Next(); err != nil || len(octets) != MaxLen {
		t.Errorf("8 KiB: %d octets, %v", len(octets), err)
	}
}

// TestReq37_TruncatedBodiesRefused cuts every body at every octet, and adds one.
func TestReq37_TruncatedBodiesRefused(t *testing.T) {
	m, c := submitOfVector(t), NewConnect("901234", "1234", V20, vectorTime(t))
	d := Deliver{SrcTerminal: "13800138000", Content: unhex(t, vectorText)}
	connect, _ := AppendConnect(nil, 1, &c)
	for _, v := range []Version{V20, V30} {
		submit, _ := AppendSubmit(nil, v, 1, &m)
		deliver, _ := AppendDeliver(nil, v, 1, &d)
		for name, test := range map[string]struct {
			octets []byte
			parse  func([]byte) error
		}{
			"submit":  {submit, func(b []byte) error { return ParseSubmit(b, v, new(Submit)) }},
			"deliver": {deliver, func(b []byte) error { return ParseDeliver(b, v, new(Deliver)) }},
			"connect": {connect, func(b []byte) error { _, err := ParseConnect(b); return err }},
			"connect_resp": {AppendConnectResp(nil, v, 1, &ConnectResp{}), func(b []byte) error {
				_, wire, err := ParseConnectResp(b)
				if err == nil && wire != v { // the length of the other version
					return ErrBody
				}
				return err
			}},
		} {
			body := test.octets[HeaderLen:]
			if err := test.parse(body); err != nil {
				t.Errorf("%s %s: %v", name, v, err)
			}
			for n := range len(body) {
				if err := test.parse(body[:n]); !errors.Is(err, ErrBody) {
					t.Errorf("%s %s of %d octets: %v", name, v, n, err)
				}
			}
			if err := test.parse(append(bytes.Clone(body), 0)); !errors.Is(err, ErrBody) {
				t.Errorf("%s %s and one octet: %v", name, v, err)
			}
		}
	}
}

// TestFieldLimits encodes each field at its width and one over it.
func TestFieldLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		field    string
		v20, v30 int
		set      func(*Submit, *Deliver, *Connect, *Report, int)
	}{
		{"Service_Id", 10, 10, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.ServiceID = long(n) }},
		{"Fee_terminal_Id", 21, 32, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.FeeTerminal = long(n) }},
		{"Msg_src", 6, 6, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.MsgSrc = long(n) }},
		{"FeeType", 2, 2, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.FeeType = long(n) }},
		{"FeeCode", 6, 6, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.FeeCode = long(n) }},
		{"ValId_Time", 17, 17, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.ValidTime = long(n) }},
		{"At_Time", 17, 17, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.AtTime = long(n) }},
		{"Src_Id", 21, 21, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.SrcID = long(n) }},
		{"Dest_terminal_Id", 21, 32, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.Dest = []string{long(n)} }},
		{"DestUsr_tl", 99, 99, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.Dest = make([]string, n) }},
		{"Msg_Content", 140, 140, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.Content = make([]byte, n) }},
		{"Msg_Content", 159, 159, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.MsgFmt, m.Content = 0, make([]byte, n) }},
		{"Reserve", 8, 20, func(m *Submit, _ *Deliver, _ *Connect, _ *Report, n int) { m.LinkID = long(n) }},
		{"Dest_Id", 21, 21, func(_ *Submit, d *Deliver, _ *Connect, _ *Report, n int) { d.DestID = long(n) }},
		{"Src_terminal_Id", 21, 32, func(_ *Submit, d *Deliver, _ *Connect, _ *Report, n int) { d.SrcTerminal = long(n) }},
		{"Reserved", 8, 20, func(_ *Submit, d *Deliver, _ *Connect, _ *Report, n int) { d.LinkID = long(n) }},
		{"Source_Addr", 6, 6, func(_ *Submit, _ *Deliver, c *Connect, _ *Report, n int) { c.SourceAddr = long(n) }},
		{"Stat", 7, 7, func(_ *Submit, _ *Deliver, _ *Connect, r *Report, n int) { r.Stat = long(n) }},
		{"Done_time", 10, 10, func(_ *Submit, _ *Deliver, _ *Connect, r *Report, n int) { r.DoneTime = long(n) }},
	} {
		for v, limit := range map[Version]int{V20: test.v20, V30: test.v30} {
			encode := func(n int) error {
				m := submitOfVector(t)
				var d Deliver
				var c Connect
				var r Report
				test.set(&m, &d, &c, &r, n)
				before := []byte("before")
				out1, err1 := AppendSubmit(before, v, 1, &m)
				out2, err2 := AppendDeliver(before, v, 1, &d)
				out3, err3 := AppendConnect(before, 1, &c)
				out4, err4 := AppendReport(before, v, &r)
				for i, err := range []error{err1, err2, err3, err4} {
					if out := [][]byte{out1, out2, out3, out4}[i]; err != nil && string(out) != "before" {
						t.Errorf("%s: a packet that failed left %d octets", test.field, len(out))
					}
				}
				return errors.Join(err1, err2, err3, err4)
			}
			if err := encode(limit); err != nil {
				t.Errorf("%s of %d in %s: %v", test.field, limit, v, err)
			}
			if err := encode(limit + 1); !errors.Is(err, ErrField) || !strings.Contains(err.Error(), test.field) {
				t.Errorf("%s of %d in %s: %v", test.field, limit+1, v, err)
			}
		}
	}
	m := submitOfVector(t)
	m.SrcID = "1\x002"
	if _, err := AppendSubmit(nil, V20, 1, &m); !errors.Is(err, ErrField) {
		t.Errorf("NUL in Src_Id: %v", err)
	}
	m = submitOfVector(t)
	m.Dest = nil
	if _, err := AppendSubmit(nil, V20, 1, &m); !errors.Is(err, ErrField) {
		t.Errorf("no destination: %v", err)
	}
}

// FuzzPackets feeds any bytes to the reader and every parser: no panic, no
// packet over the limit, and what decodes means the same after it was encoded.
func FuzzPackets(f *testing.F) {
	for _, vector := range []string{vectorConnect, vectorSubmit, vectorSubmit + vectorConnect} {
		f.Add(unhex(f, vector))
	}
	m, d := submitOfVector(f), Deliver{SrcTerminal: "13800138000", RegisteredDelivery: 1, Content: unhex(f, vectorReport)}
	for _, v := range []Version{V20, V30} {
		submit, _ := AppendSubmit(nil, v, 1, &m)
		deliver, _ := AppendDeliver(submit, v, 2, &d)
		f.Add(AppendResp(AppendConnectResp(deliver, v, 3, &ConnectResp{}), v, CmdSubmitResp, 4, 5, 6))
	}
	f.Add(unhex(f, "80000000800000040000000100000000"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := reader(bytes.NewReader(stream))
		for {
			octets, err := r.Next()
			if err != nil {
				return
			}
			h, body, err := Split(octets)
			if err != nil || int(h.Length) != HeaderLen+len(body) || len(octets) > MaxLen {
				t.Fatalf("%+v with %d octets, %v", h, len(body), err)
			}
			roundTrip(t, h.Seq, body)
		}
	})
}

func roundTrip(t *testing.T, seq uint32, body []byte) {
	for _, v := range []Version{V20, V30} {
		var m, again Submit
		if ParseSubmit(body, v, &m) == nil {
			octets, err := AppendSubmit(nil, v, seq, &m)
			switch {
			case len(m.Content) > MaxContent(m.MsgFmt):
			case err != nil || ParseSubmit(octets[HeaderLen:], v, &again) != nil || !cmp.Equal(m, again):
				t.Fatalf("submit % x became % x, %v", body, octets, err)
			}
		}
		var d, then Deliver
		if ParseDeliver(body, v, &d) == nil {
			octets, err := AppendDeliver(nil, v, seq, &d)
			switch {
			case len(d.Content) > MaxContent(d.MsgFmt):
			case err != nil || ParseDeliver(octets[HeaderLen:], v, &then) != nil || !cmp.Equal(d, then):
				t.Fatalf("deliver % x became % x, %v", body, octets, err)
			}
		}
	}
	if c, err := ParseConnect(body); err == nil {
		octets, err := AppendConnect(nil, seq, &c)
		if again, err2 := ParseConnect(octets[HeaderLen:]); err != nil || err2 != nil || again != c {
			t.Fatalf("connect % x became % x, %v", body, octets, err)
		}
	}
	if r, wire, err := ParseConnectResp(body); err == nil {
		if octets := AppendConnectResp(nil, wire, seq, &r); !bytes.Equal(octets[HeaderLen:], body) {
			t.Fatalf("connect_resp % x became % x", body, octets)
		}
	}
	if id, result, err := ParseResp(body); err == nil {
		v := V20
		if len(body) == 12 {
			v = V30
		}
		if octets := AppendResp(nil, v, CmdSubmitResp, seq, id, result); !bytes.Equal(octets[HeaderLen:], body) {
			t.Fatalf("response % x became % x", body, octets)
		}
	}
}

// FuzzReport feeds any bytes to the reader of reports.
func FuzzReport(f *testing.F) {
	f.Add(unhex(f, vectorReport))
	f.Add(make([]byte, reportLen30))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := ParseReport(content)
		if err != nil {
			return
		}
		v := V20
		if len(content) == reportLen30 {
			v = V30
		}
		octets, err := AppendReport(nil, v, &r)
		if again, err2 := ParseReport(octets); err != nil || err2 != nil || again != r {
			t.Fatalf("report % x became % x, %v", content, octets, err)
		}
	})
}
