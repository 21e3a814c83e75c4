package cmpp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
)

// shortConn takes so many octets after the login and then fails.
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
	const packet = 191 // the vector's length
	for _, test := range []struct {
		octets        int64
		first, second provider.Class
	}{
		{0, provider.NotSent, provider.NotSent},
		{1, provider.Unknown, provider.NotSent},
		{packet, provider.Unknown, provider.NotSent},
		{packet + 1, provider.Unknown, provider.Unknown},
	} {
		t.Run(fmt.Sprint(test.octets), func(t *testing.T) {
			raw := newRawGateway(t)
			var room atomic.Int64
			room.Store(1 << 30)
			d := deps(newSink())
			d.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return shortConn{nc, &room}, err
			}
			c, err := cmpp.New(cmpp.Config{
				Name: "test", Addr: raw.listener.Addr().String(), SPID: spID, Secret: secret, Source: source, ServiceID: "YANMA",
				ReconnectMin: time.Hour, ReconnectMax: time.Hour,
			}, d)
			if err != nil {
				t.Fatal(err)
			}
			startClient(t, c)
			raw.connected()
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
