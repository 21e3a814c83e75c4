package listen

import (
	"encoding/binary"
	"slices"

	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/rtp"
)

// longest is how much of a call is kept: five minutes.
const longest = 300 * g711.Rate

// Recording is one received stream. It is not safe for concurrent use; the zero
// value is ready.
type Recording struct {
	Packets int // of audio that were taken

	law     g711.Law
	ssrc    uint32
	first   uint32
	samples []int16
}

// Take adds a packet; false when it is no audio of this stream: another payload
// type, another source, or over five minutes from the beginning. A packet that
// comes twice, late or never changes nothing else: its timestamp says where it
// belongs.
func (r *Recording) Take(p *rtp.Packet) bool {
	law := g711.Law(p.Type)
	if law != g711.ALaw && law != g711.ULaw || len(p.Payload) == 0 {
		return false
	}
	if r.Packets == 0 {
		r.law, r.ssrc, r.first = law, p.SSRC, p.Timestamp
	}
	at := int64(p.Timestamp - r.first)
	if p.SSRC != r.ssrc || law != r.law || at+int64(len(p.Payload)) > longest {
		return false
	}
	r.Packets++
	end := int(at) + len(p.Payload)
	if missing := end - len(r.samples); missing > 0 {
		r.samples = append(r.samples, make([]int16, missing)...)
	}
	law.Decode(r.samples[:at], p.Payload)
	return true
}

// Samples is what was heard, at 8 kHz.
func (r Recording) Samples() []int16 { return slices.Clone(r.samples) }

// WAV is what was heard as a WAV file, mono with 16 bits: what every browser
// plays.
func (r Recording) WAV() []byte {
	size := uint32(2 * len(r.samples))
	b := append(make([]byte, 0, 44+size), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, 36+size)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // mono
	b = binary.LittleEndian.AppendUint32(b, g711.Rate)
	b = binary.LittleEndian.AppendUint32(b, 2*g711.Rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	for _, s := range r.samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}
