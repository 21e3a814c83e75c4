package trunk

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/listen"
)

// Behaviour is what the trunk, or the subscriber, does with a call.
type Behaviour struct {
	Trying     bool          // 100 at once
	Ring       bool          // 180 at once
	After      time.Duration // before the final answer
	Status     int           // the final answer; 0 = 200; below 0 = none ever
	RetryAfter string        // of a refusal
	NoMedia    bool          // the answer takes no audio
	Law        g711.Law      // that the answer takes; the zero value is µ-law
	HangUp     time.Duration // after the answer the subscriber does; 0 = never
	Keys       []Key         // that the subscriber presses
}

// Key is a key pressed after so many packets of speech were heard.
type Key struct {
	Key     byte
	Packets int
	Info    bool // by SIP INFO, not by telephone events
}

// Call is one call that ended.
type Call struct {
	ID        string // its Call-ID
	To, From  string // user parts
	Answered  bool
	Cancelled bool // by the caller, before it was answered
	HungUp    bool // by the subscriber
	Recording listen.Recording
	At        time.Time // when it began
}

// Config is how the trunk behaves.
type Config struct {
	Account  string // asked for by a digest; "" = everybody may call
	Password core.Secret
	Decide   func(to string) Behaviour
	Handle   func(Call)                       // takes each call when it has ended; optional
	Lose     func(incoming bool, m Head) bool // tells whether a SIP message is lost; optional
	Now      func() time.Time
	Log      *slog.Logger
}

// Head is what Lose sees of a message.
type Head struct {
	Method string // of a request, or of the one that a response answers
	Status int    // of a response; 0 of a request
	CallID string
	To     string // user part
}

// Server is the trunk.
type Server struct {
	cfg    Config
	socket net.PacketConn
	parser *sip.Parser
	life   context.Context
	end    context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	up    bool
	calls map[string]*call // by Call-ID
	taken map[string]int   // calls begun, by number
	busy  int              // INVITEs without a final answer
	peak  int
}

// New returns a trunk; Start runs it.
func New(cfg Config) (*Server, error) {
	if cfg.Decide == nil || cfg.Now == nil || cfg.Log == nil {
		return nil, errors.New("trunk: a required option is missing")
	}
	return &Server{cfg: cfg, parser: sip.NewParser(), up: true, calls: map[string]*call{}, taken: map[string]int{}}, nil
}

// Start listens on a port of loopback.
func (s *Server) Start(ctx context.Context) error {
	socket, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.socket = socket
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.work.Go(s.read)
	return nil
}

// Stop ends every call and the trunk. Stopping twice is fine.
func (s *Server) Stop() {
	if s.socket == nil {
		return
	}
	s.end()
	_ = s.socket.Close()
	s.work.Wait()
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.socket.LocalAddr().String() }

// SetUp with false makes the trunk lose everything.
func (s *Server) SetUp(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = up
}

// Taken is how many calls to a number arrived, as the number was written.
func (s *Server) Taken(to string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[to]
}

// Peak is the highest number of calls without a final answer.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

func (s *Server) read() {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := s.socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		message, err := s.parser.ParseSIP(buffer[:n])
		if err != nil {
			s.cfg.Log.Warn("trunk: not SIP", "octets", n)
			continue
		}
		if !s.lost(true, message) {
			s.take(message, from)
		}
	}
}

// lost tells whether a message is lost on its way.
func (s *Server) lost(incoming bool, message sip.Message) bool {
	s.mu.Lock()
	up := s.up
	s.mu.Unlock()
	if !up {
		return true
	}
	return s.cfg.Lose != nil && s.cfg.Lose(incoming, headOf(message))
}

func headOf(message sip.Message) Head {
	var h Head
	switch m := message.(type) {
	case *sip.Request:
		h.Method = string(m.Method)
	case *sip.Response:
		h.Status = m.StatusCode
		if c := m.CSeq(); c != nil {
			h.Method = string(c.MethodName)
		}
	}
	if id := message.CallID(); id != nil {
		h.CallID = id.Value()
	}
	if to := message.To(); to != nil {
		h.To = to.Address.User
	}
	return h
}

// send writes a message to a peer.
func (s *Server) send(message sip.Message, to net.Addr) {
	if !s.lost(false, message) {
		_, _ = s.socket.WriteTo([]byte(message.String()), to)
	}
}

func (s *Server) take(message sip.Message, from net.Addr) {
	if message.CallID() == nil || message.CSeq() == nil || message.Via() == nil || message.To() == nil || message.From() == nil {
		return
	}
	id := message.CallID().Value()
	r, ok := message.(*sip.Request)
	if !ok {
		return // the answers to our BYE and INFO: a test would see their absence
	}
	r.SetSource(from.String())
	s.mu.Lock()
	c := s.calls[id]
	s.mu.Unlock()
	switch {
	case r.IsInvite() && c == nil:
		s.invited(r, from)
	case r.IsInvite():
		c.invitedAgain(r)
	case r.Method == sip.OPTIONS:
		s.send(sip.NewResponseFromRequest(r, sip.StatusOK, "OK", nil), from)
	case c == nil && !r.IsAck():
		s.send(sip.NewResponseFromRequest(r, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist", nil), from)
	case c != nil:
		c.asked(r)
	}
}

// invited begins a call, or asks for the account.
func (s *Server) invited(r *sip.Request, from net.Addr) {
	if !s.authorised(r) {
		challenge := sip.NewResponseFromRequest(r, sip.StatusUnauthorized, "Unauthorized", nil)
		challenge.AppendHeader(sip.NewHeader("WWW-Authenticate", `Digest realm="trunk", nonce="`+nonce+`", qop="auth", algorithm=MD5`))
		s.send(challenge, from)
		return
	}
	c := &call{server: s, invite: r, peer: from, behaviour: s.cfg.Decide(r.To().Address.User), ended: make(chan struct{}), acked: make(chan struct{}),
		call: Call{ID: r.CallID().Value(), To: r.To().Address.User, From: r.From().Address.User, At: s.cfg.Now()}}
	s.mu.Lock()
	s.calls[c.call.ID] = c
	s.taken[c.call.To]++
	s.busy++
	s.peak = max(s.peak, s.busy)
	s.mu.Unlock()
	s.work.Go(c.run)
}

// nonce need not be a secret: nobody else is on loopback.
const nonce = "b7c9036dbf3054aea9404f5a1cbf3d5e"

// authorised checks the digest as RFC 7616 §3.4 wants it.
func (s *Server) authorised(r *sip.Request) bool {
	if s.cfg.Account == "" {
		return true
	}
	h := r.GetHeader("Authorization")
	if h == nil {
		return false
	}
	told, err := digest.ParseCredentials(h.Value())
	if err != nil || told.Nonce != nonce || told.URI != r.Recipient.String() {
		return false
	}
	want, err := digest.Digest(&digest.Challenge{Realm: "trunk", Nonce: nonce, Algorithm: "MD5", QOP: []string{"auth"}},
		digest.Options{Method: "INVITE", URI: told.URI, Username: s.cfg.Account, Password: s.cfg.Password.Reveal(), Count: told.Nc, Cnonce: told.Cnonce})
	return err == nil && strings.EqualFold(want.Response, told.Response) && told.Username == s.cfg.Account
}

func (s *Server) final() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
}

// over hands a call on that has ended; its repetitions are still known.
func (s *Server) over(c *call) {
	if s.cfg.Handle != nil {
		s.cfg.Handle(c.call)
	}
	c.call.Recording = listen.Recording{}
}
