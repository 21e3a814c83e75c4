package smpp

import (
	"errors"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// draft is a message on its way into PDUs: what all parts share, and the texts.
type draft struct {
	sm       pdu.SM
	alphabet text.Alphabet
	parts    []string
	ref      byte // of the concatenation header
	payload  bool // the text goes into message_payload
}

const (
	receiptWanted     = 1
	maxSource         = 20
	maxAlphanumeric   = 11
	maxShortCode      = 8
	chinaCallingCode  = "+86"
	maxPayloadSeptets = 60_000 // leaves room for the rest of a 64 KiB frame
)

// compose turns a message into a draft. It fails for what no SMSC can carry.
func (c *Client) compose(m *provider.Message, d *draft) error {
	source, err := c.cfg.source(m.From)
	if err != nil {
		return err
	}
	to := m.To.E164()
	d.sm.Source = source
	d.sm.Dest = pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIE164, Addr: strings.TrimPrefix(to, "+")}
	d.sm.RegisteredDelivery = receiptWanted
	d.sm.Validity = pdu.RelativeTime(m.Validity)
	d.alphabet, d.parts = text.Segments(m.Text, strings.HasPrefix(to, chinaCallingCode))
	if d.alphabet == text.UCS2 {
		d.sm.DataCoding = pdu.CodingUCS2
	}
	if len(d.parts) == 1 {
		return nil
	}
	if c.cfg.LongMessage == LongPayload {
		return d.composePayload(m.Text)
	}
	if len(d.parts) > text.MaxSegments {
		return fmt.Errorf("text of %d segments", len(d.parts))
	}
	d.sm.ESMClass = pdu.ESMClassUDHI
	d.ref = byte(c.ref.Add(1))
	return nil
}

func (d *draft) composePayload(whole string) error {
	octets := d.alphabet.Append(nil, whole)
	if len(octets) > maxPayloadSeptets {
		return errors.New("text too long for message_payload")
	}
	d.parts, d.payload = []string{whole}, true
	d.sm.TLVs = pdu.TLVs{{Tag: pdu.TagMessagePayload, Value: octets}}
	return nil
}

// part puts the octets of one part into the PDU; scratch is their memory.
func (d *draft) part(i int, scratch []byte) {
	if d.payload {
		return
	}
	octets := scratch[:0]
	if len(d.parts) > 1 {
		octets = text.AppendHeader(octets, d.ref, byte(len(d.parts)), byte(i+1))
	}
	d.sm.ShortMessage = d.alphabet.Append(octets, d.parts[i])
}

// source is the sender as an address: from, or the link's own when from is
// empty. International numbers are 1/1, up to eight digits a short code 3/0,
// anything else alphanumeric 5/0 (contracts/delivery.md §2.1).
func (cfg *Config) source(from string) (pdu.Address, error) {
	own := from == ""
	if own {
		from = cfg.Source
	}
	if from == "" {
		return pdu.Address{}, nil
	}
	a, err := sourceAddress(from)
	if own && (cfg.SourceTON != 0 || cfg.SourceNPI != 0) {
		a.TON, a.NPI = cfg.SourceTON, cfg.SourceNPI
	}
	return a, err
}

func sourceAddress(from string) (pdu.Address, error) {
	digits := strings.TrimPrefix(from, "+")
	switch {
	case !isDigits(digits):
		return alphanumericSource(from)
	case len(digits) > maxSource:
		return pdu.Address{}, errors.New("sender number over 20 digits")
	case len(digits) <= maxShortCode && digits == from:
		return pdu.Address{TON: pdu.TONShortCode, Addr: digits}, nil
	}
	return pdu.Address{TON: pdu.TONInternational, NPI: pdu.NPIE164, Addr: digits}, nil
}

func alphanumericSource(from string) (pdu.Address, error) {
	for i := 0; i < len(from); i++ {
		if from[i] < ' ' || from[i] > '~' {
			return pdu.Address{}, errors.New("sender name is not ASCII")
		}
	}
	if len(from) > maxAlphanumeric {
		return pdu.Address{}, errors.New("sender name over 11 characters")
	}
	return pdu.Address{TON: pdu.TONAlphanumeric, Addr: from}, nil
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// subscriber is the E.164 number of a sender of a text. Mainland links give it
// in the national form.
func subscriber(a pdu.Address) core.Phone {
	number := strings.TrimPrefix(a.Addr, "+")
	if a.TON != pdu.TONInternational && len(number) == 11 && number[0] == '1' && a.Addr == number {
		return core.PhoneFromE164(chinaCallingCode + number)
	}
	return core.PhoneFromE164("+" + number)
}
