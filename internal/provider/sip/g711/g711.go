package g711

// Rate is samples, and octets, a second.
const Rate = 8000

// Law is one of the two codecs; its value is the static RTP payload type
// (RFC 3551 §6).
type Law uint8

// The codecs.
const (
	ULaw Law = 0 // PCMU
	ALaw Law = 8 // PCMA
)

// Name is the codec's name in SDP.
func (l Law) Name() string {
	if l == ULaw {
		return "PCMU"
	}
	return "PCMA"
}

// Silence is the octet that says nothing.
func (l Law) Silence() byte {
	if l == ULaw {
		return 0xff
	}
	return 0xd5
}

// Encode appends samples to dst.
func (l Law) Encode(dst []byte, samples []int16) []byte {
	for _, s := range samples {
		if l == ULaw {
			dst = append(dst, toULaw(s))
		} else {
			dst = append(dst, toALaw(s))
		}
	}
	return dst
}

// Decode appends the samples of octets to dst.
func (l Law) Decode(dst []int16, octets []byte) []int16 {
	for _, o := range octets {
		if l == ULaw {
			dst = append(dst, fromULaw(o))
		} else {
			dst = append(dst, fromALaw(o))
		}
	}
	return dst
}

// toALaw keeps the sign, the three bits of the segment and four below its
// highest one; every other bit is inverted on the line.
func toALaw(s int16) byte {
	v, sign := int(s)>>3, byte(0x80)
	if v < 0 {
		v, sign = -v-1, 0
	}
	segment := byte(0)
	for limit := 31; v > limit && segment < 7; limit = limit*2 + 1 {
		segment++
	}
	mantissa := byte(v>>1) & 0x0f
	if segment > 1 {
		mantissa = byte(v>>segment) & 0x0f
	}
	return (sign | segment<<4 | mantissa) ^ 0x55
}

func fromALaw(o byte) int16 {
	o ^= 0x55
	v, segment := int(o&0x0f)<<4+8, o>>4&7
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if o&0x80 == 0 {
		return int16(-v)
	}
	return int16(v)
}

// bias is added before µ-law finds the segment; loudest is where it clips.
const (
	bias    = 0x84
	loudest = 32635
)

func toULaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, loudest) + bias
	segment := byte(7)
	for mask := 0x4000; segment > 0 && v&mask == 0; mask >>= 1 {
		segment--
	}
	return ^(sign | segment<<4 | byte(v>>(segment+3))&0x0f)
}

func fromULaw(o byte) int16 {
	o = ^o
	v := (int(o&0x0f)<<3+bias)<<(o>>4&7) - bias
	if o&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}
