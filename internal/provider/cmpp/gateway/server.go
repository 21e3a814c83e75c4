package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/schedule"
)

// Server is a gateway. Start and Stop are called once each; Stop more often does no harm.
type Server struct {
	cfg      Config
	later    *schedule.Schedule
	muted    atomic.Bool
	lastID   atomic.Uint32 // the sequence in Msg_Ids
	counters counters

	mu       sync.Mutex
	listener net.Listener
	cancel   context.CancelFunc
	stopped  bool
	sessions map[*session]struct{}
	accounts map[string]*account // by SP_Id
	parts    *text.Reassembler
	pending  int // deliveries that have not ended, scheduled ones included

	running sync.WaitGroup
}

// counters are Stats in the making.
type counters struct {
	logins, submits, taken, reports, unanswered, peak atomic.Int64
}

// Stats are counts since the start.
type Stats struct {
	Logins         int64 // accepted
	Submits        int64 // SUBMIT received
	Taken          int64 // of them accepted, or taken before the connection was cut
	Reports        int64 // reports answered with result 0
	PeakUnanswered int64 // most SUBMIT without an answer at any time
}

// New returns a gateway that does not listen yet.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg: cfg, later: schedule.New(cfg.Now), sessions: make(map[*session]struct{}),
		accounts: make(map[string]*account), parts: text.NewReassembler(maxUnfinished, unfinishedLife),
	}, nil
}

// Start listens and serves until Stop; ctx only lends its values.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil || s.stopped {
		return errors.New("gateway: started before")
	}
	listener, err := s.cfg.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	s.listener = listener
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.later.Loop(ctx) })
	s.running.Go(func() { s.accept(listener) })
	return nil
}

// Addr is where it listens, host:port; empty before Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Stop cuts every connection and ends everything. What was to be delivered is lost.
func (s *Server) Stop() {
	s.mu.Lock()
	s.stopped = true
	if s.listener != nil {
		_ = s.listener.Close() // a second Stop closes it again
		s.cancel()
	}
	s.mu.Unlock()
	s.DropAll()
	s.running.Wait()
}

// DropAll cuts every connection without a TERMINATE.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		ss.conn.Close(errDropped)
	}
}

// TerminateAll asks every client to leave.
func (s *Server) TerminateAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		ss.seq++
		ss.send(func(dst []byte) []byte { return pdu.AppendEmpty(dst, pdu.CmdTerminate, ss.seq) })
	}
}

// Mute makes the gateway read and act but answer nothing, as behind a path that
// loses one direction.
func (s *Server) Mute(on bool) { s.muted.Store(on) }

// Stats tells the counts.
func (s *Server) Stats() Stats {
	return Stats{
		Logins: s.counters.logins.Load(), Submits: s.counters.submits.Load(), Taken: s.counters.taken.Load(),
		Reports: s.counters.reports.Load(), PeakUnanswered: s.counters.peak.Load(),
	}
}

func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed by Stop
		}
		if ss := s.open(conn); ss != nil {
			s.running.Go(ss.conn.WriteLoop)
			s.running.Go(ss.serve)
		} else {
			_ = conn.Close() // refused: too many, or stopping
		}
	}
}

// open registers a session, unless there are too many.
func (s *Server) open(conn net.Conn) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || len(s.sessions) >= s.cfg.MaxSessions {
		return nil
	}
	ss := newSession(s, conn)
	s.sessions[ss] = struct{}{}
	return ss
}

// forget takes a session out; what it had not answered goes to the next one.
func (s *Server) forget(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss)
	if ss.account != nil {
		ss.account.leave(ss)
		s.pump(ss.account)
		if len(ss.account.sessions) == 0 && len(ss.account.ready) == 0 {
			delete(s.accounts, ss.spID)
		}
	}
	s.cfg.Log.Debug("gateway session closed", slog.String("reason", fmt.Sprint(ss.conn.Err())))
}

// waiting counts a submission whose answer is due.
func (s *Server) waiting() {
	n := s.counters.unanswered.Add(1)
	for {
		peak := s.counters.peak.Load()
		if n <= peak || s.counters.peak.CompareAndSwap(peak, n) {
			return
		}
	}
}

// authenticate is the status for a login.
func (s *Server) authenticate(c *pdu.Connect) pdu.ConnectStatus {
	switch {
	case c.Version > s.cfg.Version:
		return pdu.ConnectTooHigh
	case s.cfg.SPID != "" && c.SourceAddr != s.cfg.SPID:
		return pdu.ConnectBadSource
	case s.cfg.SPID != "" && c.Authenticator != c.Expected(s.cfg.Secret.Reveal()):
		return pdu.ConnectAuthFailed
	}
	return s.cfg.ConnectStatus(c.SourceAddr)
}
