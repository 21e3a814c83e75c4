package gateway

import (
	"errors"
	"net"

	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
)

var (
	errDropped    = errors.New("cut by script")
	errTerminated = errors.New("terminated")
)

// session is one connection. What is below version belongs to Server.mu.
type session struct {
	server *Server
	conn   *link.Conn
	sm     pdu.Submit // Serve's

	version pdu.Version // 0 before the login; set once
	spID    string
	account *account
	seq     uint32
	open    map[uint32]*delivery // DELIVER without an answer
}

func newSession(s *Server, conn net.Conn) *session {
	return &session{
		server: s,
		conn: link.NewConn(conn, pdu.Format, s.cfg.Now, link.Timeouts{
			Idle: s.cfg.LoginTimeout, Frame: s.cfg.FrameTimeout, Write: writeTimeout,
		}),
		open: make(map[uint32]*delivery),
	}
}

// Conn is the connection.
func (ss *session) Conn() *link.Conn { return ss.conn }

// Serve reads until the connection ends. A length that can not be right ends it
// (contracts/delivery.md §3.5).
func (ss *session) Serve() {
	for {
		octets, err := ss.conn.Next()
		if err != nil {
			ss.conn.Close(err)
			return
		}
		h, body, err := pdu.Split(octets)
		if err != nil {
			ss.conn.Close(err) // not possible: the length was looked at
			return
		}
		if !ss.handle(h, body) {
			<-ss.conn.Down()
			return
		}
	}
}

// send queues one packet. On a connection that has ended there is nobody to
// answer, and Next tells so.
func (ss *session) send(encode func(dst []byte) []byte) {
	if !ss.server.muted.Load() {
		_, _ = ss.conn.Append(func(dst []byte) ([]byte, error) { return encode(dst), nil })
	}
}

// handle takes one packet. It is false when it was the last one.
func (ss *session) handle(h pdu.Header, body []byte) bool {
	if ss.version == 0 && h.ID != pdu.CmdConnect {
		ss.conn.Close(errors.New("a packet before the login"))
		return false
	}
	switch h.ID {
	case pdu.CmdConnect:
		return ss.connect(h, body)
	case pdu.CmdSubmit:
		return ss.submit(h, body)
	case pdu.CmdDeliverResp:
		_, result, err := pdu.ParseResp(body)
		if err != nil {
			result = pdu.ResultMalformed
		}
		ss.server.deliverAnswered(ss, h.Seq, result)
	case pdu.CmdActiveTest:
		ss.send(func(dst []byte) []byte { return pdu.AppendActiveTestResp(dst, h.Seq) })
	case pdu.CmdTerminate:
		ss.send(func(dst []byte) []byte { return pdu.AppendEmpty(dst, pdu.CmdTerminateResp, h.Seq) })
		ss.conn.Finish()
		return false
	case pdu.CmdTerminateResp:
		ss.conn.Close(errTerminated)
		return false
	default: // QUERY, CANCEL and what nobody knows: no answer, as CMPP has none for it
	}
	return true
}

// connect answers a login. After a refusal the connection is closed, as
// gateways do.
func (ss *session) connect(h pdu.Header, body []byte) bool {
	c, err := pdu.ParseConnect(body)
	status := pdu.ConnectMalformed
	if err == nil && ss.version == 0 {
		status = ss.server.authenticate(&c)
	}
	wire := pdu.V20
	if min(c.Version, ss.server.cfg.Version) >= pdu.V30 {
		wire = pdu.V30
	}
	secret := ss.server.cfg.Secret.Reveal()
	if ss.server.cfg.Forged {
		secret += "?"
	}
	r := pdu.ConnectResp{
		Status: status, Version: ss.server.cfg.Version,
		Authenticator: pdu.ISMGAuthenticator(wire, status, c.Authenticator, secret),
	}
	ss.send(func(dst []byte) []byte { return pdu.AppendConnectResp(dst, wire, h.Seq, &r) })
	if status != pdu.ConnectOK {
		ss.conn.Finish()
		return false
	}
	ss.conn.SetIdle(ss.server.cfg.IdleTimeout)
	ss.server.counters.logins.Add(1)
	ss.server.join(ss, wire, c.SourceAddr)
	return true
}
