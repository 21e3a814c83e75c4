package gateway

import (
	"time"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

// submit takes one SUBMIT. It is false when the script cut the connection.
func (ss *session) submit(h pdu.Header, body []byte) bool {
	s := ss.server
	s.counters.submits.Add(1)
	s.counters.unanswered.Begin()
	if err := pdu.ParseSubmit(body, ss.version, &ss.sm); err != nil {
		return ss.respond(h.Seq, Behaviour{Result: pdu.ResultMalformed}, 0)
	}
	p, refused := ss.parse(&ss.sm)
	if refused == pdu.ResultOK && s.full() {
		refused = pdu.ResultFlowControl
	}
	if refused != pdu.ResultOK {
		return ss.respond(h.Seq, Behaviour{Result: refused}, 0)
	}
	b := s.cfg.Decide(&p)
	if b.Result != pdu.ResultOK {
		return ss.respond(h.Seq, b, 0)
	}
	s.counters.taken.Add(1)
	id := pdu.NewMsgID(p.At, s.cfg.Code, uint16(s.lastID.Add(1)))
	s.reports(&p, b.Reports, id, true)
	goesOn := ss.respond(h.Seq, b, id)
	s.reports(&p, b.Reports, id, false)
	s.collect(&p, id)
	return goesOn
}

// parse reads what the packet says, or tells the result that refuses it.
func (ss *session) parse(m *pdu.Submit) (Part, pdu.Result) {
	p := Part{
		SPID: ss.spID, Version: ss.version, ServiceID: m.ServiceID, From: m.SrcID, To: m.Dest[0], Segment: text.Part{Count: 1, Number: 1},
		Format: m.MsgFmt, Validity: m.ValidTime, WantsReport: m.RegisteredDelivery == 1, At: ss.server.cfg.Now().In(ss.server.cfg.Zone),
	}
	switch {
	case len(m.Dest) != 1:
		return p, pdu.ResultDest
	case m.MsgSrc != ss.spID:
		return p, ss.of30(pdu.ResultMsgSrc)
	case len(m.Content) > pdu.MaxContent(m.MsgFmt):
		return p, pdu.ResultTooLong
	}
	body := m.Content
	if m.TPUdhi == 1 {
		var ok bool
		p.Segment, body, ok = text.ParseHeader(body)
		if !ok || p.Segment.Count != m.PkTotal || p.Segment.Number != m.PkNumber {
			return p, pdu.ResultMalformed
		}
	}
	p.Text = pdu.DecodeText(m.MsgFmt, body)
	return p, pdu.ResultOK
}

// of30 is a result that only 3.0 has; 2.0 says "other".
func (ss *session) of30(r pdu.Result) pdu.Result {
	if ss.version == pdu.V20 {
		return pdu.ResultOther
	}
	return r
}

// respond carries out the answer. It is false when the connection was cut.
func (ss *session) respond(seq uint32, b Behaviour, id pdu.MsgID) bool {
	switch {
	case b.Silent:
		return true
	case b.Delay > 0:
		ss.server.later.After(b.Delay, func() { ss.respondNow(seq, b, id) })
		return true
	}
	return ss.respondNow(seq, b, id)
}

func (ss *session) respondNow(seq uint32, b Behaviour, id pdu.MsgID) bool {
	ss.server.counters.unanswered.End()
	if b.Drop {
		ss.conn.Close(errDropped)
		return false
	}
	ss.send(func(dst []byte) []byte { return pdu.AppendResp(dst, ss.version, pdu.CmdSubmitResp, seq, id, b.Result) })
	return true
}

// collect puts the parts together and hands the whole on.
func (s *Server) collect(p *Part, id pdu.MsgID) {
	whole, complete := p.Text, true
	if p.Segment.Count > 1 {
		s.mu.Lock()
		whole, complete = s.parts.Add(p.From, p.To, p.Segment, p.Text, p.At)
		s.mu.Unlock()
	}
	if complete {
		s.cfg.Handle(Message{SPID: p.SPID, From: p.From, To: p.To, Text: whole, Parts: int(p.Segment.Count), ID: id, At: p.At})
	}
}

// reports schedules the reports on a part that was taken: those before the
// answer, or those after it.
func (s *Server) reports(p *Part, reports []Report, id pdu.MsgID, before bool) {
	if !p.WantsReport {
		return
	}
	for i := range reports {
		r := &reports[i]
		if r.BeforeAnswer != before {
			continue
		}
		d := s.report(p, r, id)
		if r.After <= 0 {
			s.begin(p.SPID, d)
			continue
		}
		s.mu.Lock()
		s.pending++
		s.mu.Unlock()
		s.later.After(r.After, func() { s.deliver(p.SPID, d) })
	}
}

const (
	unknownID  = pdu.MsgID(1)
	reportTime = "0601021504" // YYMMDDHHMM
)

func (s *Server) report(p *Part, r *Report, id pdu.MsgID) *delivery {
	if r.UnknownID {
		id = unknownID
	}
	return &delivery{to: p.From, from: p.To, short: r.Short, report: &pdu.Report{
		MsgID: id, Stat: r.Stat, SubmitTime: p.At.Format(reportTime), DoneTime: p.At.Add(max(r.After, 0)).Format(reportTime),
		Dest: p.To, SMSCSequence: uint32(id),
	}}
}

// Report sends a report about any id of a part, now: for scripts that decide by
// hand.
func (s *Server) Report(spID string, id pdu.MsgID, stat string) {
	at := s.cfg.Now().In(s.cfg.Zone).Format(reportTime)
	s.begin(spID, &delivery{report: &pdu.Report{MsgID: id, Stat: stat, SubmitTime: at, DoneTime: at}})
}

// nextID is a Msg_Id of now.
func (s *Server) nextID(at time.Time) pdu.MsgID {
	return pdu.NewMsgID(at.In(s.cfg.Zone), s.cfg.Code, uint16(s.lastID.Add(1)))
}
