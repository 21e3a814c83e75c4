package smpp_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// rawSMSC is the other end octet by octet, for what no well-behaved SMSC does.
type rawSMSC struct {
	t        *testing.T
	listener net.Listener
	conns    chan *rawConn // bound ones
}

// rawConn is one connection after its bind.
type rawConn struct {
	net.Conn
	t    *testing.T
	r    *pdu.Reader
	kind pdu.CommandID // of the bind
}

func newRawSMSC(t *testing.T) *rawSMSC {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawSMSC{t: t, listener: listener, conns: make(chan *rawConn, 100)}
	var accepting sync.WaitGroup
	accepting.Go(s.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
		for len(s.conns) > 0 {
			_ = (<-s.conns).Close()
		}
	})
	return s
}

func (s *rawSMSC) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &rawConn{Conn: nc, t: s.t, r: pdu.NewReader(nc, nil)}
		h, _, err := c.r.Next()
		if err != nil || h.ID != pdu.BindTransceiver && h.ID != pdu.BindTransmitter && h.ID != pdu.BindReceiver {
			_ = nc.Close()
			continue
		}
		c.kind = h.ID
		resp, _ := pdu.AppendBindResp(nil, h.ID.Response(), pdu.OK, h.Seq, &pdu.BindResp{SystemID: "raw"})
		c.send(resp)
		s.conns <- c
	}
}

// client starts a client of this SMSC and waits for its bind.
func (s *rawSMSC) client(sink provider.Sink, cfg smpp.Config) (*smpp.Client, *rawConn) {
	s.t.Helper()
	cfg.Addr = s.listener.Addr().String()
	c := newClient(s.t, sink, cfg)
	startClient(s.t, c)
	conn := s.bound()
	up(s.t, c)
	return c, conn
}

func (s *rawSMSC) bound() *rawConn {
	s.t.Helper()
	select {
	case c := <-s.conns:
		s.t.Cleanup(func() { _ = c.Close() })
		return c
	case <-time.After(10 * time.Second):
		s.t.Fatal("the client does not bind")
	}
	return nil
}

func (c *rawConn) send(octets []byte) {
	if _, err := c.Write(octets); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

// next is the next frame that the client sends.
func (c *rawConn) next() (pdu.Header, []byte) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	h, body, err := c.r.Next()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return h, body
}

// want reads frames until one has the command.
func (c *rawConn) want(id pdu.CommandID) pdu.Header {
	c.t.Helper()
	for {
		if h, _ := c.next(); h.ID == id {
			return h
		}
	}
}

// ended waits until the client has closed the connection.
func (c *rawConn) ended() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		if _, _, err := c.r.Next(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				c.t.Fatal("the client does not close")
			}
			return
		}
	}
}
