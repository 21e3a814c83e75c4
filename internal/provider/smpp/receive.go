package smpp

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/receipt"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

var errPeerUnbind = errors.New("the SMSC unbound")

// deliver hands a receipt or a subscriber's text to the sink; the SMSC is
// answered when the sink has stored it.
func (s *session) deliver(l *link.Link, seq uint32, body []byte) {
	sm := &s.incoming
	if err := pdu.ParseSM(body, sm); err != nil {
		s.refuse(l, seq, "malformed deliver_sm")
		return
	}
	c := s.client
	a := &ack{link: l, seq: seq}
	if !sm.IsReceipt() {
		in, ok := inbound(sm)
		if !ok {
			s.refuse(l, seq, "malformed user-data header")
			return
		}
		c.deps.Sink.Inbound(c.cfg.Name, in, a.done)
		return
	}
	r, ok := c.cfg.receipt(sm)
	if !ok {
		s.refuse(l, seq, "receipt without an id")
		return
	}
	c.deps.Sink.Receipt(c.cfg.Name, r, a.done)
}

// refuse answers what can never be stored, so that it is not sent for ever.
func (s *session) refuse(l *link.Link, seq uint32, why string) {
	s.client.deps.Log.Warn("smpp deliver_sm refused", slog.String("link", s.client.cfg.Name), slog.String("reason", why))
	empty(l, pdu.DeliverSMResp, pdu.AppPermanent, seq)
}

// ack answers one deliver_sm, once.
type ack struct {
	link *link.Link
	seq  uint32
	used atomic.Bool
}

func (a *ack) done(err error) {
	if a.used.Swap(true) {
		return
	}
	status := pdu.OK
	if err != nil {
		status = pdu.AppTemporary // contracts/delivery.md §2.4: the SMSC sends it again
	}
	// When the connection has ended the SMSC sends it again on the next one.
	_, _ = a.link.Conn().Append(func(dst []byte) ([]byte, error) {
		return pdu.AppendSMResp(dst, pdu.DeliverSMResp, status, a.seq, "")
	})
}

// inbound reads a subscriber's text. Each segment of a long one is handed on
// by itself, because the SMSC is answered for each when it is stored.
func inbound(sm *pdu.SM) (provider.Inbound, bool) {
	body := sm.Payload()
	if sm.HasHeader() {
		var ok bool
		if _, body, ok = text.ParseHeader(body); !ok {
			return provider.Inbound{}, false
		}
	}
	return provider.Inbound{From: subscriber(sm.Source), To: sm.Dest.Addr, Text: decodeText(sm.DataCoding, body)}, true
}

func decodeText(coding byte, octets []byte) string {
	switch coding {
	case pdu.CodingUCS2:
		return text.UCS2.Decode(octets)
	case pdu.CodingDefault:
		return text.GSM7.Decode(octets)
	}
	return text.DecodeLatin1(octets)
}

// receipt reads a delivery receipt: the text, and over it the optional
// parameters (contracts/delivery.md §2.3). ok is false without an id. A
// carrier's own code in the text (MK:0001) says more than the parameter's
// UNDELIVERABLE and is kept where the two agree on the state.
func (cfg *Config) receipt(sm *pdu.SM) (r provider.Receipt, ok bool) {
	body := sm.Payload()
	if sm.HasHeader() {
		if _, after, ok := text.ParseHeader(body); ok {
			body = after
		}
	}
	t, _ := receipt.ParseText(decodeReceipt(sm.DataCoding, body), cfg.ReceiptZone)
	if id, ok := sm.TLVs.Get(pdu.TagReceiptedMessageID); ok {
		if id := strings.TrimRight(string(id), "\x00"); id != "" {
			t.ID = id
		}
	}
	code := t.Stat
	if state, ok := sm.TLVs.Get(pdu.TagMessageState); ok && len(state) == 1 {
		code = codeOver(receipt.FromMessageState(state[0]), t.Stat)
	}
	if code == "" {
		code = "UNKNOWN"
	}
	meaning := receipt.Classify(code)
	return provider.Receipt{
		PartID: t.ID, AltIDs: cfg.IDRadix.alternatives(t.ID),
		State: meaning.State, Code: code, JSMS: meaning.JSMS, DoneAt: t.Done,
	}, t.ID != ""
}

// decodeReceipt reads a receipt's text. SMSCs write it in ASCII whatever the
// data_coding says, where GSM-7 would make a § of the underscore in QM_FAIL;
// the few that do encode it send 0x11 for one.
func decodeReceipt(coding byte, octets []byte) string {
	if coding == pdu.CodingUCS2 {
		return text.UCS2.Decode(octets)
	}
	return strings.ReplaceAll(text.DecodeLatin1(octets), "\x11", "_")
}

func codeOver(parameter, inText string) string {
	own := inText != "" && !receipt.IsMessageState(inText)
	if own && receipt.Classify(inText).State == receipt.Classify(parameter).State {
		return inText
	}
	return parameter
}

// alternatives are the other spellings of a receipt's id.
func (radix IDRadix) alternatives(id string) []string {
	var alt []string
	if radix == RadixAuto || radix == RadixDecimal {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			hex := strconv.FormatUint(n, 16)
			alt = addSpelling(alt, id, hex)
			alt = addSpelling(alt, id, strings.ToUpper(hex))
			if len(hex) < hexIDLen {
				padded := strings.Repeat("0", hexIDLen-len(hex)) + hex
				alt = addSpelling(alt, id, padded)
				alt = addSpelling(alt, id, strings.ToUpper(padded))
			}
		}
	}
	if radix == RadixAuto || radix == RadixHex {
		if n, err := strconv.ParseUint(id, 16, 64); err == nil {
			alt = addSpelling(alt, id, strconv.FormatUint(n, 10))
		}
	}
	return alt
}

// hexIDLen is the width that SMSCs pad hexadecimal ids to.
const hexIDLen = 8

func addSpelling(alt []string, id, spelling string) []string {
	if spelling == id {
		return alt
	}
	for _, have := range alt {
		if have == spelling {
			return alt
		}
	}
	return append(alt, spelling)
}
