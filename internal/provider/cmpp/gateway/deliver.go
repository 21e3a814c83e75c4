package gateway

import (
	"context"
	"errors"
	"fmt"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
)

// delivery is one DELIVER until the client has stored it.
type delivery struct {
	id       pdu.MsgID // of the DELIVER itself
	from, to string
	report   *pdu.Report // nil for a subscriber's text
	short    bool        // the report in the width of 2.0
	udhi     byte
	body     []byte // of a text
	attempts int
	done     func(pdu.Result) // for SendText; nil otherwise
}

// account is what the sessions of one SP share. It belongs to
// Server.mu.
type account = link.Queue[*session, *delivery]

// join makes a session one that is logged in.
func (s *Server) join(ss *session, v pdu.Version, spID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ss.version, ss.spID = v, spID
	ss.account = s.account(spID)
	ss.account.Join(ss)
	s.pump(ss.account)
}

func (s *Server) account(spID string) *account {
	a := s.accounts[spID]
	if a == nil {
		a = &account{}
		s.accounts[spID] = a
	}
	return a
}

// full tells whether no more reports or late answers can be held.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending >= s.cfg.MaxPending || s.later.Len() >= s.cfg.MaxPending
}

// begin counts a delivery in and sends it.
func (s *Server) begin(spID string, d *delivery) {
	s.mu.Lock()
	s.pending++
	s.mu.Unlock()
	s.deliver(spID, d)
}

// deliver sends d as soon as a session of the SP can take it.
func (s *Server) deliver(spID string, d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.id == 0 {
		d.id = s.nextID(s.cfg.Now())
	}
	a := s.account(spID)
	a.Add(d)
	s.pump(a)
}

// pump sends what the sessions' windows allow. It needs s.mu.
func (s *Server) pump(a *account) {
	a.Pump(func(ss *session) int {
		if ss.conn.Err() != nil {
			return 0
		}
		return s.cfg.DeliverWindow - len(ss.open)
	}, func(ss *session, d *delivery) error {
		err := ss.deliver(d)
		if errors.Is(err, pdu.ErrField) {
			s.pending-- // a script's code that no packet can hold
			return nil
		}
		return err
	})
}

// deliver queues one DELIVER. It needs Server.mu.
func (ss *session) deliver(d *delivery) error {
	m := pdu.Deliver{MsgID: d.id, DestID: d.to, MsgFmt: pdu.FormatUCS2, TPUdhi: d.udhi, SrcTerminal: d.from, Content: d.body}
	if d.report != nil {
		width := ss.version
		if d.short {
			width = pdu.V20
		}
		content, err := pdu.AppendReport(nil, width, d.report)
		if err != nil {
			return err
		}
		m.MsgFmt, m.RegisteredDelivery, m.Content = pdu.FormatASCII, 1, content
	}
	ss.seq++
	_, err := ss.conn.Append(func(dst []byte) ([]byte, error) { return pdu.AppendDeliver(dst, ss.version, ss.seq, &m) })
	if err != nil {
		return err
	}
	d.attempts++
	ss.open[ss.seq] = d
	return nil
}

// deliverAnswered ends a delivery, or sends it again later: flow control says
// that the client could not store it now.
func (s *Server) deliverAnswered(ss *session, seq uint32, result pdu.Result) {
	s.mu.Lock()
	d := ss.open[seq]
	if d == nil {
		s.mu.Unlock()
		return
	}
	delete(ss.open, seq)
	again := result == pdu.ResultFlowControl && d.attempts < s.cfg.MaxAttempts && d.done == nil
	if !again {
		s.pending--
	}
	s.pump(ss.account)
	s.mu.Unlock()

	if d.done != nil {
		d.done(result)
	}
	if d.report != nil {
		if result == pdu.ResultOK {
			s.counters.reports.Add(1)
		}
		s.cfg.Answered(d.report.MsgID, result)
	}
	if again {
		s.later.After(s.cfg.RetryAfter, func() { s.deliver(ss.spID, d) })
	}
}

// ErrNotStored is a subscriber's text that the client did not take.
var ErrNotStored = errors.New("gateway: the client did not store it")

// SendText sends a text from a subscriber to a client, in segments when it is
// long, and waits until the client has stored it or ctx ends. from is a national
// number, to an access number.
func (s *Server) SendText(ctx context.Context, spID, from, to, body string) error {
	_, parts := text.Segments(body, true)
	answers := make(chan pdu.Result, len(parts))
	ref := byte(s.lastID.Add(1))
	for i, part := range parts {
		d := &delivery{from: from, to: to, done: func(r pdu.Result) { answers <- r }}
		if len(parts) > 1 {
			d.udhi = 1
			d.body = text.AppendHeader(nil, ref, byte(len(parts)), byte(i+1))
		}
		d.body = text.UCS2.Append(d.body, part)
		s.begin(spID, d)
	}
	for range parts {
		select {
		case r := <-answers:
			if r != pdu.ResultOK {
				return fmt.Errorf("%w: %s", ErrNotStored, r.Name())
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
