package pdu

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// CommandID says what a PDU is.
type CommandID uint32

// The commands (contracts/delivery.md §2.1). A response is its request with
// the highest bit set.
const (
	GenericNack         CommandID = 0x80000000
	BindReceiver        CommandID = 0x00000001
	BindReceiverResp    CommandID = 0x80000001
	BindTransmitter     CommandID = 0x00000002
	BindTransmitterResp CommandID = 0x80000002
	SubmitSM            CommandID = 0x00000004
	SubmitSMResp        CommandID = 0x80000004
	DeliverSM           CommandID = 0x00000005
	DeliverSMResp       CommandID = 0x80000005
	Unbind              CommandID = 0x00000006
	UnbindResp          CommandID = 0x80000006
	BindTransceiver     CommandID = 0x00000009
	BindTransceiverResp CommandID = 0x80000009
	EnquireLink         CommandID = 0x00000015
	EnquireLinkResp     CommandID = 0x80000015
)

const responseBit CommandID = 0x80000000

// IsResponse tells whether the command answers another.
func (id CommandID) IsResponse() bool { return id&responseBit != 0 }

// Response is the command that answers id.
func (id CommandID) Response() CommandID { return id | responseBit }

// String is the command's id in hexadecimal.
func (id CommandID) String() string { return fmt.Sprintf("0x%08X", uint32(id)) }

// Limits of a frame and of sequence numbers.
const (
	HeaderLen = 16
	MaxLen    = 64 << 10   // contracts/delivery.md §2.4
	MaxSeq    = 0x7fffffff // sequence numbers are 1…MaxSeq
)

// Header begins every PDU.
type Header struct {
	Length uint32 // of the whole PDU, header included
	ID     CommandID
	Status Status
	Seq    uint32
}

// Errors of decoding and encoding; the wrapped text names the field.
var (
	// ErrLength is a command_length below 16 or above 64 KiB. The stream can
	// not be read any further: generic_nack with status 0x02, then close.
	ErrLength = errors.New("command_length out of range")
	// ErrBody is a body that ends inside a field, or a field over its limit.
	ErrBody = errors.New("malformed body")
	// ErrField is a value that does not fit its field.
	ErrField = errors.New("value does not fit")
)

// ParseHeader reads the first 16 octets of a frame. It fails with ErrLength.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, ErrLength
	}
	h := Header{
		Length: binary.BigEndian.Uint32(b),
		ID:     CommandID(binary.BigEndian.Uint32(b[4:])),
		Status: Status(binary.BigEndian.Uint32(b[8:])),
		Seq:    binary.BigEndian.Uint32(b[12:]),
	}
	if h.Length < HeaderLen || h.Length > MaxLen {
		return h, fmt.Errorf("%w: %d", ErrLength, h.Length)
	}
	return h, nil
}

// AppendEmpty appends a PDU without a body: enquire_link, unbind, their
// responses, generic_nack, and a response that refuses.
func AppendEmpty(dst []byte, id CommandID, status Status, seq uint32) []byte {
	return appendHeader(dst, HeaderLen, id, status, seq)
}

func appendHeader(dst []byte, length uint32, id CommandID, status Status, seq uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, length)
	dst = binary.BigEndian.AppendUint32(dst, uint32(id))
	dst = binary.BigEndian.AppendUint32(dst, uint32(status))
	return binary.BigEndian.AppendUint32(dst, seq)
}

// finish writes the length of the PDU that begins at start, or takes the PDU
// off again when it could not be encoded.
func finish(dst []byte, start int, err error) ([]byte, error) {
	if err == nil && len(dst)-start > MaxLen {
		err = fmt.Errorf("%w: PDU of %d octets", ErrField, len(dst)-start)
	}
	if err != nil {
		return dst[:start], err
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst, nil
}

// SetSeq gives an encoded PDU another sequence number.
func SetSeq(frame []byte, seq uint32) { binary.BigEndian.PutUint32(frame[12:], seq) }
