package smsc

import (
	"errors"
	"net"

	"yanma.dev/yanma/internal/provider/frame"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

var (
	errDropped = errors.New("cut by script")
	errUnbound = errors.New("unbound")
)

// session is one connection. Its fields below Serve's belong to Server.mu.
type session struct {
	server *Server
	conn   *link.Conn
	sm     pdu.SM // Serve's

	bound    pdu.CommandID // the bind that was accepted; 0 is none
	systemID string
	account  *account
	seq      uint32
	open     map[uint32]*delivery // deliver_sm without an answer
}

func newSession(s *Server, conn net.Conn) *session {
	return &session{
		server: s,
		conn: link.NewConn(conn, pdu.Format, s.cfg.Now, link.Timeouts{
			Idle: s.cfg.BindTimeout, Frame: s.cfg.FrameTimeout, Write: writeTimeout,
		}),
		open: make(map[uint32]*delivery),
	}
}

// Conn is the connection.
func (ss *session) Conn() *link.Conn { return ss.conn }

// Serve reads until the connection ends.
func (ss *session) Serve() {
	for {
		octets, err := ss.conn.Next()
		if err != nil && !errors.Is(err, frame.ErrLength) {
			ss.conn.Close(err)
			return
		}
		h, body, err := pdu.Split(octets)
		if err != nil {
			ss.answer(pdu.GenericNack, pdu.InvCmdLen, h.Seq)
			ss.conn.Finish()
			<-ss.conn.Down()
			return
		}
		if !ss.handle(h, body) {
			<-ss.conn.Down()
			return
		}
	}
}

// answer queues a PDU without a body. On a connection that has ended there is
// nobody to answer, and Next tells so.
func (ss *session) answer(id pdu.CommandID, status pdu.Status, seq uint32) {
	if !ss.server.muted.Load() {
		_, _ = ss.conn.Append(func(dst []byte) ([]byte, error) { return pdu.AppendEmpty(dst, id, status, seq), nil })
	}
}

// handle takes one PDU. It is false when it was the last one.
func (ss *session) handle(h pdu.Header, body []byte) bool {
	switch h.ID {
	case pdu.BindTransceiver, pdu.BindReceiver, pdu.BindTransmitter:
		return ss.bind(h, body)
	case pdu.SubmitSM:
		return ss.submit(h, body)
	case pdu.DeliverSMResp:
		ss.server.deliverAnswered(ss, h.Seq, h.Status)
	case pdu.GenericNack:
		ss.server.deliverAnswered(ss, h.Seq, pdu.AppPermanent)
	case pdu.EnquireLink:
		ss.answer(pdu.EnquireLinkResp, pdu.OK, h.Seq)
	case pdu.Unbind:
		ss.answer(pdu.UnbindResp, pdu.OK, h.Seq)
		ss.conn.Finish()
		return false
	case pdu.UnbindResp:
		ss.conn.Close(errUnbound)
		return false
	default:
		if !h.ID.IsResponse() {
			ss.answer(pdu.GenericNack, pdu.InvCmdID, h.Seq)
		}
	}
	return true
}

// bind answers a bind. After a refusal the connection is closed, as SMSCs do.
func (ss *session) bind(h pdu.Header, body []byte) bool {
	b, err := pdu.ParseBind(body)
	status := pdu.InvCmdLen
	switch {
	case err != nil:
	case ss.bound != 0:
		ss.bindResp(h, pdu.AlreadyBound)
		return true
	default:
		status = ss.server.authenticate(&b)
	}
	ss.bindResp(h, status)
	if status != pdu.OK {
		ss.conn.Finish()
		return false
	}
	ss.conn.SetIdle(ss.server.cfg.IdleTimeout)
	ss.server.counters.binds.Add(1)
	ss.server.join(ss, h.ID, b.SystemID)
	return true
}

func (ss *session) bindResp(h pdu.Header, status pdu.Status) {
	if ss.server.muted.Load() {
		return
	}
	var resp pdu.BindResp
	if status == pdu.OK {
		resp = pdu.BindResp{SystemID: "yanma", TLVs: pdu.TLVs{{Tag: pdu.TagInterfaceVersion, Value: []byte{pdu.InterfaceVersion}}}}
	}
	// On a connection that has ended there is nobody to answer, and Next tells so.
	_, _ = ss.conn.Append(func(dst []byte) ([]byte, error) {
		return pdu.AppendBindResp(dst, h.ID.Response(), status, h.Seq, &resp)
	})
}
