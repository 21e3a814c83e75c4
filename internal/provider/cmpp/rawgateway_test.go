package cmpp_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/frame"
)

// patience is how long the tests wait for what must happen.
const patience = 30 * time.Second

// rawGateway is the other end octet by octet, for what no well-behaved gateway
// does.
type rawGateway struct {
	t        *testing.T
	listener net.Listener
	conns    chan *rawConn // logged in
}

// rawListener leaves even the login to the test.
type rawListener struct {
	net.Listener
	t *testing.T
}

func newRawListener(t *testing.T) rawListener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return rawListener{listener, t}
}

// accept is the next connection.
func (l rawListener) accept() *rawConn {
	l.t.Helper()
	nc, err := l.Accept()
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = nc.Close() })
	return &rawConn{Conn: nc, t: l.t, r: frame.NewReader(nc, pdu.Format, nil)}
}

// rawConn is one connection after its login.
type rawConn struct {
	net.Conn
	t *testing.T
	r *frame.Reader
}

func newRawGateway(t *testing.T) *rawGateway {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &rawGateway{t: t, listener: listener, conns: make(chan *rawConn, 100)}
	var accepting sync.WaitGroup
	accepting.Go(g.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
		for len(g.conns) > 0 {
			_ = (<-g.conns).Close()
		}
	})
	return g
}

func (g *rawGateway) accept() {
	for {
		nc, err := g.listener.Accept()
		if err != nil {
			return
		}
		c := &rawConn{Conn: nc, t: g.t, r: frame.NewReader(nc, pdu.Format, nil)}
		octets, err := c.r.Next()
		if err != nil {
			_ = nc.Close()
			continue
		}
		h, body, _ := pdu.Split(octets)
		login, err := pdu.ParseConnect(body)
		if err != nil || h.ID != pdu.CmdConnect {
			_ = nc.Close()
			continue
		}
		r := pdu.ConnectResp{Version: login.Version,
			Authenticator: pdu.ISMGAuthenticator(login.Version, pdu.ConnectOK, login.Authenticator, secret.Reveal())}
		c.send(pdu.AppendConnectResp(nil, login.Version, h.Seq, &r))
		g.conns <- c
	}
}

// client starts a client of this gateway and waits for its login.
func (g *rawGateway) client(sink provider.Sink, cfg cmpp.Config) (*cmpp.Client, *rawConn) {
	g.t.Helper()
	cfg.Addr = g.listener.Addr().String()
	c := newClient(g.t, sink, cfg)
	startClient(g.t, c)
	conn := g.connected()
	up(g.t, c)
	return c, conn
}

func (g *rawGateway) connected() *rawConn {
	g.t.Helper()
	select {
	case c := <-g.conns:
		g.t.Cleanup(func() { _ = c.Close() })
		return c
	case <-time.After(patience):
		g.t.Fatal("the client does not connect")
	}
	return nil
}

func (c *rawConn) send(octets []byte) {
	if _, err := c.Write(octets); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

// next is the next packet that the client sends.
func (c *rawConn) next() (pdu.Header, []byte) {
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

// want reads packets until one has the command.
func (c *rawConn) want(id pdu.CommandID) (pdu.Header, []byte) {
	c.t.Helper()
	for {
		if h, body := c.next(); h.ID == id {
			return h, body
		}
	}
}

// ended waits until the client has closed the connection.
func (c *rawConn) ended() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, err := c.r.Next(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				c.t.Fatal("the client does not close")
			}
			return
		}
	}
}
