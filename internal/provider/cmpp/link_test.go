package cmpp_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/providertest"
)

// TestReq37_ConnectRefused: the statuses of contracts/delivery.md §3.2 that stop
// the client, which says so and does not try again.
func TestReq37_ConnectRefused(t *testing.T) {
	for status, detail := range map[pdu.ConnectStatus]string{
		1: "stopped: malformed", 2: "stopped: illegal source address", 3: "stopped: authentication failed",
	} {
		var logins atomic.Int32
		server := startGateway(t, gateway.Config{ConnectStatus: func(string) pdu.ConnectStatus { logins.Add(1); return status }})
		c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr()})
		startClient(t, c)
		providertest.Eventually(t, detail, func() bool { return c.Health().Detail == detail })
		if o := await(t, submit(c, text("hello"))); o.Class != provider.NotSent || o.Detail != detail {
			t.Errorf("%+v", o)
		}
		stopClient(t, c)
		if n := logins.Load(); n != 1 {
			t.Errorf("%d logins", n)
		}
	}
}

func TestReq37_WrongSecret(t *testing.T) {
	server := startGateway(t, gateway.Config{})
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr(), Secret: core.NewSecret("wrong")})
	startClient(t, c)
	providertest.Eventually(t, "it stops", func() bool { return c.Health().Detail == "stopped: authentication failed" })
}

func TestConnectIsTriedAgain(t *testing.T) {
	var logins atomic.Int32
	server := startGateway(t, gateway.Config{ConnectStatus: func(string) pdu.ConnectStatus {
		return []pdu.ConnectStatus{5, 9, 0}[min(logins.Add(1)-1, 2)]
	}})
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	if n := logins.Load(); n != 3 {
		t.Errorf("%d logins", n)
	}
}

// TestReq37_VersionTooHigh: a gateway of 2.0 refuses 3.0 in its own width, and
// is asked for 2.0.
func TestReq37_VersionTooHigh(t *testing.T) {
	parts := make(chan gateway.Part, 1)
	sink := newSink()
	server := startGateway(t, gateway.Config{Version: pdu.V20, Decide: func(p *gateway.Part) gateway.Behaviour {
		parts <- *p
		return gateway.Delivered(0)
	}})
	c := newClient(t, sink, cmpp.Config{Addr: server.Addr(), Version: pdu.V30})
	startClient(t, c)
	up(t, c)
	o := await(t, submit(c, text("hello")))
	if p := await(t, parts); o.Class != provider.Accepted || p.Version != pdu.V20 {
		t.Errorf("%+v in %s", o, p.Version)
	}
	if r := await(t, sink.receipts); r.PartID != o.PartIDs[0] {
		t.Errorf("%+v, want %s", r, o.PartIDs[0])
	}
}

// TestReq37_ForgedGateway: one that does not know the secret gets no message,
// unless the configuration trusts it.
func TestReq37_ForgedGateway(t *testing.T) {
	server := startGateway(t, gateway.Config{Forged: true})
	c := newClient(t, newSink(), cmpp.Config{Addr: server.Addr()})
	startClient(t, c)
	const want = "connecting: connect: the gateway does not know the secret"
	providertest.Eventually(t, want, func() bool { return c.Health().Detail == want })
	if o := await(t, submit(c, text("hello"))); o.Class != provider.NotSent {
		t.Errorf("%+v", o)
	}
	trusting := newClient(t, newSink(), cmpp.Config{Addr: server.Addr(), TrustGateway: true})
	startClient(t, trusting)
	up(t, trusting)
}

// TestReq37_ActiveTest: silence brings an ACTIVE_TEST; no answer, a new login.
func TestReq37_ActiveTest(t *testing.T) {
	raw := newRawGateway(t)
	_, conn := raw.client(newSink(), cmpp.Config{TestEvery: 30 * time.Millisecond, ResponseTimeout: 300 * time.Millisecond})
	for range 3 {
		h, _ := conn.want(pdu.CmdActiveTest)
		conn.send(pdu.AppendActiveTestResp(nil, h.Seq))
	}
	conn.send(pdu.AppendEmpty(nil, pdu.CmdActiveTest, 77))
	if h, body := conn.want(pdu.CmdActiveTestResp); h.Seq != 77 || len(body) != 1 {
		t.Errorf("%+v, % x", h, body)
	}
	conn.ended() // the next ones have no answer
	raw.connected()
}

// TestReq37_BadPackets: what is not known is ignored, what can not be read is
// refused, what has no possible length ends the connection.
func TestReq37_BadPackets(t *testing.T) {
	raw := newRawGateway(t)
	c, conn := raw.client(newSink(), cmpp.Config{})
	conn.send(pdu.AppendEmpty(nil, 0x00000009, 5)) // FWD is not spoken
	conn.send(pdu.AppendEmpty(nil, 0x80000009, 6))
	conn.send(pdu.AppendResp(nil, pdu.V20, pdu.CmdSubmitResp, 99, 1, pdu.ResultOK)) // nobody asked
	conn.send(append([]byte{0, 0, 0, 20}, pdu.AppendEmpty(nil, pdu.CmdDeliver, 7)[4:]...))
	conn.send([]byte{0, 0, 0, 0, 0, 0, 0, 42}) // a DELIVER whose body ends too soon
	h, body := conn.want(pdu.CmdDeliverResp)
	if id, result, err := pdu.ParseResp(body); h.Seq != 7 || id != 42 || result != pdu.ResultMalformed || err != nil {
		t.Errorf("malformed body: %+v, %v %v", h, id, result)
	}
	for _, octet := range pdu.AppendEmpty(nil, pdu.CmdActiveTest, 8) {
		conn.send([]byte{octet})
	}
	if h, _ := conn.want(pdu.CmdActiveTestResp); h.Seq != 8 {
		t.Errorf("byte at a time: %+v", h)
	}
	for _, length := range []uint32{0, 11, 8<<10 + 1, 1 << 31} {
		packet := pdu.AppendEmpty(nil, pdu.CmdActiveTest, 9)
		copy(packet, []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)})
		conn.send(packet)
		conn.ended()
		conn = raw.connected()
	}
	up(t, c)
}

// TestReq37_AnswerThatCanNotBeRead leaves the message unknown.
func TestReq37_AnswerThatCanNotBeRead(t *testing.T) {
	c, conn := newRawGateway(t).client(newSink(), cmpp.Config{})
	outcomes := submit(c, text("hello"))
	h, _ := conn.want(pdu.CmdSubmit)
	conn.send(pdu.AppendEmpty(nil, pdu.CmdSubmitResp, h.Seq))
	if o := await(t, outcomes); o.Class != provider.Unknown {
		t.Errorf("%+v", o)
	}
}

// An operator sees what was wrong with the stream, not only that it ended.
func TestBadLengthIsTheReason(t *testing.T) {
	raw := newRawGateway(t)
	c, conn := raw.client(newSink(), cmpp.Config{ReconnectMin: time.Minute, ReconnectMax: time.Minute})
	conn.send([]byte{0x80, 0, 0, 0, 0x80, 0, 0, 4, 0, 0, 0, 1})
	const want = "connecting: Total_Length out of range: 2147483648"
	providertest.Eventually(t, want, func() bool { return c.Health().Detail == want })
}

// TestReq37_SlowLoris: a packet that never ends costs the gateway its connection,
// after the login and during it.
func TestReq37_SlowLoris(t *testing.T) {
	raw := newRawGateway(t)
	_, conn := raw.client(newSink(), cmpp.Config{ResponseTimeout: 100 * time.Millisecond})
	conn.send(pdu.AppendEmpty(nil, pdu.CmdActiveTest, 1)[:11])
	conn.ended()
	raw.connected()
}

func TestPeerTerminates(t *testing.T) {
	raw := newRawGateway(t)
	c, conn := raw.client(newSink(), cmpp.Config{})
	conn.send(pdu.AppendEmpty(nil, pdu.CmdTerminate, 11))
	if h, _ := conn.want(pdu.CmdTerminateResp); h.Seq != 11 {
		t.Errorf("%+v", h)
	}
	conn.ended()
	raw.connected()
	up(t, c)
}

func TestStopTerminates(t *testing.T) {
	c, conn := newRawGateway(t).client(newSink(), cmpp.Config{})
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop(t.Context()) }()
	h, _ := conn.want(pdu.CmdTerminate)
	conn.send(pdu.AppendEmpty(nil, pdu.CmdTerminateResp, h.Seq))
	if err := await(t, stopped); err != nil {
		t.Error(err)
	}
	conn.ended()
}

// TestReq37_OddLogins: whatever comes in place of CONNECT_RESP ends the
// connection, and an ACTIVE_TEST before it is answered.
func TestReq37_OddLogins(t *testing.T) {
	for name, answer := range map[string][]byte{
		"another command":   pdu.AppendResp(nil, pdu.V20, pdu.CmdSubmitResp, 1, 1, 0),
		"another sequence":  pdu.AppendConnectResp(nil, pdu.V20, 2, &pdu.ConnectResp{}),
		"a body too short":  pdu.AppendEmpty(nil, pdu.CmdConnectResp, 1),
		"zeros for a proof": pdu.AppendConnectResp(nil, pdu.V20, 1, &pdu.ConnectResp{}),
		"a length of 2^31":  {0x80, 0, 0, 0, 0x80, 0, 0, 1, 0, 0, 0, 1},
	} {
		listener := newRawListener(t)
		c := newClient(t, newSink(), cmpp.Config{Addr: listener.Addr().String(), ReconnectMin: time.Minute, ReconnectMax: time.Minute})
		startClient(t, c)
		conn := listener.accept()
		conn.send(pdu.AppendEmpty(nil, pdu.CmdActiveTest, 5))
		if h, _ := conn.want(pdu.CmdActiveTestResp); h.Seq != 5 {
			t.Errorf("%s: %+v", name, h)
		}
		conn.send(answer)
		conn.ended()
		providertest.Eventually(t, name, func() bool { return strings.HasPrefix(c.Health().Detail, "connecting: ") })
	}
}

// TestEachLinkHasItsVersion: of two links one is answered in 3.0 and the other in
// 2.0, as by a gateway that is being changed; each speaks its own.
func TestEachLinkHasItsVersion(t *testing.T) {
	listener := newRawListener(t)
	c := newClient(t, newSink(), cmpp.Config{Addr: listener.Addr().String(), Version: pdu.V30, Links: 2, Window: 1})
	startClient(t, c)
	conns := map[pdu.Version]*rawConn{pdu.V30: listener.accept(), pdu.V20: listener.accept()}
	for v, conn := range conns {
		h, body := conn.want(pdu.CmdConnect)
		login, err := pdu.ParseConnect(body)
		if err != nil {
			t.Fatal(err)
		}
		conn.send(pdu.AppendConnectResp(nil, v, h.Seq, &pdu.ConnectResp{Version: v,
			Authenticator: pdu.ISMGAuthenticator(v, pdu.ConnectOK, login.Authenticator, secret.Reveal())}))
	}
	providertest.Eventually(t, "both are up", func() bool { return c.Health().Detail == "bound" })
	outcomes := []<-chan provider.Outcome{submit(c, text("hello")), submit(c, text("hello"))}
	for v, conn := range conns {
		h, body := conn.want(pdu.CmdSubmit)
		var m pdu.Submit
		if err := pdu.ParseSubmit(body, v, &m); err != nil || len(m.Dest) != 1 || m.Dest[0] != "13800138000" {
			t.Errorf("%s: %+v, %v", v, m, err)
		}
		conn.send(pdu.AppendResp(nil, v, pdu.CmdSubmitResp, h.Seq, 1, pdu.ResultOK))
	}
	for _, one := range outcomes {
		if o := await(t, one); o.Class != provider.Accepted {
			t.Errorf("%+v", o)
		}
	}
}
