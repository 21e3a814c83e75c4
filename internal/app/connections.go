package app

import (
	"net"
	"sync"
)

// bounded is a listener with at most so many connections open. One more waits
// in the kernel's queue until another one ends: idle and slow ones end by the
// limits of listen.go.
type bounded struct {
	net.Listener
	free   chan struct{} // a token for each connection that may be opened
	closed chan struct{}
	once   sync.Once
}

func newBounded(l net.Listener, connections int) *bounded {
	return &bounded{Listener: l, free: make(chan struct{}, connections), closed: make(chan struct{})}
}

// Accept waits for a free place, then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.free <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.free
		return nil, err
	}
	return &boundedConn{Conn: c, listener: b}, nil
}

// Close ends an Accept that waits, too.
func (b *bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

type boundedConn struct {
	net.Conn
	listener *bounded
	once     sync.Once
}

// Close gives the place free, once.
func (c *boundedConn) Close() error {
	c.once.Do(func() { <-c.listener.free })
	return c.Conn.Close()
}
