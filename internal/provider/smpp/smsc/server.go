package smsc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/schedule"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// Server is an SMSC. Start and Stop are called once each; Stop more often does no harm.
type Server struct {
	cfg      Config
	later    *schedule.Schedule
	muted    atomic.Bool
	lastID   atomic.Uint64
	counters counters

	mu       sync.Mutex
	listener net.Listener
	cancel   context.CancelFunc
	stopped  bool
	sessions map[*session]struct{}
	accounts map[string]*account // by system id
	parts    *text.Reassembler
	pending  int // deliveries that have not ended, scheduled ones included

	running sync.WaitGroup
}

// counters are Stats in the making.
type counters struct {
	binds, submits, taken, receipts, unanswered, peak atomic.Int64
}

// Stats are counts since the start.
type Stats struct {
	Binds          int64 // accepted
	Submits        int64 // submit_sm received
	Taken          int64 // of them accepted, or taken before the connection was cut
	Receipts       int64 // receipts answered with status OK
	PeakUnanswered int64 // most submit_sm without an answer at any time
}

// New returns an SMSC that does not listen yet.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, later: schedule.New(cfg.Now), sessions: make(map[*session]struct{}),
		accounts: make(map[string]*account), parts: text.NewReassembler(maxUnfinished, unfinishedLife),
	}
	// A second run goes on above the ids of the first: clients keep them.
	s.lastID.Store(uint64(cfg.Now().UnixMicro()))
	return s, nil
}

// Start listens and serves until Stop; ctx only lends its values.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil || s.stopped {
		return errors.New("smsc: started before")
	}
	listener, err := s.cfg.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("smsc: %w", err)
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

// DropAll cuts every connection without unbinding.
func (s *Server) DropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		ss.conn.Close(errDropped)
	}
}

// Mute makes the SMSC read and act but answer nothing, as behind a path that
// loses one direction.
func (s *Server) Mute(on bool) { s.muted.Store(on) }

// Bound is how many sessions are bound.
func (s *Server) Bound() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for ss := range s.sessions {
		if ss.bound != 0 {
			n++
		}
	}
	return n
}

// Stats tells the counts.
func (s *Server) Stats() Stats {
	return Stats{
		Binds: s.counters.binds.Load(), Submits: s.counters.submits.Load(), Taken: s.counters.taken.Load(),
		Receipts: s.counters.receipts.Load(), PeakUnanswered: s.counters.peak.Load(),
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
		if len(ss.account.receivers) == 0 && len(ss.account.ready) == 0 {
			delete(s.accounts, ss.systemID)
		}
	}
	s.cfg.Log.Debug("smsc session closed", slog.String("reason", fmt.Sprint(ss.conn.Err())))
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

// authenticate is the status for a bind's credentials.
func (s *Server) authenticate(b *pdu.Bind) pdu.Status {
	if s.cfg.SystemID != "" && b.SystemID != s.cfg.SystemID {
		return pdu.InvSystemID
	}
	if s.cfg.SystemID != "" && b.Password != s.cfg.Password.Reveal() {
		return pdu.InvPassword
	}
	return s.cfg.BindStatus(b.SystemID)
}
