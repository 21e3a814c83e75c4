package cmpp

import (
	"encoding/binary"
	"log/slog"
	"strings"
	"sync/atomic"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/receipt"
)

// deliver hands a report or a subscriber's text to the sink; the gateway is
// answered when the sink has stored it.
func (s *session) deliver(l *link.Link, seq uint32, body []byte) {
	c, m := s.client, &s.incoming
	a := &ack{link: l, version: s.spoken(), seq: seq}
	if err := pdu.ParseDeliver(body, a.version, m); err != nil {
		if len(body) >= 8 {
			a.msg = pdu.MsgID(binary.BigEndian.Uint64(body))
		}
		s.refuse(a, "malformed DELIVER")
		return
	}
	a.msg = m.MsgID
	if !m.IsReport() {
		in, ok := inbound(m)
		if !ok {
			s.refuse(a, "malformed user-data header")
			return
		}
		c.deps.Sink.Inbound(c.cfg.Name, in, a.done)
		return
	}
	r, err := pdu.ParseReport(m.Content)
	if err != nil {
		s.refuse(a, "malformed report")
		return
	}
	c.deps.Sink.Receipt(c.cfg.Name, c.cfg.receipt(&r), a.done)
}

// refuse answers what can never be stored, so that it is not sent for ever.
func (s *session) refuse(a *ack, why string) {
	s.log().Warn("cmpp DELIVER refused", slog.String("reason", why))
	a.answer(pdu.ResultMalformed)
}

// ack answers one DELIVER, once.
type ack struct {
	link    *link.Link
	version pdu.Version
	seq     uint32
	msg     pdu.MsgID
	used    atomic.Bool
}

// done answers flow control when it could not be stored: of the results it is
// the one that asks for it again later, as does a gateway that gets no answer.
func (a *ack) done(err error) {
	if a.used.Swap(true) {
		return
	}
	result := pdu.ResultOK
	if err != nil {
		result = pdu.ResultFlowControl
	}
	a.answer(result)
}

// answer needs no error: when the connection has ended the gateway sends it
// again on the next one.
func (a *ack) answer(r pdu.Result) {
	_, _ = a.link.Conn().Append(func(dst []byte) ([]byte, error) {
		return pdu.AppendResp(dst, a.version, pdu.CmdDeliverResp, a.seq, a.msg, r), nil
	})
}

// inbound reads a subscriber's text. Each segment of a long one is handed on by
// itself, because the gateway is answered for each when it is stored.
func inbound(m *pdu.Deliver) (provider.Inbound, bool) {
	body := m.Content
	if m.TPUdhi == 1 {
		var ok bool
		if _, body, ok = text.ParseHeader(body); !ok {
			return provider.Inbound{}, false
		}
	}
	return provider.Inbound{ID: textID(m.MsgID), From: subscriber(m.SrcTerminal), To: m.DestID, Text: pdu.DecodeText(m.MsgFmt, body)}, true
}

// textID is a gateway's id of a text; some give none.
func textID(id pdu.MsgID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

// receipt is a report as the outbox takes it: matched by its inner Msg_Id, in
// decimal like the one of SUBMIT_RESP (contracts/delivery.md §3.4).
func (cfg *Config) receipt(r *pdu.Report) provider.Receipt {
	code := strings.TrimSpace(r.Stat)
	if code == "" {
		code = "UNKNOWN"
	}
	meaning := receipt.Classify(code)
	return provider.Receipt{
		PartID: r.MsgID.String(), State: meaning.State, Code: code, JSMS: meaning.JSMS,
		DoneAt: receipt.ParseDate(strings.TrimSpace(r.DoneTime), cfg.Zone),
	}
}
