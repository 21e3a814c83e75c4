package gateway

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
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	spID     = "901234"
	patience = 30 * time.Second
)

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	cfg.SPID, cfg.Secret = spID, core.NewSecret("1234")
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

// sp is a client octet by octet.
type sp struct {
	net.Conn
	t       *testing.T
	r       *frame.Reader
	version pdu.Version
	seq     uint32
}

func dial(t *testing.T, s *Server, v pdu.Version) *sp {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &sp{Conn: nc, t: t, r: frame.NewReader(nc, pdu.Format, nil), version: v}
}

func loggedIn(t *testing.T, s *Server, v pdu.Version) *sp {
	t.Helper()
	c := dial(t, s, v)
	if status := c.connect(spID, "1234"); status != pdu.ConnectOK {
		t.Fatalf("status %d", status)
	}
	return c
}

func (c *sp) send(octets []byte) {
	if _, err := c.Write(octets); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

func (c *sp) next() (pdu.Header, []byte) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	octets, err := c.r.Next()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	h, body, err := pdu.Split(octets)
	if err != nil {
		c.t.Fatal(err)
	}
	return h, body
}

func (c *sp) closed() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if octets, err := c.r.Next(); err == nil {
		c.t.Errorf("% x in place of the end", octets)
	} else if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		c.t.Error("the gateway does not close")
	}
}

// connect logs in, and checks the gateway's proof and the width of its answer.
func (c *sp) connect(spID, secret string) pdu.ConnectStatus {
	c.t.Helper()
	c.seq++
	request := pdu.NewConnect(spID, secret, c.version, time.Now())
	octets, err := pdu.AppendConnect(nil, c.seq, &request)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(octets)
	h, body := c.next()
	r, wire, err := pdu.ParseConnectResp(body)
	if err != nil || h.ID != pdu.CmdConnectResp || h.Seq != c.seq {
		c.t.Fatalf("%+v, %v", h, err)
	}
	if want := pdu.ISMGAuthenticator(wire, r.Status, request.Authenticator, "1234"); r.Authenticator != want {
		c.t.Errorf("the gateway's proof is %x", r.Authenticator)
	}
	return r.Status
}

func (c *sp) submit(m pdu.Submit) {
	c.t.Helper()
	c.seq++
	octets, err := pdu.AppendSubmit(nil, c.version, c.seq, &m)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(octets)
}

// result is that of the next packet, a SUBMIT_RESP.
func (c *sp) result() (pdu.MsgID, pdu.Result) {
	c.t.Helper()
	h, body := c.next()
	id, r, err := pdu.ParseResp(body)
	if h.ID != pdu.CmdSubmitResp || err != nil {
		c.t.Fatalf("%+v, %v", h, err)
	}
	return id, r
}

func hello() pdu.Submit {
	return pdu.Submit{PkTotal: 1, PkNumber: 1, RegisteredDelivery: 1, MsgSrc: spID, SrcID: "106901234", Dest: []string{"13800138000"}, Content: []byte("hello")}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}

func TestLogins(t *testing.T) {
	both, older := start(t, Config{}), start(t, Config{Version: pdu.V20})
	for _, test := range []struct {
		server       *Server
		version      pdu.Version
		spID, secret string
		want         pdu.ConnectStatus
	}{
		{both, pdu.V20, spID, "1234", pdu.ConnectOK},
		{both, pdu.V30, spID, "1234", pdu.ConnectOK},
		{older, pdu.V20, spID, "1234", pdu.ConnectOK},
		{older, pdu.V30, spID, "1234", pdu.ConnectTooHigh},
		{both, 0x40, spID, "1234", pdu.ConnectTooHigh},
		{both, pdu.V30, "901235", "1234", pdu.ConnectBadSource},
		{both, pdu.V20, spID, "wrong", pdu.ConnectAuthFailed},
	} {
		c := dial(t, test.server, test.version)
		if status := c.connect(test.spID, test.secret); status != test.want {
			t.Errorf("%s as %s: %d, want %d", test.version, test.spID, status, test.want)
		}
		if test.want == pdu.ConnectOK {
			c.send(pdu.AppendEmpty(nil, pdu.CmdTerminate, 9))
			if h, _ := c.next(); h.ID != pdu.CmdTerminateResp || h.Seq != 9 {
				t.Errorf("TERMINATE: %+v", h)
			}
		}
		c.closed()
	}
}

// TestReq37_HostileClients is contracts/delivery.md §9 row 2 and §3.5 at the
// gateway.
func TestReq37_HostileClients(t *testing.T) {
	s := start(t, Config{LoginTimeout: 150 * time.Millisecond, FrameTimeout: 100 * time.Millisecond, MaxSessions: 2})
	nobody := func() bool { return len(s.sessions.Sessions()) == 0 }
	for _, length := range []uint32{0, 1, 11, 8<<10 + 1, 1 << 31} {
		c := loggedIn(t, s, pdu.V30)
		octets := pdu.AppendEmpty(nil, pdu.CmdActiveTest, 7)
		copy(octets, []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)})
		c.send(octets)
		c.closed()
		eventually(t, nobody)
	}
	silent := dial(t, s, pdu.V30)
	silent.closed() // no login in time
	eventually(t, nobody)
	early := dial(t, s, pdu.V30)
	early.send(pdu.AppendEmpty(nil, pdu.CmdActiveTest, 1))
	early.closed() // a packet before the login
	eventually(t, nobody)
	garbled := dial(t, s, pdu.V30)
	garbled.send(pdu.AppendEmpty(nil, pdu.CmdConnect, 1))
	if _, body := garbled.next(); !bytes.HasPrefix(body, []byte{byte(pdu.ConnectMalformed)}) {
		t.Errorf("a CONNECT without a body: % x", body)
	}
	garbled.closed()
	eventually(t, nobody)
	slow := loggedIn(t, s, pdu.V30)
	slow.send([]byte{0, 0, 0})
	slow.closed() // the packet is not whole in time
	eventually(t, nobody)

	first, second := loggedIn(t, s, pdu.V20), loggedIn(t, s, pdu.V30)
	third := dial(t, s, pdu.V30)
	third.closed() // too many
	for _, c := range []*sp{first, second} {
		c.send(pdu.AppendEmpty(nil, 0x00000103, 5)) // unknown: ignored
		c.send(append([]byte{0, 0, 0, 20}, pdu.AppendEmpty(nil, pdu.CmdSubmit, 6)[4:]...))
		c.send(make([]byte, 8))
		if _, r := c.result(); r != pdu.ResultMalformed {
			t.Errorf("malformed body: %s", r)
		}
		for _, octet := range pdu.AppendEmpty(nil, pdu.CmdActiveTest, 8) {
			c.send([]byte{octet})
		}
		if h, _ := c.next(); h.ID != pdu.CmdActiveTestResp || h.Seq != 8 {
			t.Errorf("byte at a time: %+v", h)
		}
	}
}

// TestSubmitsRefused: what the packet itself makes impossible.
func TestSubmitsRefused(t *testing.T) {
	s := start(t, Config{})
	for _, test := range []struct {
		name     string
		change   func(*pdu.Submit)
		v20, v30 pdu.Result
	}{
		{"two destinations", func(m *pdu.Submit) { m.Dest = []string{"13800138000", "13800138001"} }, pdu.ResultDest, pdu.ResultDest},
		{"another's Msg_src", func(m *pdu.Submit) { m.MsgSrc = "901235" }, pdu.ResultOther, pdu.ResultMsgSrc},
		{"a header that is none", func(m *pdu.Submit) { m.TPUdhi, m.Content = 1, []byte{200, 0} }, pdu.ResultMalformed, pdu.ResultMalformed},
		{"numbers that differ", func(m *pdu.Submit) { m.TPUdhi, m.Content = 1, text.AppendHeader(nil, 1, 2, 1) }, pdu.ResultMalformed, pdu.ResultMalformed},
	} {
		for v, want := range map[pdu.Version]pdu.Result{pdu.V20: test.v20, pdu.V30: test.v30} {
			c := loggedIn(t, s, v)
			m := hello()
			test.change(&m)
			c.submit(m)
			if _, r := c.result(); r != want {
				t.Errorf("%s in %s: %s, want %s", test.name, v, r, want)
			}
		}
	}
}

// TestLongMessages come together whatever their order.
func TestLongMessages(t *testing.T) {
	messages := make(chan Message, 10)
	s := start(t, Config{Handle: func(m Message) { messages <- m }})
	c := loggedIn(t, s, pdu.V30)
	for _, part := range []struct {
		number byte
		body   string
	}{{2, "world"}, {1, "hello "}} {
		m := hello()
		m.RegisteredDelivery, m.TPUdhi, m.PkTotal, m.PkNumber = 0, 1, 2, part.number
		m.Content = append(text.AppendHeader(nil, 5, 2, part.number), part.body...)
		c.submit(m)
		if _, r := c.result(); r != pdu.ResultOK {
			t.Fatal(r)
		}
	}
	select {
	case m := <-messages:
		if m.Text != "hello world" || m.Parts != 2 || m.To != "13800138000" || m.From != "106901234" || m.At.IsZero() {
			t.Errorf("%+v", m)
		}
	case <-time.After(patience):
		t.Fatal("it does not come together")
	}
}

// TestReportGoesToAnotherSession: what a session did not answer is sent again to
// the next one, in that one's version.
func TestReportGoesToAnotherSession(t *testing.T) {
	s := start(t, Config{})
	first := loggedIn(t, s, pdu.V20)
	first.submit(hello())
	id, r := first.result()
	if h, _ := first.next(); r != pdu.ResultOK || h.ID != pdu.CmdDeliver {
		t.Fatalf("%s, %+v", r, h)
	}
	_ = first.Close()
	second := loggedIn(t, s, pdu.V30)
	h, body := second.next()
	var m pdu.Deliver
	if err := pdu.ParseDeliver(body, pdu.V30, &m); err != nil || h.ID != pdu.CmdDeliver || len(m.Content) != 71 {
		t.Fatalf("%+v, %v", h, err)
	}
	report, err := pdu.ParseReport(m.Content)
	if err != nil || report.MsgID != id || report.Stat != "DELIVRD" || report.Dest != "13800138000" || len(report.DoneTime) != 10 {
		t.Errorf("%+v, %v", report, err)
	}
	second.send(pdu.AppendResp(nil, pdu.V30, pdu.CmdDeliverResp, h.Seq, m.MsgID, pdu.ResultOK))
	eventually(t, func() bool { return s.Stats().Reports == 1 })
}

// TestPendingIsBounded: with too many reports on hand the gateway takes no more.
func TestPendingIsBounded(t *testing.T) {
	s := start(t, Config{MaxPending: 2, Decide: func(*Part) Behaviour { return Delivered(time.Hour) }})
	c := loggedIn(t, s, pdu.V30)
	for _, want := range []pdu.Result{pdu.ResultOK, pdu.ResultOK, pdu.ResultFlowControl} {
		c.submit(hello())
		if _, r := c.result(); r != want {
			t.Errorf("%s, want %s", r, want)
		}
	}
}

// TestWindowOfDeliveries: no more than the window are without an answer.
func TestWindowOfDeliveries(t *testing.T) {
	s := start(t, Config{DeliverWindow: 2})
	c := loggedIn(t, s, pdu.V30)
	for n := range 5 {
		s.Report(spID, pdu.MsgID(n+1), "DELIVRD")
	}
	var open []pdu.Header
	for range 2 {
		h, _ := c.next()
		open = append(open, h)
	}
	c.send(pdu.AppendEmpty(nil, pdu.CmdActiveTest, 99))
	if h, _ := c.next(); h.ID != pdu.CmdActiveTestResp {
		t.Errorf("%+v over the window", h)
	}
	for _, h := range open {
		c.send(pdu.AppendResp(nil, pdu.V30, pdu.CmdDeliverResp, h.Seq, 0, pdu.ResultOK))
		if next, _ := c.next(); next.ID != pdu.CmdDeliver {
			t.Errorf("%+v", next)
		}
	}
}

// TestTextNotStored: what the client refuses for good, SendText tells.
func TestTextNotStored(t *testing.T) {
	s := start(t, Config{})
	c := loggedIn(t, s, pdu.V20)
	sent := make(chan error, 1)
	go func() { sent <- s.SendText(t.Context(), spID, "13800138000", "106901234", "T") }()
	h, _ := c.next()
	c.send(pdu.AppendResp(nil, pdu.V20, pdu.CmdDeliverResp, h.Seq, 0, pdu.ResultMalformed))
	if err := <-sent; !errors.Is(err, ErrNotStored) || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
}

// TestScripts: muted, and every client asked to leave.
func TestScripts(t *testing.T) {
	s := start(t, Config{})
	c := loggedIn(t, s, pdu.V30)
	s.Mute(true)
	c.send(pdu.AppendEmpty(nil, pdu.CmdActiveTest, 1))
	c.submit(hello())
	// A report is not an answer, and follows where the answer would have been.
	if h, _ := c.next(); h.ID != pdu.CmdDeliver {
		t.Fatalf("%+v while muted", h)
	}
	s.Mute(false)
	s.TerminateAll()
	if h, _ := c.next(); h.ID != pdu.CmdTerminate {
		t.Errorf("%+v", h)
	}
	c.send(pdu.AppendEmpty(nil, pdu.CmdTerminateResp, 1))
	c.closed()
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
