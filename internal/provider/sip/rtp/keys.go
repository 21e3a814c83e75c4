package rtp

import "encoding/binary"

// keyNames are the events 0 to 15 of RFC 4733 §3.2.
const keyNames = "0123456789*#ABCD"

// Event is the payload of a telephone event.
type Event struct {
	Key      byte // 0 to 9, *, #, A to D
	End      bool
	Volume   uint8  // 0 to 63, dBm0 without its sign
	Duration uint16 // in timestamp units
}

// ParseEvent reads a payload; false when it is none, or no key's.
func ParseEvent(b []byte) (Event, bool) {
	if len(b) < 4 || int(b[0]) >= len(keyNames) {
		return Event{}, false
	}
	return Event{Key: keyNames[b[0]], End: b[1]&0x80 != 0, Volume: b[1] & 0x3f, Duration: binary.BigEndian.Uint16(b[2:])}, true
}

// Append is the payload on the wire; a key that there is not is sent as 0.
func (e Event) Append(dst []byte) []byte {
	number := byte(0)
	for i := range keyNames {
		if keyNames[i] == e.Key {
			number = byte(i)
		}
	}
	second := e.Volume & 0x3f
	if e.End {
		second |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(dst, number, second), e.Duration)
}

// Keys tells presses apart: a press is several packets with one timestamp, and
// its end is sent three times (RFC 4733 §2.5.1). The zero value is ready.
type Keys struct {
	any  bool
	last uint32
}

// Press is the key of a packet that begins a press.
func (k *Keys) Press(p *Packet) (key byte, pressed bool) {
	e, ok := ParseEvent(p.Payload)
	if !ok || k.any && p.Timestamp == k.last {
		return 0, false
	}
	k.any, k.last = true, p.Timestamp
	return e.Key, true
}
