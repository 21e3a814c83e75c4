package cmpp

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
)

var (
	errPeerTerminates = errors.New("the gateway terminated")
	errNotTheGateway  = errors.New("connect: the gateway does not know the secret")
)

// session is CMPP on one link, as link.Client wants it.
type session struct {
	client   *Client
	version  atomic.Uint32 // pdu.Version of the connection, agreed on at its login
	ask      pdu.Version   // Login's: what the next CONNECT asks for
	incoming pdu.Deliver   // Handle's
	alerted  uint32        // Handle's: results that the log has, as bits
}

var _ link.Protocol = (*session)(nil)

// connectError is a login that the gateway refused.
type connectError struct{ status pdu.ConnectStatus }

// Error says so in words and in the gateway's number.
func (e connectError) Error() string {
	return fmt.Sprintf("connect refused: %s (%d)", e.status.Name(), uint32(e.status))
}

// Login sends CONNECT and waits for the answer.
func (s *session) Login(l *link.Link) error {
	cfg := &s.client.cfg
	request := pdu.NewConnect(cfg.SPID, cfg.Secret.Reveal(), s.ask, s.client.deps.Now().In(cfg.Zone))
	seq := l.NextSeq()
	_, err := l.Conn().Append(func(dst []byte) ([]byte, error) { return pdu.AppendConnect(dst, seq, &request) })
	if err != nil {
		return err
	}
	for {
		octets, err := l.Conn().Next()
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		h, body, err := pdu.Split(octets)
		switch {
		case err != nil:
			return fmt.Errorf("connect: %w", err)
		case h.ID == pdu.CmdActiveTest:
			alive(l, h.Seq)
		case h.ID == pdu.CmdConnectResp && h.Seq == seq:
			return s.connected(&request, body)
		default:
			return fmt.Errorf("connect: unexpected command %s", h.ID)
		}
	}
}

// connected reads the answer to a login. The connection speaks the lower of what
// was asked for and what the answer was written in.
func (s *session) connected(request *pdu.Connect, body []byte) error {
	r, wire, err := pdu.ParseConnectResp(body)
	switch {
	case err != nil:
		return fmt.Errorf("connect: %w", err)
	case r.Status == pdu.ConnectTooHigh && s.ask > pdu.V20:
		s.ask = pdu.V20
		return connectError{r.Status}
	case stopsLink(r.Status):
		return &link.FatalError{Short: r.Status.Name(), Err: connectError{r.Status}}
	case r.Status != pdu.ConnectOK:
		return connectError{r.Status}
	case !s.client.cfg.TrustGateway && !s.knowsSecret(request, &r):
		return errNotTheGateway
	}
	s.version.Store(uint32(min(s.ask, wire)))
	s.alerted = 0
	return nil
}

// spoken is the version that the connection speaks.
func (s *session) spoken() pdu.Version { return pdu.Version(s.version.Load()) }

// knowsSecret checks AuthenticatorISMG (contracts/delivery.md §3.2). Gateways
// differ in the width of the status that they sum; either shows the secret.
func (s *session) knowsSecret(request *pdu.Connect, r *pdu.ConnectResp) bool {
	secret := s.client.cfg.Secret.Reveal()
	return r.Authenticator == pdu.ISMGAuthenticator(pdu.V20, r.Status, request.Authenticator, secret) ||
		r.Authenticator == pdu.ISMGAuthenticator(pdu.V30, r.Status, request.Authenticator, secret)
}

// AppendProbe appends an ACTIVE_TEST.
func (s *session) AppendProbe(dst []byte, seq uint32) []byte {
	return pdu.AppendEmpty(dst, pdu.CmdActiveTest, seq)
}

// AppendGoodbye appends a TERMINATE.
func (s *session) AppendGoodbye(dst []byte, seq uint32) []byte {
	return pdu.AppendEmpty(dst, pdu.CmdTerminate, seq)
}

// OutOfStep closes without an answer (contracts/delivery.md §3.5).
func (s *session) OutOfStep(header []byte) (answer []byte, why error) {
	_, _, err := pdu.Split(header)
	return nil, err
}

// Handle takes one packet. It is false when it was the last one.
func (s *session) Handle(l *link.Link, octets []byte) bool {
	h, body, err := pdu.Split(octets)
	if err != nil {
		l.Conn().Close(err) // not possible: the length was looked at
		return false
	}
	switch h.ID {
	case pdu.CmdSubmitResp:
		s.submitResp(l, h.Seq, body)
	case pdu.CmdDeliver:
		s.deliver(l, h.Seq, body)
	case pdu.CmdActiveTest:
		alive(l, h.Seq)
	case pdu.CmdActiveTestResp:
		l.Alive(h.Seq)
	case pdu.CmdTerminate:
		l.PeerLeaves(errPeerTerminates, pdu.AppendEmpty(nil, pdu.CmdTerminateResp, h.Seq))
		return false
	case pdu.CmdTerminateResp:
		l.Left()
		return false
	default: // CMPP has no answer for what it does not know
		s.log().Debug("cmpp command ignored", slog.String("command", h.ID.String()))
	}
	return true
}

// alive answers an ACTIVE_TEST. On a connection that has ended there is nobody
// to answer, and Next tells so.
func alive(l *link.Link, seq uint32) {
	_, _ = l.Conn().Append(func(dst []byte) ([]byte, error) { return pdu.AppendActiveTestResp(dst, seq), nil })
}

// submitResp settles the part that a SUBMIT_RESP answers. One that can not be
// read says nothing about what became of the message.
func (s *session) submitResp(l *link.Link, seq uint32, body []byte) {
	id, result, err := pdu.ParseResp(body)
	if err != nil {
		l.Answered(seq, provider.Outcome{Class: provider.Unknown, Detail: err.Error()}, link.EffectNone, "")
		return
	}
	if isOurs(result) && s.alerted&(1<<result) == 0 {
		s.alerted |= 1 << result
		s.log().Error("cmpp gateway finds our SUBMIT wrong", slog.String("code", result.String()), slog.String("reason", result.Name()))
	}
	class, effect := classify(result)
	l.Answered(seq, outcome(class, result), effect, id.String())
}

// log is the log with what every line says.
func (s *session) log() *slog.Logger {
	return s.client.deps.Log.With(slog.String("link", s.client.cfg.Name))
}
