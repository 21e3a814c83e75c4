package simulation

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// network is the only way from one part of the simulated world to another. It
// keeps the order of a connection's octets, delays them, and breaks.
type network struct {
	fate fate
	mu   sync.Mutex
	at   map[string]*listener
	all  map[*conn]string // open ends by their owner
	slow func(name string) time.Duration
}

func newNetwork(f fate) *network {
	return &network{fate: f, at: map[string]*listener{}, all: map[*conn]string{}, slow: func(string) time.Duration { return 0 }}
}

type listener struct {
	net    *network
	owner  string
	addr   net.TCPAddr
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// listen opens a listener of an owner, whose connections cut ends.
func (n *network) listen(owner, address string) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", address) // an address in digits: nobody is asked
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.at[address] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EADDRINUSE}
	}
	l := &listener{net: n, owner: owner, addr: *addr, queue: make(chan net.Conn, 256), closed: make(chan struct{})}
	n.at[address] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		if l.net.at[l.addr.String()] == l {
			delete(l.net.at, l.addr.String())
		}
	})
	return nil
}

func (l *listener) Addr() net.Addr { return &l.addr }

// dial connects owner to an address. name tells connections apart: the same
// name at the same instant has the same delays. Without a listener the
// connection is refused.
func (n *network) dial(ctx context.Context, owner, name, from, address string) (*conn, error) {
	timer := time.NewTimer(n.latency(name))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	source, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.at[address]
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	there, back := newHalf(n, name+">"), newHalf(n, name+"<")
	near := &conn{net: n, in: back, out: there, local: source, remote: &l.addr}
	far := &conn{net: n, in: there, out: back, local: named{&l.addr, name}, remote: source}
	near.peer, far.peer = far, near
	select {
	case l.queue <- far:
	default:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	n.all[near], n.all[far] = owner, l.owner
	return near, nil
}

// latency is the same for all that is written at one instant: whether that is
// one piece or two, and in which order, must not matter.
func (n *network) latency(name string) time.Duration {
	return n.slow(name) + n.fate.between(20*time.Microsecond, 3*time.Millisecond, "latency "+name, time.Now().UnixNano())
}

// cut breaks every connection of an owner and closes its listeners, as when its
// process ends. Nothing that was on its way arrives.
func (n *network) cut(owner string) {
	n.mu.Lock()
	var ends []*conn
	for c, of := range n.all {
		if of == owner {
			ends = append(ends, c)
		}
	}
	var listeners []*listener
	for _, l := range n.at {
		if l.owner == owner {
			listeners = append(listeners, l)
		}
	}
	n.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close()
	}
	for _, c := range ends {
		c.reset()
	}
}

// named is an address that tells connections apart. net/http puts it into the
// context of each request.
type named struct {
	net.Addr
	name string
}

// who names the connection that a request came on; "" for what the server does
// by itself.
func who(ctx context.Context) string {
	if a, ok := ctx.Value(http.LocalAddrContextKey).(named); ok {
		return a.name
	}
	return ""
}

// swallow makes an owner's connections lose everything from now on, as when a
// router forgets them: neither end is told.
func (n *network) swallow(owner string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c, of := range n.all {
		if of == owner {
			for _, h := range []*half{c.in, c.out} {
				h.mu.Lock()
				h.lost, h.segments = true, nil
				h.mu.Unlock()
			}
		}
	}
}

func (n *network) forget(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.all, c)
}

// half is one direction of a connection.
type half struct {
	net  *network
	name string
	bell chan struct{} // wakes the reader

	mu       sync.Mutex
	segments []segment
	last     time.Time // when the latest segment arrives
	end      error     // what the reader gets after the last segment
	gone     bool      // nobody reads any more
	lost     bool      // what is written never arrives, and nobody is told
	deadline time.Time // of the reader
}

type segment struct {
	at   time.Time
	data []byte
}

func newHalf(n *network, name string) *half {
	return &half{net: n, name: name, bell: make(chan struct{}, 1)}
}

func (h *half) ring() {
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

func (h *half) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost {
		return len(b), nil
	}
	if h.gone || h.end != nil {
		return 0, syscall.EPIPE
	}
	at := time.Now().Add(h.net.latency(h.name))
	if at.Before(h.last) {
		at = h.last
	}
	h.segments, h.last = append(h.segments, segment{at, append([]byte(nil), b...)}), at
	h.ring()
	return len(b), nil
}

// take gives what has arrived, or how long to wait for it; 0 is for ever.
func (h *half) take(b []byte) (n int, wait time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	expires := h.deadline.Sub(now)
	switch {
	case h.gone:
		return 0, 0, net.ErrClosed
	case !h.deadline.IsZero() && expires <= 0:
		return 0, 0, os.ErrDeadlineExceeded
	case len(h.segments) > 0 && !h.segments[0].at.After(now):
		first := &h.segments[0]
		n = copy(b, first.data)
		if first.data = first.data[n:]; len(first.data) == 0 {
			h.segments = h.segments[1:]
		}
		return n, 0, nil
	case len(h.segments) > 0:
		wait = h.segments[0].at.Sub(now)
	case h.end != nil:
		return 0, 0, h.end
	}
	if !h.deadline.IsZero() && (wait == 0 || expires < wait) {
		wait = expires
	}
	return 0, wait, nil
}

func (h *half) read(b []byte) (int, error) {
	for {
		n, wait, err := h.take(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		if wait == 0 {
			<-h.bell
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-h.bell:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// finish ends the direction; dropped loses what is on its way.
func (h *half) finish(end error, dropped bool) {
	h.mu.Lock()
	if h.end == nil {
		h.end = end
	}
	if dropped {
		h.segments = nil
	}
	h.mu.Unlock()
	h.ring()
}

func (h *half) swallowed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

func (h *half) stopReading() {
	h.mu.Lock()
	h.gone = true
	h.mu.Unlock()
	h.ring()
}

// conn is one end of a connection.
type conn struct {
	net           *network
	in, out       *half
	peer          *conn
	local, remote net.Addr
	clock         func() time.Time // deadlines are on it; nil: the world's
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close ends both directions; what was written still arrives.
func (c *conn) Close() error {
	c.in.stopReading()
	if !c.out.swallowed() {
		c.out.finish(io.EOF, false)
	}
	c.net.forget(c)
	return nil
}

// reset breaks the connection at both ends, now.
func (c *conn) reset() {
	for _, h := range []*half{c.in, c.out} {
		h.finish(syscall.ECONNRESET, true)
	}
	c.net.forget(c)
	c.net.forget(c.peer)
}

// breakAfter lets what was written arrive, and then breaks the connection.
func (c *conn) breakAfter() {
	c.out.finish(syscall.ECONNRESET, false)
	c.in.finish(syscall.ECONNRESET, true)
	c.net.forget(c)
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetReadDeadline takes a deadline on the owner's clock, which may be wrong.
func (c *conn) SetReadDeadline(at time.Time) error {
	if !at.IsZero() && c.clock != nil {
		at = time.Now().Add(at.Sub(c.clock()))
	}
	c.in.mu.Lock()
	c.in.deadline = at
	c.in.mu.Unlock()
	c.in.ring()
	return nil
}

func (c *conn) SetWriteDeadline(time.Time) error { return nil } // a write never waits
func (c *conn) SetDeadline(at time.Time) error   { return c.SetReadDeadline(at) }
