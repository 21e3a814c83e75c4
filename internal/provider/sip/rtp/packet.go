package rtp

import (
	"encoding/binary"
	"errors"
)

// headerLen is an RTP header without contributing sources and extension.
const headerLen = 12

// Packet is one RTP packet. Payload points into what was parsed.
type Packet struct {
	Type      uint8 // payload type, 0 to 127
	Marker    bool
	Sequence  uint16
	Timestamp uint32
	SSRC      uint32
	Payload   []byte
}

// ErrPacket is for whatever is not RTP version 2.
var ErrPacket = errors.New("not an RTP packet")

// Append is the packet on the wire.
func (p *Packet) Append(dst []byte) []byte {
	second := p.Type & 0x7f
	if p.Marker {
		second |= 0x80
	}
	dst = append(dst, 2<<6, second)
	dst = binary.BigEndian.AppendUint16(dst, p.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, p.Timestamp)
	dst = binary.BigEndian.AppendUint32(dst, p.SSRC)
	return append(dst, p.Payload...)
}

// Parse reads a packet; contributing sources, an extension and padding are
// stepped over (RFC 3550 §5.1).
func Parse(b []byte) (Packet, error) {
	if len(b) < headerLen || b[0]>>6 != 2 {
		return Packet{}, ErrPacket
	}
	at, end := headerLen+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return Packet{}, ErrPacket
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	if b[0]&0x20 != 0 {
		padding := int(b[len(b)-1])
		if padding == 0 {
			return Packet{}, ErrPacket
		}
		end -= padding
	}
	if at > end {
		return Packet{}, ErrPacket
	}
	return Packet{Type: b[1] & 0x7f, Marker: b[1]&0x80 != 0, Sequence: binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]), Payload: b[at:end]}, nil
}
