package smsc

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.Now, cfg.Log = time.Now, slog.New(slog.DiscardHandler)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(); s.Stop() })
	return s
}

// esme is a client octet by octet.
type esme struct {
	net.Conn
	t   *testing.T
	r   *pdu.Reader
	seq uint32
}

func dial(t *testing.T, s *Server) *esme {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &esme{Conn: nc, t: t, r: pdu.NewReader(nc, nil)}
}

func bound(t *testing.T, s *Server, kind pdu.CommandID) *esme {
	t.Helper()
	e := dial(t, s)
	if h := e.bind(kind, "yanma", "secret08"); h.ID != kind.Response() || h.Status != pdu.OK {
		t.Fatalf("bind: %+v", h)
	}
	return e
}

func (e *esme) send(octets []byte) {
	if _, err := e.Write(octets); err != nil {
		e.t.Errorf("write: %v", err)
	}
}

func (e *esme) next() (pdu.Header, []byte) {
	e.t.Helper()
	_ = e.SetReadDeadline(time.Now().Add(10 * time.Second))
	h, body, err := e.r.Next()
	if err != nil {
		e.t.Fatalf("read: %v", err)
	}
	return h, body
}

func (e *esme) closed() {
	e.t.Helper()
	_ = e.SetReadDeadline(time.Now().Add(10 * time.Second))
	if h, _, err := e.r.Next(); err == nil {
		e.t.Errorf("%+v in place of the end", h)
	} else if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		e.t.Error("the SMSC does not close")
	}
}

func (e *esme) bind(kind pdu.CommandID, systemID, password string) pdu.Header {
	e.t.Helper()
	e.seq++
	frame, err := pdu.AppendBind(nil, kind, e.seq, &pdu.Bind{SystemID: systemID, Password: password, InterfaceVersion: pdu.InterfaceVersion})
	if err != nil {
		e.t.Fatal(err)
	}
	e.send(frame)
	h, _ := e.next()
	return h
}

func (e *esme) submit(sm pdu.SM) {
	e.t.Helper()
	e.seq++
	frame, err := pdu.AppendSM(nil, pdu.SubmitSM, e.seq, &sm)
	if err != nil {
		e.t.Fatal(err)
	}
	e.send(frame)
}

func hello() pdu.SM {
	return pdu.SM{
		Source: pdu.Address{TON: 5, Addr: "YANMA"}, Dest: pdu.Address{TON: 1, NPI: 1, Addr: "8613800138000"},
		RegisteredDelivery: 1, ShortMessage: []byte("hello"),
	}
}

func TestBinds(t *testing.T) {
	s := start(t, Config{SystemID: "yanma", Password: core.NewSecret("secret08")})
	for _, test := range []struct {
		kind               pdu.CommandID
		systemID, password string
		want               pdu.Status
	}{
		{pdu.BindTransceiver, "yanma", "secret08", pdu.OK},
		{pdu.BindReceiver, "yanma", "secret08", pdu.OK},
		{pdu.BindTransmitter, "yanma", "secret08", pdu.OK},
		{pdu.BindTransceiver, "yanma", "wrong", pdu.InvPassword},
		{pdu.BindTransceiver, "other", "secret08", pdu.InvSystemID},
	} {
		e := dial(t, s)
		h := e.bind(test.kind, test.systemID, test.password)
		if h.ID != test.kind.Response() || h.Status != test.want {
			t.Errorf("%s/%s: %+v", test.systemID, test.password, h)
		}
		if test.want != pdu.OK {
			e.closed()
			continue
		}
		if h := e.bind(test.kind, test.systemID, test.password); h.Status != pdu.AlreadyBound {
			t.Errorf("second bind: %+v", h)
		}
		e.send(pdu.AppendEmpty(nil, pdu.Unbind, pdu.OK, 9))
		if h, _ := e.next(); h.ID != pdu.UnbindResp || h.Seq != 9 {
			t.Errorf("unbind: %+v", h)
		}
		e.closed()
	}
}

func TestSubmitNeedsATransmitter(t *testing.T) {
	s := start(t, Config{})
	for _, e := range []*esme{dial(t, s), bound(t, s, pdu.BindReceiver)} {
		e.submit(hello())
		if h, _ := e.next(); h.ID != pdu.SubmitSMResp || h.Status != pdu.InvBndStatus {
			t.Errorf("%+v", h)
		}
	}
}

// TestReq37_HostileClients is contracts/delivery.md §9 row 2 at the SMSC.
func TestReq37_HostileClients(t *testing.T) {
	s := start(t, Config{BindTimeout: 150 * time.Millisecond, FrameTimeout: 100 * time.Millisecond, MaxSessions: 2})
	for _, length := range []uint32{0, 1, 15, 64<<10 + 1, 1 << 31} {
		e := bound(t, s, pdu.BindTransceiver)
		frame := pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 7)
		copy(frame, []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)})
		e.send(frame)
		if h, _ := e.next(); h.ID != pdu.GenericNack || h.Status != pdu.InvCmdLen || h.Seq != 7 {
			t.Errorf("length %d: %+v", length, h)
		}
		e.closed()
		eventually(t, func() bool { return s.Bound() == 0 })
	}

	silent := dial(t, s)
	silent.closed() // no bind in time

	slow := bound(t, s, pdu.BindTransceiver)
	slow.send([]byte{0, 0, 0})
	slow.closed() // the frame is not whole in time
	eventually(t, func() bool { return s.Bound() == 0 })

	first, second := bound(t, s, pdu.BindTransceiver), bound(t, s, pdu.BindTransceiver)
	third := dial(t, s)
	third.closed() // too many
	for _, e := range []*esme{first, second} {
		e.send(pdu.AppendEmpty(nil, 0x00000103, pdu.OK, 5))
		if h, _ := e.next(); h.ID != pdu.GenericNack || h.Status != pdu.InvCmdID || h.Seq != 5 {
			t.Errorf("unknown id: %+v", h)
		}
		e.send(append([]byte{0, 0, 0, 24}, pdu.AppendEmpty(nil, pdu.SubmitSM, pdu.OK, 6)[4:]...))
		e.send(make([]byte, 8))
		if h, _ := e.next(); h.ID != pdu.SubmitSMResp || h.Status != pdu.InvCmdLen || h.Seq != 6 {
			t.Errorf("malformed body: %+v", h)
		}
		for _, octet := range pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 8) {
			e.send([]byte{octet})
		}
		if h, _ := e.next(); h.ID != pdu.EnquireLinkResp || h.Seq != 8 {
			t.Errorf("byte at a time: %+v", h)
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

// TestLongMessages come together from headers, sar parameters and
// message_payload, whatever the order.
func TestLongMessages(t *testing.T) {
	messages := make(chan Message, 10)
	s := start(t, Config{Handle: func(m Message) { messages <- m }})
	e := bound(t, s, pdu.BindTransmitter)
	part := func(body string, change func(*pdu.SM)) pdu.SM {
		sm := hello()
		sm.RegisteredDelivery = 0
		sm.ShortMessage = []byte(body)
		change(&sm)
		return sm
	}
	header := func(number byte, body string) pdu.SM {
		return part(string(text.AppendHeader(nil, 5, 2, number))+body, func(sm *pdu.SM) { sm.ESMClass = pdu.ESMClassUDHI })
	}
	sar := func(number byte, body string) pdu.SM {
		return part(body, func(sm *pdu.SM) {
			sm.TLVs = pdu.TLVs{{Tag: pdu.TagSARRef, Value: []byte{0, 9}}, {Tag: pdu.TagSARTotal, Value: []byte{2}}, {Tag: pdu.TagSARNumber, Value: []byte{number}}}
		})
	}
	payload := part("", func(sm *pdu.SM) {
		sm.TLVs = pdu.TLVs{{Tag: pdu.TagMessagePayload, Value: bytes.Repeat([]byte("x"), 1000)}}
	})
	latin := part("caf\xe9", func(sm *pdu.SM) { sm.DataCoding = pdu.CodingLatin1 })
	for _, test := range []struct {
		parts []pdu.SM
		want  string
	}{
		{[]pdu.SM{header(2, "world"), header(1, "hello ")}, "hello world"},
		{[]pdu.SM{sar(1, "hello "), sar(2, "world")}, "hello world"},
		{[]pdu.SM{payload}, strings.Repeat("x", 1000)},
		{[]pdu.SM{latin}, "café"},
	} {
		for _, sm := range test.parts {
			e.submit(sm)
			if h, _ := e.next(); h.Status != pdu.OK {
				t.Fatalf("%+v", h)
			}
		}
		if m := <-messages; m.Text != test.want || m.Parts != len(test.parts) || m.To != "8613800138000" || m.From != "YANMA" || m.At.IsZero() {
			t.Errorf("%+v, want %q", m, test.want)
		}
	}
	bad := header(3, "beyond the count")
	e.submit(bad)
	if h, _ := e.next(); h.Status != pdu.InvMsgLen {
		t.Errorf("segment 3 of 2: %+v", h)
	}
}

func TestDevRules(t *testing.T) {
	decide := BySuffix(DevRules(), Delivered(time.Second))
	for to, want := range map[string]pdu.Status{"8613800138000": pdu.OK, "8613800199903": pdu.InvDstAddr, "8613800199904": pdu.Throttled} {
		if b := decide(&Part{To: to}); b.Status != want {
			t.Errorf("%s: %+v", to, b)
		}
	}
	if b := decide(&Part{To: "8613800199905"}); !b.Drop || b.Status != pdu.OK {
		t.Errorf("%+v", b)
	}
	if b := decide(&Part{To: "8613800199910"}); len(b.Reports) != 2 {
		t.Errorf("%+v", b)
	}
	seen := make(map[string]bool)
	for _, rule := range DevRules() {
		if seen[rule.Suffix] || rule.Note == "" {
			t.Errorf("rule %+v", rule)
		}
		seen[rule.Suffix] = true
	}
}

// TestReceiptGoesToAnotherSession: what a session did not answer is sent again
// to the next one.
func TestReceiptGoesToAnotherSession(t *testing.T) {
	s := start(t, Config{})
	first := bound(t, s, pdu.BindTransceiver)
	first.submit(hello())
	var about []byte
	for about == nil {
		if h, body := first.next(); h.ID == pdu.DeliverSM {
			about = bytes.Clone(body)
		}
	}
	_ = first.Close()
	second := bound(t, s, pdu.BindReceiver)
	h, body := second.next()
	if h.ID != pdu.DeliverSM || !bytes.Equal(body, about) {
		t.Fatalf("%+v", h)
	}
	resp, _ := pdu.AppendSMResp(nil, pdu.DeliverSMResp, pdu.OK, h.Seq, "")
	second.send(resp)
	eventually(t, func() bool { return s.Stats().Receipts == 1 })
}

// TestPendingIsBounded: with too many receipts on hand the SMSC takes no more.
func TestPendingIsBounded(t *testing.T) {
	s := start(t, Config{MaxPending: 2})
	e := bound(t, s, pdu.BindTransmitter) // nobody takes the receipts
	for _, want := range []pdu.Status{pdu.OK, pdu.OK, pdu.MsgQueueFull} {
		e.submit(hello())
		if h, _ := e.next(); h.Status != want {
			t.Errorf("%+v, want %v", h, want)
		}
	}
}

// TestLateAnswersAreBounded: answers that the script delays count as pending.
func TestLateAnswersAreBounded(t *testing.T) {
	s := start(t, Config{MaxPending: 2, Decide: func(*Part) Behaviour { return Behaviour{Delay: time.Hour} }})
	e := bound(t, s, pdu.BindTransmitter)
	for range 3 {
		e.submit(hello())
	}
	if h, _ := e.next(); h.Seq != e.seq || h.Status != pdu.MsgQueueFull {
		t.Errorf("%+v", h)
	}
}

func TestIDsGoOnAfterARestart(t *testing.T) {
	id := func() string {
		s := start(t, Config{})
		e := bound(t, s, pdu.BindTransmitter)
		e.submit(hello())
		_, body := e.next()
		id, err := pdu.ParseSMResp(body)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if first, second := id(), id(); first >= second || len(first) != len(second) {
		t.Errorf("%s, then %s", first, second)
	}
}

func TestStartTwiceAndBadAddress(t *testing.T) {
	s := start(t, Config{})
	if err := s.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	other, err := New(Config{Addr: s.Addr(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(t.Context()); err == nil {
		t.Error("listens on an address in use")
	}
	other.Stop()
	if _, err := New(Config{}); err == nil {
		t.Error("made without a clock")
	}
}
