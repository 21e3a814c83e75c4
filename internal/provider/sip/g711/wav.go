package g711

import (
	"encoding/binary"
	"errors"
)

// wavHeader is the length of what precedes the octets in a file of WAV.
const wavHeader = 58

// WAV is a WAV file, mono at 8 kHz, with octets of the law: what a browser
// plays and what the prompts are kept as.
func WAV(law Law, octets []byte) []byte {
	format := uint16(6) // WAVE_FORMAT_ALAW
	if law == ULaw {
		format = 7
	}
	b := make([]byte, 0, wavHeader+len(octets)+1)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(wavHeader-8+len(octets)+len(octets)&1))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 18)
	b = binary.LittleEndian.AppendUint16(b, format)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, Rate)
	b = binary.LittleEndian.AppendUint32(b, Rate)
	b = binary.LittleEndian.AppendUint16(b, 1) // octets a sample
	b = binary.LittleEndian.AppendUint16(b, 8) // bits a sample
	b = binary.LittleEndian.AppendUint16(b, 0) // no extension
	b = append(b, "fact"...)
	b = binary.LittleEndian.AppendUint32(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(octets)))
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(octets)))
	b = append(b, octets...)
	if len(octets)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// FromWAV reads a file that WAV wrote.
func FromWAV(file []byte) (law Law, octets []byte, err error) {
	if len(file) < wavHeader || string(file[:4]) != "RIFF" || string(file[8:16]) != "WAVEfmt " || string(file[50:54]) != "data" {
		return 0, nil, errors.New("not a WAV file of G.711")
	}
	switch binary.LittleEndian.Uint16(file[20:]) {
	case 6:
		law = ALaw
	case 7:
		law = ULaw
	default:
		return 0, nil, errors.New("not a WAV file of G.711")
	}
	length := binary.LittleEndian.Uint32(file[54:])
	if uint64(length) > uint64(len(file)-wavHeader) {
		return 0, nil, errors.New("a WAV file that was cut short")
	}
	return law, file[wavHeader : wavHeader+int(length)], nil
}
