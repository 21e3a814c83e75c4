//go:build interop

package faults

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between the server and its database or its carrier.
type proxy struct {
	listener net.Listener
	to       atomic.Pointer[string] // where it leads; nil: connections are closed at once

	commit atomic.Pointer[cut] // at the next COMMIT; nil: never

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// cut ends a connection at a COMMIT.
type cut struct {
	happened bool          // the server still gets it, and nobody hears of it
	done     chan struct{} // closed when it is cut
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, conns: map[net.Conn]bool{}}
	if to != "" {
		p.to.Store(&to)
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		p.drop()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// lead makes new connections lead to an address; "" closes them, and ends those
// that there are.
func (p *proxy) lead(to string) {
	if to != "" {
		p.to.Store(&to)
		return
	}
	p.to.Store(nil)
	p.drop()
}

func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// cutNext ends the connection that commits next.
func (p *proxy) cutNext(happened bool) *cut {
	c := &cut{happened: happened, done: make(chan struct{})}
	p.commit.Store(c)
	return c
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
}

func (p *proxy) forget(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) serve(client net.Conn) {
	p.keep(client)
	defer p.forget(client)
	to := p.to.Load()
	if to == nil {
		return
	}
	server, err := net.Dial("tcp", *to)
	if err != nil {
		return
	}
	p.keep(server)
	defer p.forget(server)
	answers := &gated{to: client}
	go func() {
		_, _ = io.Copy(answers, server)
		client.Close()
	}()
	p.forward(client, server, answers)
}

// gated passes answers on until it is closed; then it waits for the one to a
// COMMIT.
type gated struct {
	to io.Writer

	mu        sync.Mutex
	closed    bool
	committed chan struct{}
}

func (g *gated) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		return g.to.Write(b)
	}
	if bytes.Contains(b, []byte("COMMIT\x00")) && g.committed != nil {
		close(g.committed)
		g.committed = nil
	}
	return len(b), nil
}

func (g *gated) close() (committed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.committed = true, make(chan struct{})
	return g.committed
}

// forward passes on what the client sends. It knows which prepared statement is
// the COMMIT of batches, and sees when that is about to be executed.
func (p *proxy) forward(client io.Reader, server io.Writer, answers *gated) {
	chunk := make([]byte, 1<<20)
	var name []byte
	for {
		n, err := client.Read(chunk)
		if err != nil {
			return
		}
		if found := statementName(chunk[:n]); found != nil {
			name = found
		}
		c := p.commit.Load()
		if c != nil && name != nil && bytes.Contains(chunk[:n], bind(name)) && p.commit.CompareAndSwap(c, nil) {
			if c.happened {
				committed := answers.close()
				if _, err := server.Write(chunk[:n]); err == nil {
					<-committed
				}
			}
			close(c.done)
			return
		}
		if _, err := server.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// statementName finds the message that prepares COMMIT: 'P', a length, the
// statement's name, its text.
func statementName(sent []byte) []byte {
	text := bytes.Index(sent, []byte("\x00COMMIT\x00"))
	if text < 0 {
		return nil
	}
	begin := bytes.LastIndexByte(sent[:text], 0) + 1 // behind the length, whose last byte may be no zero
	if begin > 0 && begin < text && sent[begin] < ' ' {
		begin++
	}
	return bytes.Clone(sent[begin:text])
}

// bind is how the message begins that executes a statement without a portal's
// name: the empty name of the portal, the statement's.
func bind(name []byte) []byte {
	return append(append([]byte{0}, name...), 0)
}
