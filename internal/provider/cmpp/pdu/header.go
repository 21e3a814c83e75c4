package pdu

import (
	"encoding/binary"
	"errors"
	"fmt"

	"yanma.dev/yanma/internal/provider/frame"
)

// Version is a version of CMPP, as CONNECT spells it.
type Version byte

// The versions that are spoken.
const (
	V20 Version = 0x20
	V30 Version = 0x30
)

// String is the version as people write it: 2.0.
func (v Version) String() string { return fmt.Sprintf("%d.%d", byte(v)>>4, byte(v)&0x0f) }

// CommandID says what a packet is.
type CommandID uint32

// The commands (contracts/delivery.md §3.1). A response is its request with
// the highest bit set.
const (
	CmdConnect        CommandID = 0x00000001
	CmdConnectResp    CommandID = 0x80000001
	CmdTerminate      CommandID = 0x00000002
	CmdTerminateResp  CommandID = 0x80000002
	CmdSubmit         CommandID = 0x00000004
	CmdSubmitResp     CommandID = 0x80000004
	CmdDeliver        CommandID = 0x00000005
	CmdDeliverResp    CommandID = 0x80000005
	CmdQuery          CommandID = 0x00000006
	CmdCancel         CommandID = 0x00000007
	CmdActiveTest     CommandID = 0x00000008
	CmdActiveTestResp CommandID = 0x80000008
)

// String is the command's id in hexadecimal.
func (id CommandID) String() string { return fmt.Sprintf("0x%08X", uint32(id)) }

// Limits of a packet.
const (
	HeaderLen = 12
	MaxLen    = 8 << 10 // contracts/delivery.md §3.5
)

// Format is how CMPP frames.
var Format = frame.Format{HeaderLen: HeaderLen, MaxLen: MaxLen}

// Header begins every packet.
type Header struct {
	Length uint32 // of the whole packet, header included
	ID     CommandID
	Seq    uint32
}

// Errors of decoding and encoding; the wrapped text names the field.
var (
	// ErrLength is a Total_Length below 12 or above 8 KiB. The stream can not be
	// read any further: close.
	ErrLength = errors.New("Total_Length out of range")
	// ErrBody is a body that ends inside a field, or goes on after the last one.
	ErrBody = errors.New("malformed body")
	// ErrField is a value that does not fit its field.
	ErrField = errors.New("value does not fit")
)

// Split takes a whole packet apart. It fails with ErrLength; the header is
// returned with it.
func Split(octets []byte) (Header, []byte, error) {
	if len(octets) < HeaderLen {
		return Header{}, nil, ErrLength
	}
	h := Header{
		Length: binary.BigEndian.Uint32(octets),
		ID:     CommandID(binary.BigEndian.Uint32(octets[4:])),
		Seq:    binary.BigEndian.Uint32(octets[8:]),
	}
	if h.Length < HeaderLen || h.Length > MaxLen {
		return h, nil, fmt.Errorf("%w: %d", ErrLength, h.Length)
	}
	return h, octets[HeaderLen:], nil
}

// AppendEmpty appends a packet without a body: TERMINATE, its response, and
// ACTIVE_TEST.
func AppendEmpty(dst []byte, id CommandID, seq uint32) []byte {
	return appendHeader(dst, HeaderLen, id, seq)
}

// AppendActiveTestResp appends the answer to ACTIVE_TEST: one reserved octet.
func AppendActiveTestResp(dst []byte, seq uint32) []byte {
	return append(appendHeader(dst, HeaderLen+1, CmdActiveTestResp, seq), 0)
}

func appendHeader(dst []byte, length uint32, id CommandID, seq uint32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, length)
	dst = binary.BigEndian.AppendUint32(dst, uint32(id))
	return binary.BigEndian.AppendUint32(dst, seq)
}

// finish writes the length of the packet that begins at start, or takes the
// packet off again when it could not be encoded.
func finish(dst []byte, start int, err error) ([]byte, error) {
	if err != nil {
		return dst[:start], err
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst, nil
}
