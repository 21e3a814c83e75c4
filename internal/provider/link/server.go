package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Session is a carrier's end of one connection.
type Session interface {
	comparable
	Conn() *Conn
	// Serve reads until the connection ends.
	Serve()
}

// Server is what the carriers in the process have in common: it accepts
// connections, keeps their number down and ends them. Set the exported fields
// before Start.
type Server[S Session] struct {
	Kind   string // for errors: smsc, gateway
	Addr   string // host:port to listen on
	Listen func(ctx context.Context, network, addr string) (net.Listener, error)
	Max    int // sessions; more connections are closed at once
	Open   func(conn net.Conn) S
	Closed func(S) // after it has ended, and is none of Sessions any more
	// Beside runs until its context ends, as long as the server does.
	Beside func(ctx context.Context)

	mu       sync.Mutex
	listener net.Listener
	cancel   context.CancelFunc
	stopped  bool
	sessions map[S]struct{}
	running  sync.WaitGroup
}

// Start listens and serves until Stop; ctx only lends its values.
func (s *Server[S]) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil || s.stopped {
		return errors.New(s.Kind + ": started before")
	}
	listener, err := s.Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	s.listener, s.sessions = listener, make(map[S]struct{})
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.Beside(ctx) })
	s.running.Go(func() { s.accept(listener) })
	return nil
}

// Where is the address that it listens on, host:port; empty before Start.
func (s *Server[S]) Where() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Stop cuts every connection because of err and waits for everything to end.
// Stopping twice is fine.
func (s *Server[S]) Stop(err error) {
	s.mu.Lock()
	s.stopped = true
	if s.listener != nil {
		_ = s.listener.Close() // a second Stop closes it again
		s.cancel()
	}
	s.mu.Unlock()
	s.Drop(err)
	s.running.Wait()
}

// Drop cuts every connection because of err, without a word.
func (s *Server[S]) Drop(err error) {
	for _, one := range s.Sessions() {
		one.Conn().Close(err)
	}
}

// Sessions are those that are open.
func (s *Server[S]) Sessions() []S {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]S, 0, len(s.sessions))
	for one := range s.sessions {
		all = append(all, one)
	}
	return all
}

func (s *Server[S]) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed by Stop
		}
		if !s.admit(conn) {
			_ = conn.Close() // refused: too many, or stopping
		}
	}
}

// admit starts a session, unless there are too many.
func (s *Server[S]) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.sessions) >= s.Max {
		return false
	}
	one := s.Open(conn)
	s.sessions[one] = struct{}{}
	s.running.Go(one.Conn().WriteLoop)
	s.running.Go(func() {
		one.Serve()
		s.forget(one)
		s.Closed(one)
	})
	return true
}

func (s *Server[S]) forget(one S) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, one)
}

// Peak counts what is under way, and remembers the most there was.
type Peak struct{ now, most atomic.Int64 }

// Begin counts one in.
func (p *Peak) Begin() {
	n := p.now.Add(1)
	for {
		most := p.most.Load()
		if n <= most || p.most.CompareAndSwap(most, n) {
			return
		}
	}
}

// End counts one out.
func (p *Peak) End() { p.now.Add(-1) }

// Most is the most there was at any time.
func (p *Peak) Most() int64 { return p.most.Load() }
