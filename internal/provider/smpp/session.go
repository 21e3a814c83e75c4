package smpp

import (
	"fmt"
	"log/slog"

	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// session is SMPP on one link, as link.Client wants it.
type session struct {
	client   *Client
	bind     pdu.CommandID // what Login asks for
	incoming pdu.SM        // Handle's
}

var _ link.Protocol = (*session)(nil)

// bindError is a bind that the SMSC refused.
type bindError struct{ status pdu.Status }

// Error says so in words and in the SMSC's number.
func (e bindError) Error() string {
	return fmt.Sprintf("bind refused: %s (%s)", e.status.Name(), e.status)
}

// Login binds and waits for the answer.
func (s *session) Login(l *link.Link) error {
	request := s.client.cfg.bind()
	seq := l.NextSeq()
	_, err := l.Conn().Append(func(dst []byte) ([]byte, error) {
		return pdu.AppendBind(dst, s.bind, seq, &request)
	})
	if err != nil {
		return err
	}
	for {
		h, err := next(l)
		switch {
		case err != nil:
			return fmt.Errorf("bind: %w", err)
		case h.ID == pdu.EnquireLink:
			empty(l, pdu.EnquireLinkResp, pdu.OK, h.Seq)
		case h.Seq == seq && (h.ID == s.bind.Response() || h.ID == pdu.GenericNack):
			return bindAnswer(h)
		default:
			return fmt.Errorf("bind: unexpected command %s", h.ID)
		}
	}
}

func next(l *link.Link) (pdu.Header, error) {
	octets, err := l.Conn().Next()
	if err != nil {
		return pdu.Header{}, err
	}
	return pdu.ParseHeader(octets)
}

func bindAnswer(h pdu.Header) error {
	switch {
	case h.ID != pdu.GenericNack && h.Status == pdu.OK:
		return nil
	case stopsLink(h.Status):
		return &link.FatalError{Short: h.Status.Name(), Err: bindError{h.Status}}
	}
	return bindError{h.Status}
}

// AppendProbe appends an enquire_link.
func (s *session) AppendProbe(dst []byte, seq uint32) []byte {
	return pdu.AppendEmpty(dst, pdu.EnquireLink, pdu.OK, seq)
}

// AppendGoodbye appends an unbind.
func (s *session) AppendGoodbye(dst []byte, seq uint32) []byte {
	return pdu.AppendEmpty(dst, pdu.Unbind, pdu.OK, seq)
}

// OutOfStep answers with a generic_nack (contracts/delivery.md §2.4).
func (s *session) OutOfStep(header []byte) (answer []byte, why error) {
	h, err := pdu.ParseHeader(header)
	return pdu.AppendEmpty(nil, pdu.GenericNack, pdu.InvCmdLen, h.Seq), err
}

// Handle takes one PDU. It is false when it was the last one.
func (s *session) Handle(l *link.Link, octets []byte) bool {
	h, body, err := pdu.Split(octets)
	if err != nil {
		l.Conn().Close(err) // not possible: the length was looked at
		return false
	}
	switch h.ID {
	case pdu.SubmitSMResp:
		s.submitResp(l, h, body)
	case pdu.DeliverSM:
		s.deliver(l, h.Seq, body)
	case pdu.EnquireLink:
		empty(l, pdu.EnquireLinkResp, pdu.OK, h.Seq)
	case pdu.EnquireLinkResp:
		l.Alive(h.Seq)
	case pdu.GenericNack:
		l.Alive(h.Seq)
		if h.Seq != 0 {
			s.answered(l, h.Seq, refusal(h.Status), "")
		}
	case pdu.Unbind:
		l.PeerLeaves(errPeerUnbind, pdu.AppendEmpty(nil, pdu.UnbindResp, pdu.OK, h.Seq))
		return false
	case pdu.UnbindResp:
		l.Left()
		return false
	default:
		if !h.ID.IsResponse() {
			empty(l, pdu.GenericNack, pdu.InvCmdID, h.Seq)
		}
	}
	return true
}

// empty queues a PDU without a body. On a connection that has ended there is
// nobody to answer, and Next tells so.
func empty(l *link.Link, id pdu.CommandID, status pdu.Status, seq uint32) {
	_, _ = l.Conn().Append(func(dst []byte) ([]byte, error) { return pdu.AppendEmpty(dst, id, status, seq), nil })
}

// refusal keeps a generic_nack from looking like success.
func refusal(s pdu.Status) pdu.Status {
	if s == pdu.OK {
		return pdu.UnknownErr
	}
	return s
}

func (s *session) submitResp(l *link.Link, h pdu.Header, body []byte) {
	id, err := pdu.ParseSMResp(body)
	if err != nil && h.Status == pdu.OK {
		s.client.deps.Log.Warn("smpp answer without a readable message id", slog.String("link", s.client.cfg.Name))
	}
	s.answered(l, h.Seq, h.Status, id)
}

// answered settles the part that a submit_sm_resp or generic_nack answers.
func (s *session) answered(l *link.Link, seq uint32, status pdu.Status, id string) {
	v := s.client.cfg.classify(status)
	l.Answered(seq, outcome(v.class, status), v.effect, id)
}
