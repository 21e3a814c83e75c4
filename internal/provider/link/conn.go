package link

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"yanma.dev/yanma/internal/provider/frame"
)

// ErrClosed is returned by Append after the connection failed or was closed.
var ErrClosed = errors.New("connection closed")

// maxQueued is how many octets may wait for the peer to read before Next stops
// taking more work in.
const maxQueued = 1 << 20

// Timeouts are the deadlines of a connection.
type Timeouts struct {
	Idle  time.Duration // the longest silence between frames; 0 is for ever
	Frame time.Duration // a frame that has begun must be whole by then
	Write time.Duration // the peer must take what is written by then
}

// Conn is one connection. Next belongs to one goroutine and WriteLoop to
// another; the rest is safe for concurrent use.
type Conn struct {
	net  net.Conn
	in   *frame.Reader
	now  func() time.Time
	wait Timeouts
	wake chan struct{}
	down chan struct{}

	mu      sync.Mutex
	room    sync.Cond // signalled when the queue was taken, or the connection failed
	queue   []byte
	spare   []byte
	queued  uint64 // octets ever put into the queue
	written uint64 // octets ever given to the network
	last    bool   // WriteLoop ends when the queue is empty
	err     error
}

// NewConn wraps an open connection whose octets are frames of a format.
func NewConn(conn net.Conn, format frame.Format, now func() time.Time, wait Timeouts) *Conn {
	c := &Conn{net: conn, now: now, wait: wait, wake: make(chan struct{}, 1), down: make(chan struct{})}
	c.room.L = &c.mu
	c.in = frame.NewReader(conn, format, c.setReadDeadline)
	return c
}

func (c *Conn) setReadDeadline(partial bool) {
	limit := c.wait.Idle
	if partial {
		limit = c.wait.Frame
	}
	var at time.Time
	if limit > 0 {
		at = c.now().Add(limit)
	}
	_ = c.net.SetReadDeadline(at) // fails only on a closed connection, which the read tells too
}

// SetIdle changes Timeouts.Idle. It belongs to the goroutine that calls Next.
func (c *Conn) SetIdle(d time.Duration) { c.wait.Idle = d }

// Next is the next frame (see frame.Reader.Next). While the peer does not read
// its answers it waits, so that the queue stays small.
func (c *Conn) Next() ([]byte, error) {
	if err := c.waitForRoom(); err != nil {
		return nil, err
	}
	return c.in.Next()
}

func (c *Conn) waitForRoom() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > maxQueued && c.err == nil {
		c.room.Wait()
	}
	return c.err
}

// Append lets encode add one frame to the end of the queue. offset is where in
// the stream of all octets it begins (see Written). When encode or the
// connection fails, nothing was queued.
func (c *Conn) Append(encode func(dst []byte) ([]byte, error)) (offset uint64, err error) {
	c.mu.Lock()
	if c.err != nil || c.last {
		c.mu.Unlock()
		return 0, ErrClosed
	}
	before := len(c.queue)
	queue, err := encode(c.queue)
	if err != nil {
		c.mu.Unlock()
		return 0, err
	}
	c.queue = queue
	offset = c.queued
	c.queued += uint64(len(queue) - before)
	c.mu.Unlock()
	if before == 0 {
		c.wakeWriter()
	}
	return offset, nil
}

// Written is how many octets of the stream the network has taken. A frame whose
// offset is not below it has not left; it is exact once WriteLoop has ended.
func (c *Conn) Written() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

// WriteLoop writes the queue until Finish or Close, and fails the connection
// when a write does. It is the only writer.
func (c *Conn) WriteLoop() {
	for {
		select {
		case <-c.wake:
		case <-c.down:
			return
		}
		// One turn for the others that are ready to queue: fewer, larger writes.
		runtime.Gosched()
		for {
			octets, last := c.take()
			if len(octets) == 0 {
				if last {
					c.Close(ErrClosed)
					return
				}
				break
			}
			if !c.write(octets) {
				return
			}
		}
	}
}

// take empties the queue.
func (c *Conn) take() (octets []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, true
	}
	if len(c.queue) == 0 {
		return nil, c.last
	}
	octets, c.queue, c.spare = c.queue, c.spare[:0], nil
	c.room.Broadcast()
	return octets, false
}

func (c *Conn) write(octets []byte) bool {
	_ = c.net.SetWriteDeadline(c.now().Add(c.wait.Write)) // fails only on a closed connection, which the write tells too
	n, err := c.net.Write(octets)
	c.mu.Lock()
	c.written += uint64(n)
	if cap(octets) <= maxQueued {
		c.spare = octets[:0]
	}
	c.mu.Unlock()
	if err != nil {
		c.Close(err)
		return false
	}
	return true
}

// Finish lets WriteLoop write what is queued, and then close the connection.
func (c *Conn) Finish() {
	c.mu.Lock()
	c.last = true
	c.mu.Unlock()
	c.wakeWriter()
}

// Close ends the connection because of err, which is not nil; the first reason
// is kept.
func (c *Conn) Close(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		c.room.Broadcast()
	}
	c.mu.Unlock()
	if first {
		_ = c.net.Close() // nothing of ours is unwritten that anyone was told about
		close(c.down)
	}
}

// Down is closed when the connection has ended.
func (c *Conn) Down() <-chan struct{} { return c.down }

// Err is why the connection ended; nil while it is up.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Conn) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
