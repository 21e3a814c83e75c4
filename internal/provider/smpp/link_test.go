package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// TestReq37_Rebind: an SMSC that says "not bound" gets an unbind and a new bind.
func TestReq37_Rebind(t *testing.T) {
	var refused atomic.Bool
	server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour {
		if !refused.Swap(true) {
			return smsc.Behaviour{Status: pdu.InvBndStatus}
		}
		return smsc.Behaviour{}
	})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	if o := await(t, submit(c, text("hello"))); o.Class != provider.Throttled || o.RetryAfter == 0 {
		t.Errorf("%+v", o)
	}
	providertest.Eventually(t, "it binds anew", func() bool { return server.Stats().Binds == 2 && c.Health().Up })
	if o := await(t, submit(c, text("hello"))); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
}

// TestReq37_CredentialsRefused: the client stops, says so, and does not try again.
func TestReq37_CredentialsRefused(t *testing.T) {
	for _, test := range []struct {
		status pdu.Status
		detail string
	}{{pdu.InvPassword, "stopped: invalid password"}, {pdu.InvSystemID, "stopped: invalid system id"}} {
		var binds atomic.Int32
		server := startServer(t, smsc.Config{BindStatus: func(string) pdu.Status { binds.Add(1); return test.status }})
		c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
		startClient(t, c)
		providertest.Eventually(t, test.detail, func() bool { return c.Health().Detail == test.detail })
		if o := await(t, submit(c, text("hello"))); o.Class != provider.NotSent || o.Detail != test.detail {
			t.Errorf("%+v", o)
		}
		stopClient(t, c)
		if n := binds.Load(); n != 1 {
			t.Errorf("%d binds", n)
		}
	}
}

func TestBindRefusedIsTriedAgain(t *testing.T) {
	var binds atomic.Int32
	server := startServer(t, smsc.Config{BindStatus: func(string) pdu.Status {
		return []pdu.Status{pdu.BindFail, pdu.AlreadyBound, pdu.SysErr, pdu.OK}[min(binds.Add(1)-1, 3)]
	}})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr()})
	startClient(t, c)
	up(t, c)
	if n := binds.Load(); n != 4 {
		t.Errorf("%d binds", n)
	}
}

// TestReq37_EnquireLink: silence brings an enquire_link; no answer, a new bind.
func TestReq37_EnquireLink(t *testing.T) {
	raw := newRawSMSC(t)
	_, conn := raw.client(newSink(), smpp.Config{EnquireEvery: 30 * time.Millisecond, ResponseTimeout: 300 * time.Millisecond})
	for range 3 {
		h := conn.want(pdu.EnquireLink)
		conn.send(pdu.AppendEmpty(nil, pdu.EnquireLinkResp, pdu.OK, h.Seq))
	}
	began := time.Now()
	conn.ended() // the next one has no answer
	if waited := time.Since(began); waited < 300*time.Millisecond {
		t.Errorf("given up after %v", waited)
	}
	raw.bound()
}

// TestLateAnswerIsIgnored: an answer after its time-out changes nothing.
func TestLateAnswerIsIgnored(t *testing.T) {
	var slow atomic.Bool
	slow.Store(true)
	server, _ := receivingSMSC(t, func(*smsc.Part) smsc.Behaviour {
		if slow.Load() {
			return smsc.Behaviour{Delay: 250 * time.Millisecond}
		}
		return smsc.Behaviour{}
	})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr(), ResponseTimeout: 150 * time.Millisecond, EnquireEvery: 20 * time.Millisecond, Window: 1})
	startClient(t, c)
	up(t, c)
	first := submit(c, text("hello"))
	if o := await(t, first); o.Class != provider.Unknown {
		t.Errorf("%+v", o)
	}
	slow.Store(false)
	for range 50 { // the late answer comes among these
		if o := await(t, submit(c, text("hello"))); o.Class != provider.Accepted {
			t.Fatalf("%+v", o)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if len(first) != 0 || server.Stats().Binds != 1 {
		t.Errorf("%d more outcomes, %d binds", len(first), server.Stats().Binds)
	}
}

// TestReq37_BadFrames is contracts/delivery.md §9 row 2 at the client.
func TestReq37_BadFrames(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{})
	conn.send(pdu.AppendEmpty(nil, 0x00000103, pdu.OK, 5)) // data_sm is not spoken
	if h := conn.want(pdu.GenericNack); h.Seq != 5 || h.Status != pdu.InvCmdID {
		t.Errorf("unknown id: %+v", h)
	}
	conn.send(pdu.AppendEmpty(nil, 0x80000103, pdu.OK, 6)) // an answer is never nacked
	conn.send(pdu.AppendEmpty(nil, pdu.GenericNack, pdu.InvCmdID, 0))
	conn.send(append([]byte{0, 0, 0, 24}, pdu.AppendEmpty(nil, pdu.DeliverSM, pdu.OK, 7)[4:]...))
	conn.send(make([]byte, 8)) // a deliver_sm whose body ends too soon
	if h := conn.want(pdu.DeliverSMResp); h.Seq != 7 || h.Status != pdu.AppPermanent {
		t.Errorf("malformed body: %+v", h)
	}
	for _, octet := range pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 8) {
		conn.send([]byte{octet})
	}
	if h := conn.want(pdu.EnquireLinkResp); h.Seq != 8 {
		t.Errorf("byte at a time: %+v", h)
	}
	for _, length := range []uint32{0, 15, 64<<10 + 1, 1 << 31} {
		frame := pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 9)
		copy(frame, []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)})
		conn.send(frame)
		if h := conn.want(pdu.GenericNack); h.Seq != 9 || h.Status != pdu.InvCmdLen {
			t.Errorf("length %d: %+v", length, h)
		}
		conn.ended()
		conn = raw.bound()
	}
	up(t, c)
}

// An operator sees what was wrong with the stream, not only that it ended.
func TestBadLengthIsTheReason(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{ReconnectMin: time.Minute, ReconnectMax: time.Minute})
	up(t, c)
	conn.send([]byte{0x80, 0, 0, 0, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1})
	const want = "connecting: command_length out of range: 2147483648"
	providertest.Eventually(t, want, func() bool { return c.Health().Detail == want })
}

// TestReq37_SlowLoris: a frame that never ends costs the SMSC its connection.
func TestReq37_SlowLoris(t *testing.T) {
	raw := newRawSMSC(t)
	_, conn := raw.client(newSink(), smpp.Config{ResponseTimeout: 100 * time.Millisecond})
	conn.send(pdu.AppendEmpty(nil, pdu.EnquireLink, pdu.OK, 1)[:15])
	conn.ended()
	raw.bound()
}

func TestPeerUnbinds(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{})
	conn.send(pdu.AppendEmpty(nil, pdu.Unbind, pdu.OK, 11))
	if h := conn.want(pdu.UnbindResp); h.Seq != 11 {
		t.Errorf("%+v", h)
	}
	conn.ended()
	raw.bound()
	up(t, c)
}

func TestStopUnbinds(t *testing.T) {
	raw := newRawSMSC(t)
	c, conn := raw.client(newSink(), smpp.Config{})
	stopped := make(chan error, 1)
	go func() { stopped <- c.Stop(t.Context()) }()
	h := conn.want(pdu.Unbind)
	conn.send(pdu.AppendEmpty(nil, pdu.UnbindResp, pdu.OK, h.Seq))
	if err := await(t, stopped); err != nil {
		t.Error(err)
	}
	conn.ended()
}

// shortConn takes so many octets after the bind and then fails.
type shortConn struct {
	net.Conn
	room *atomic.Int64
}

func (c shortConn) Write(b []byte) (int, error) {
	left := c.room.Add(-int64(len(b)))
	if left >= 0 {
		return c.Conn.Write(b)
	}
	n := max(int(left)+len(b), 0)
	if n > 0 {
		_, _ = c.Conn.Write(b[:n])
	}
	return n, errors.New("connection reset by test")
}

// TestReq34_ExactlyUnknown: of two submissions on a connection that takes n
// octets, one is Unknown from its first octet on, and NotSent without any.
func TestReq34_ExactlyUnknown(t *testing.T) {
	const frame = 0x53 + 16 // the vector's length, and a validity_period
	for _, test := range []struct {
		octets        int64
		first, second provider.Class
	}{
		{0, provider.NotSent, provider.NotSent},
		{1, provider.Unknown, provider.NotSent},
		{frame - 1, provider.Unknown, provider.NotSent},
		{frame, provider.Unknown, provider.NotSent},
		{frame + 1, provider.Unknown, provider.Unknown},
	} {
		t.Run(fmt.Sprint(test.octets), func(t *testing.T) {
			raw := newRawSMSC(t)
			var room atomic.Int64
			room.Store(1 << 30)
			d := deps(newSink())
			d.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return shortConn{nc, &room}, err
			}
			c, err := smpp.New(smpp.Config{
				Name: "test", Addr: raw.listener.Addr().String(), SystemID: systemID, Password: password, Source: "YANMA",
				ReconnectMin: time.Hour, ReconnectMax: time.Hour,
			}, d)
			if err != nil {
				t.Fatal(err)
			}
			startClient(t, c)
			raw.bound()
			up(t, c)
			room.Store(test.octets)
			first, second := submit(c, text("【验码】您的验证码是123456")), submit(c, text("【验码】您的验证码是123456"))
			if o := await(t, first); o.Class != test.first {
				t.Errorf("first %+v, want %v", o, test.first)
			}
			if o := await(t, second); o.Class != test.second {
				t.Errorf("second %+v, want %v", o, test.second)
			}
		})
	}
}
