package httpcall

import (
	"errors"
	"net"
	"sync"
)

// counted is a connection that knows whether a request began to leave on it.
type counted struct {
	net.Conn

	mu     sync.Mutex
	writes int
	sealed bool
}

var errSealed = errors.New("the request was given up before it left")

// Write counts before it writes: what fails half-way has left.
func (c *counted) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.sealed {
		c.mu.Unlock()
		return 0, errSealed
	}
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *counted) written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// use is one request's turn on a connection.
type use struct {
	conn   *counted
	before int // writes of earlier requests
}

// sent tells whether the request left, and makes sure that the answer stays
// true: the transport may still be about to write when it has given up.
func (u *use) sent() bool {
	if u == nil {
		return false
	}
	u.conn.mu.Lock()
	defer u.conn.mu.Unlock()
	u.conn.sealed = true
	return u.conn.writes > u.before
}
