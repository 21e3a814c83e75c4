package gateway

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
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/schedule"
)

// Server is a gateway. Start and Stop are called once each; Stop more often does no harm.
type Server struct {
	cfg      Config
	later    *schedule.Schedule
	muted    atomic.Bool
	lastID   atomic.Uint32 // the sequence in Msg_Ids
	counters counters

	sessions *link.Server[*session]

	mu       sync.Mutex
	accounts map[string]*account // by SP_Id
	parts    *text.Reassembler
	pending  int // deliveries that have not ended, scheduled ones included
}

// counters are Stats in the making.
type counters struct {
	logins, submits, taken, reports atomic.Int64
	unanswered                      link.Peak
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
	s := &Server{
		cfg: cfg, later: schedule.New(cfg.Now),
		accounts: make(map[string]*account), parts: text.NewReassembler(maxUnfinished, unfinishedLife),
	}
	s.sessions = &link.Server[*session]{Kind: "gateway", Addr: cfg.Addr, Listen: cfg.Listen, Max: cfg.MaxSessions,
		Open: func(conn net.Conn) *session { return newSession(s, conn) }, Closed: s.forget, Beside: s.later.Loop}
	return s, nil
}

// Start listens and serves until Stop; ctx only lends its values.
func (s *Server) Start(ctx context.Context) error { return s.sessions.Start(ctx) }

// Addr is where it listens, host:port; empty before Start.
func (s *Server) Addr() string { return s.sessions.Where() }

// Stop cuts every connection and ends everything. What was to be delivered is lost.
func (s *Server) Stop() { s.sessions.Stop(errDropped) }

// DropAll cuts every connection without a TERMINATE.
func (s *Server) DropAll() { s.sessions.Drop(errDropped) }

// TerminateAll asks every client to leave.
func (s *Server) TerminateAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.sessions.Sessions() {
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
		Reports: s.counters.reports.Load(), PeakUnanswered: s.counters.unanswered.Most(),
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
			delete(s.accounts, ss.spID)
		}
	}
	s.cfg.Log.Debug("gateway session closed", slog.String("reason", fmt.Sprint(ss.conn.Err())))
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
