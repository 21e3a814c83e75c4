package smsc

import (
	"context"
	"errors"
	"fmt"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// delivery is one deliver_sm until the client has stored it.
type delivery struct {
	id           string // of the part that a receipt is about; empty for a subscriber's text
	source, dest pdu.Address
	esmClass     byte
	coding       byte
	body         []byte
	tlvs         pdu.TLVs
	attempts     int
	done         func(pdu.Status) // for SendText; nil otherwise
}

// account is what the sessions of one system id share that are bound as receiver
// or transceiver. It belongs to Server.mu.
type account = link.Queue[*session, *delivery]

// join makes a session a bound one.
func (s *Server) join(ss *session, kind pdu.CommandID, systemID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ss.bound, ss.systemID = kind, systemID
	if kind == pdu.BindTransmitter {
		return
	}
	ss.account = s.account(systemID)
	ss.account.Join(ss)
	s.pump(ss.account)
}

func (s *Server) account(systemID string) *account {
	a := s.accounts[systemID]
	if a == nil {
		a = &account{}
		s.accounts[systemID] = a
	}
	return a
}

// full tells whether no more receipts or late answers can be held.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending >= s.cfg.MaxPending || s.later.Len() >= s.cfg.MaxPending
}

// deliver sends d as soon as a session of the system id can take it.
func (s *Server) deliver(systemID string, d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(systemID)
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
		err := ss.send(d)
		if errors.Is(err, pdu.ErrField) {
			s.pending-- // a script's code that no PDU can hold
			return nil
		}
		return err
	})
}

// send queues one deliver_sm. It needs Server.mu.
func (ss *session) send(d *delivery) error {
	ss.seq++
	if ss.seq > pdu.MaxSeq {
		ss.seq = 1
	}
	sm := pdu.SM{Source: d.source, Dest: d.dest, ESMClass: d.esmClass, DataCoding: d.coding, ShortMessage: d.body, TLVs: d.tlvs}
	_, err := ss.conn.Append(func(dst []byte) ([]byte, error) { return pdu.AppendSM(dst, pdu.DeliverSM, ss.seq, &sm) })
	if err != nil {
		return err
	}
	d.attempts++
	ss.open[ss.seq] = d
	return nil
}

// deliverAnswered ends a delivery, or sends it again later.
func (s *Server) deliverAnswered(ss *session, seq uint32, status pdu.Status) {
	s.mu.Lock()
	d := ss.open[seq]
	if d == nil {
		s.mu.Unlock()
		return
	}
	delete(ss.open, seq)
	again := status == pdu.AppTemporary && d.attempts < s.cfg.MaxAttempts && d.done == nil
	if !again {
		s.pending--
	}
	s.pump(ss.account)
	s.mu.Unlock()

	switch {
	case d.done != nil:
		d.done(status)
	case status == pdu.OK:
		s.counters.receipts.Add(1)
	}
	if d.id != "" {
		s.cfg.Answered(d.id, status)
	}
	if again {
		s.later.After(s.cfg.RetryAfter, func() { s.deliver(ss.systemID, d) })
	}
}

// Report sends a receipt about any id, now: for scripts that decide by hand.
func (s *Server) Report(systemID, id, code string) {
	now := s.cfg.Now()
	d := &delivery{id: id, esmClass: pdu.ESMClassReceipt, body: appendReceiptText(nil, id, code, now, now)}
	s.begin(systemID, d)
}

// begin counts a delivery in and sends it.
func (s *Server) begin(systemID string, d *delivery) {
	s.mu.Lock()
	s.pending++
	s.mu.Unlock()
	s.deliver(systemID, d)
}

// ErrNotStored is a subscriber's text that the client did not take.
var ErrNotStored = errors.New("smsc: the client did not store it")

// SendText sends a text from a subscriber to a client, in segments when it is
// long, and waits until the client has stored it or ctx ends. Numbers are
// digits, international.
func (s *Server) SendText(ctx context.Context, systemID, from, to, body string) error {
	alphabet, parts := text.Segments(body, false)
	answers := make(chan pdu.Status, len(parts))
	ref := byte(s.lastID.Add(1))
	for i, part := range parts {
		d := &delivery{
			source: pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIE164, Addr: from},
			dest:   pdu.Address{Addr: to},
			done:   func(status pdu.Status) { answers <- status },
		}
		if alphabet == text.UCS2 {
			d.coding = pdu.CodingUCS2
		}
		if len(parts) > 1 {
			d.esmClass = pdu.ESMClassUDHI
			d.body = text.AppendHeader(nil, ref, byte(len(parts)), byte(i+1))
		}
		d.body = alphabet.Append(d.body, part)
		s.begin(systemID, d)
	}
	for range parts {
		select {
		case status := <-answers:
			if status != pdu.OK {
				return fmt.Errorf("%w: %s", ErrNotStored, status)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
