package pdu

import "fmt"

// Limits of the fields of submit_sm and deliver_sm, their NUL included.
const (
	maxServiceType  = 6
	maxAddress      = 21
	maxShortMessage = 254
	timeLen         = 16 // an SMPP time without its NUL
	maxMessageID    = 65
)

// Values of SM's fields.
const (
	ESMClassUDHI    byte = 0x40 // the text begins with a user-data header
	ESMClassReceipt byte = 0x04 // in deliver_sm, bits 5–2: a delivery receipt
	esmTypeMask     byte = 0x3c

	CodingDefault byte = 0 // GSM-7, one septet an octet
	CodingASCII   byte = 1
	CodingLatin1  byte = 3
	CodingUCS2    byte = 8

	TONUnknown       byte = 0
	TONInternational byte = 1
	TONShortCode     byte = 3
	TONAlphanumeric  byte = 5
	NPIUnknown       byte = 0
	NPIE164          byte = 1
)

// Address is a number or name with its type of number and numbering plan.
type Address struct {
	TON, NPI byte
	Addr     string // ≤ 20 octets
}

// SM is the body of submit_sm and deliver_sm, which are alike.
type SM struct {
	ServiceType        string // ≤ 5 octets
	Source, Dest       Address
	ESMClass           byte
	ProtocolID         byte
	Priority           byte
	ScheduleDelivery   string // empty or 16 characters
	Validity           string // empty or 16 characters
	RegisteredDelivery byte   // 1: a receipt for success and failure
	ReplaceIfPresent   byte
	DataCoding         byte
	DefaultMessageID   byte
	ShortMessage       []byte // ≤ 254 octets
	TLVs               TLVs
}

// IsReceipt tells whether a deliver_sm reports on an earlier submit_sm.
func (m *SM) IsReceipt() bool { return m.ESMClass&esmTypeMask == ESMClassReceipt }

// HasHeader tells whether the text begins with a user-data header.
func (m *SM) HasHeader() bool { return m.ESMClass&ESMClassUDHI != 0 }

// Payload is the text's octets: message_payload when there is one, otherwise
// the short message.
func (m *SM) Payload() []byte {
	if payload, ok := m.TLVs.Get(TagMessagePayload); ok && len(m.ShortMessage) == 0 {
		return payload
	}
	return m.ShortMessage
}

// AppendSM appends a submit_sm or deliver_sm. On ErrField dst is returned as
// it was.
func AppendSM(dst []byte, id CommandID, seq uint32, m *SM) ([]byte, error) {
	start := len(dst)
	dst, err := appendSMBody(appendHeader(dst, 0, id, OK, seq), m)
	return finish(dst, start, err)
}

func appendSMBody(dst []byte, m *SM) ([]byte, error) {
	dst, err := appendCString(dst, "service_type", m.ServiceType, maxServiceType)
	if err != nil {
		return dst, err
	}
	if dst, err = appendAddress(dst, "source_addr", m.Source, maxAddress); err != nil {
		return dst, err
	}
	if dst, err = appendAddress(dst, "destination_addr", m.Dest, maxAddress); err != nil {
		return dst, err
	}
	dst = append(dst, m.ESMClass, m.ProtocolID, m.Priority)
	if dst, err = appendTime(dst, "schedule_delivery_time", m.ScheduleDelivery); err != nil {
		return dst, err
	}
	if dst, err = appendTime(dst, "validity_period", m.Validity); err != nil {
		return dst, err
	}
	if len(m.ShortMessage) > maxShortMessage {
		return dst, fmt.Errorf("%w: short_message over %d octets", ErrField, maxShortMessage)
	}
	dst = append(dst, m.RegisteredDelivery, m.ReplaceIfPresent, m.DataCoding, m.DefaultMessageID, byte(len(m.ShortMessage)))
	dst = append(dst, m.ShortMessage...)
	return appendTLVs(dst, m.TLVs)
}

func appendAddress(dst []byte, field string, a Address, limit int) ([]byte, error) {
	return appendCString(append(dst, a.TON, a.NPI), field, a.Addr, limit)
}

func appendTime(dst []byte, field, s string) ([]byte, error) {
	if s != "" && len(s) != timeLen {
		return dst, fmt.Errorf("%w: %s is not 16 characters", ErrField, field)
	}
	return appendCString(dst, field, s, timeLen+1)
}

// ParseSM reads the body of a submit_sm or deliver_sm into m, whose TLVs' room
// is used again. It fails with ErrBody.
func ParseSM(body []byte, m *SM) error {
	f := newFields(body)
	m.ServiceType = f.cString("service_type", maxServiceType)
	m.Source = f.address("source_addr", maxAddress)
	m.Dest = f.address("destination_addr", maxAddress)
	m.ESMClass = f.octet("esm_class")
	m.ProtocolID = f.octet("protocol_id")
	m.Priority = f.octet("priority_flag")
	m.ScheduleDelivery = f.when("schedule_delivery_time")
	m.Validity = f.when("validity_period")
	m.RegisteredDelivery = f.octet("registered_delivery")
	m.ReplaceIfPresent = f.octet("replace_if_present_flag")
	m.DataCoding = f.octet("data_coding")
	m.DefaultMessageID = f.octet("sm_default_msg_id")
	length := f.octet("sm_length")
	if length > maxShortMessage {
		f.fail("sm_length")
	}
	m.ShortMessage = f.octets("short_message", int(length))
	m.TLVs = f.tlvs(m.TLVs)
	return f.err
}

func (f *fields) address(field string, limit int) Address {
	return Address{TON: f.octet(field), NPI: f.octet(field), Addr: f.cString(field, limit)}
}

// AppendSMResp appends a submit_sm_resp or deliver_sm_resp. deliver_sm_resp
// has an empty message id. A response that refuses (status not OK) has no body.
func AppendSMResp(dst []byte, id CommandID, status Status, seq uint32, messageID string) ([]byte, error) {
	if status != OK {
		return AppendEmpty(dst, id, status, seq), nil
	}
	start := len(dst)
	dst, err := appendCString(appendHeader(dst, 0, id, status, seq), "message_id", messageID, maxMessageID)
	return finish(dst, start, err)
}

// ParseSMResp reads the message id of a submit_sm_resp or deliver_sm_resp. No
// body at all is an empty id, as refusals have it; anything after the id is
// ignored, as it can only be optional parameters.
func ParseSMResp(body []byte) (messageID string, err error) {
	if len(body) == 0 {
		return "", nil
	}
	f := fields{rest: body}
	end := min(len(body), maxMessageID)
	f.copy = string(body[:end])
	f.rest = body[:end]
	messageID = f.cString("message_id", maxMessageID)
	return messageID, f.err
}
