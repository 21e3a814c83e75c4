package smsc

import (
	"strconv"
	"time"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// submit takes one submit_sm. It is false when the script cut the connection.
func (ss *session) submit(h pdu.Header, body []byte) bool {
	s := ss.server
	s.counters.submits.Add(1)
	s.counters.unanswered.Begin()
	sm := &ss.sm
	if ss.bound == 0 || ss.bound == pdu.BindReceiver {
		return ss.respond(h.Seq, Behaviour{Status: pdu.InvBndStatus}, "")
	}
	if err := pdu.ParseSM(body, sm); err != nil {
		return ss.respond(h.Seq, Behaviour{Status: pdu.InvCmdLen}, "")
	}
	p, ok := ss.parse(sm)
	if !ok {
		return ss.respond(h.Seq, Behaviour{Status: pdu.InvMsgLen}, "")
	}
	if s.full() {
		return ss.respond(h.Seq, Behaviour{Status: pdu.MsgQueueFull}, "")
	}
	b := s.cfg.Decide(&p)
	if b.Status != pdu.OK {
		return ss.respond(h.Seq, b, "")
	}
	s.counters.taken.Add(1)
	id := s.lastID.Add(1)
	answered, inReceipt := b.IDs.spell(id)
	s.reports(ss.systemID, sm, &p, b.Reports, inReceipt, true)
	goesOn := ss.respond(h.Seq, b, answered)
	s.reports(ss.systemID, sm, &p, b.Reports, inReceipt, false)
	s.collect(&p, answered)
	return goesOn
}

// spell is the id in submit_sm_resp and in receipts.
func (f IDForm) spell(id uint64) (inAnswer, inReceipt string) {
	decimal := strconv.FormatUint(id, 10)
	switch f {
	case IDHexInReceipt:
		return decimal, strconv.FormatUint(id, 16)
	case IDHexInAnswer:
		return strconv.FormatUint(id, 16), decimal
	default:
		return decimal, decimal
	}
}

// parse reads what the PDU says. It is false for a text that can not be read.
func (ss *session) parse(sm *pdu.SM) (Part, bool) {
	p := Part{
		SystemID: ss.systemID, From: sm.Source.Addr, To: sm.Dest.Addr, Segment: text.Part{Count: 1, Number: 1},
		DataCoding: sm.DataCoding, Validity: sm.Validity, WantsReceipt: sm.RegisteredDelivery&3 == 1, At: ss.server.cfg.Now(),
	}
	body := sm.Payload()
	if sm.HasHeader() {
		var ok bool
		if p.Segment, body, ok = text.ParseHeader(body); !ok {
			return p, false
		}
	} else if segment, ok := sarSegment(sm.TLVs); ok {
		p.Segment = segment
	}
	if p.Segment.Count > 1 && len(body) > maxSegmentLen {
		return p, false
	}
	switch sm.DataCoding {
	case pdu.CodingDefault, pdu.CodingASCII:
		p.Text = text.GSM7.Decode(body)
	case pdu.CodingUCS2:
		p.Text = text.UCS2.Decode(body)
	default:
		p.Text = text.DecodeLatin1(body)
	}
	return p, true
}

// sarSegment reads the sar_… parameters.
func sarSegment(tlvs pdu.TLVs) (text.Part, bool) {
	ref, okRef := tlvs.Get(pdu.TagSARRef)
	total, okTotal := tlvs.Get(pdu.TagSARTotal)
	number, okNumber := tlvs.Get(pdu.TagSARNumber)
	if !okRef || !okTotal || !okNumber || len(ref) != 2 || len(total) != 1 || len(number) != 1 {
		return text.Part{}, false
	}
	p := text.Part{Ref: uint16(ref[0])<<8 | uint16(ref[1]), Count: total[0], Number: number[0]}
	return p, p.Number >= 1 && p.Number <= p.Count
}

// respond carries out the answer. It is false when the connection was cut.
func (ss *session) respond(seq uint32, b Behaviour, id string) bool {
	switch {
	case b.Silent:
		return true
	case b.Delay > 0:
		ss.server.later.After(b.Delay, func() { ss.respondNow(seq, b, id) })
		return true
	}
	return ss.respondNow(seq, b, id)
}

func (ss *session) respondNow(seq uint32, b Behaviour, id string) bool {
	ss.server.counters.unanswered.End()
	if b.Drop {
		ss.conn.Close(errDropped)
		return false
	}
	if !ss.server.muted.Load() {
		// On a connection that has ended there is nobody to answer, and Next tells so.
		_, _ = ss.conn.Append(func(dst []byte) ([]byte, error) {
			return pdu.AppendSMResp(dst, pdu.SubmitSMResp, b.Status, seq, id)
		})
	}
	return true
}

// collect puts the parts together and hands the whole on.
func (s *Server) collect(p *Part, id string) {
	whole, complete := p.Text, true
	if p.Segment.Count > 1 {
		s.mu.Lock()
		whole, complete = s.parts.Add(p.From, p.To, p.Segment, p.Text, p.At)
		s.mu.Unlock()
	}
	if complete {
		s.cfg.Handle(Message{
			SystemID: p.SystemID, From: p.From, To: p.To, Text: whole, Parts: int(p.Segment.Count), ID: id, At: p.At,
		})
	}
}

// reports schedules the receipts of a part that was taken: those before the
// answer, or those after it.
func (s *Server) reports(systemID string, sm *pdu.SM, p *Part, reports []Report, id string, before bool) {
	if !p.WantsReceipt {
		return
	}
	for i := range reports {
		r := &reports[i]
		if r.BeforeAnswer != before {
			continue
		}
		d := s.receipt(sm, p, r, id)
		if r.After <= 0 {
			s.begin(systemID, d)
			continue
		}
		s.mu.Lock()
		s.pending++
		s.mu.Unlock()
		s.later.After(r.After, func() { s.deliver(systemID, d) })
	}
}

const unknownID = "4294967295"

func (s *Server) receipt(sm *pdu.SM, p *Part, r *Report, id string) *delivery {
	if r.UnknownID {
		id = unknownID
	}
	d := &delivery{id: id, source: sm.Dest, dest: sm.Source, esmClass: pdu.ESMClassReceipt}
	d.body = appendReceiptText(nil, id, r.Code, p.At, p.At.Add(max(r.After, 0)))
	if state, ok := messageState(r.Code); ok && !r.TextOnly {
		d.tlvs = pdu.TLVs{
			{Tag: pdu.TagReceiptedMessageID, Value: append([]byte(id), 0)},
			{Tag: pdu.TagMessageState, Value: []byte{state}},
		}
	}
	return d
}

// appendReceiptText writes contracts/delivery.md §2.3 without the message's text.
func appendReceiptText(dst []byte, id, code string, submitted, done time.Time) []byte {
	const date = "0601021504"
	delivered := "000"
	if code == "DELIVRD" {
		delivered = "001"
	}
	dst = append(append(dst, "id:"...), id...)
	dst = append(append(dst, " sub:001 dlvrd:"...), delivered...)
	dst = submitted.UTC().AppendFormat(append(dst, " submit date:"...), date)
	dst = done.UTC().AppendFormat(append(dst, " done date:"...), date)
	dst = append(append(dst, " stat:"...), code...)
	return append(dst, " err:000 text:"...)
}

// messageState is SMPP's number of a receipt's word (contracts/delivery.md §2.1).
func messageState(code string) (byte, bool) {
	for state, name := range [...]string{1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD"} {
		if name == code && name != "" {
			return byte(state), true
		}
	}
	return 0, false
}
