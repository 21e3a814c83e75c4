package smsc

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/link"
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

	sessions *link.Server[*session]

	mu       sync.Mutex
	accounts map[string]*account // by system id
	parts    *text.Reassembler
	pending  int // deliveries that have not ended, scheduled ones included
}

// counters are Stats in the making.
type counters struct {
	binds, submits, taken, receipts atomic.Int64
	unanswered                      link.Peak
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
		cfg: cfg, later: schedule.New(cfg.Now),
		accounts: make(map[string]*account), parts: text.NewReassembler(maxUnfinished, unfinishedLife),
	}
	s.sessions = &link.Server[*session]{Kind: "smsc", Addr: cfg.Addr, Listen: cfg.Listen, Max: cfg.MaxSessions,
		Open: func(conn net.Conn) *session { return newSession(s, conn) }, Closed: s.forget, Beside: s.later.Loop}
	// A second run goes on above the ids of the first: clients keep them.
	s.lastID.Store(uint64(cfg.Now().UnixMicro()))
	return s, nil
}

// Start listens and serves until Stop; ctx only lends its values.
func (s *Server) Start(ctx context.Context) error { return s.sessions.Start(ctx) }

// Addr is where it listens, host:port; empty before Start.
func (s *Server) Addr() string { return s.sessions.Where() }

// Stop cuts every connection and ends everything. What was to be delivered is lost.
func (s *Server) Stop() { s.sessions.Stop(errDropped) }

// DropAll cuts every connection without unbinding.
func (s *Server) DropAll() { s.sessions.Drop(errDropped) }

// Mute makes the SMSC read and act but answer nothing, as behind a path that
// loses one direction.
func (s *Server) Mute(on bool) { s.muted.Store(on) }

// Bound is how many sessions are bound.
func (s *Server) Bound() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, ss := range s.sessions.Sessions() {
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
		Receipts: s.counters.receipts.Load(), PeakUnanswered: s.counters.unanswered.Most(),
	}
}

// forget takes a session out; what it had not answered goes to the next one.
func (s *Server) forget(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ss.account != nil {
		ss.account.Leave(ss, slices.Collect(maps.Values(ss.open)))
		ss.open = nil
		s.pump(ss.account)
		if ss.account.Idle() {
			delete(s.accounts, ss.systemID)
		}
	}
	s.cfg.Log.Debug("smsc session closed", slog.String("reason", fmt.Sprint(ss.conn.Err())))
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
