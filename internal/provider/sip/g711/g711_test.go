package g711

import (
	"math"
	"testing"
)

// TestVectors are values of ITU-T G.711's tables: the decoder's outputs scaled
// to 16 bits.
func TestVectors(t *testing.T) {
	for _, c := range []struct {
		law    Law
		octet  byte
		sample int16
	}{
		{ALaw, 0xd5, 8}, {ALaw, 0x55, -8}, {ALaw, 0xaa, 32256}, {ALaw, 0x2a, -32256}, {ALaw, 0x80, 5504}, {ALaw, 0x00, -5504},
		{ULaw, 0xff, 0}, {ULaw, 0x7f, 0}, {ULaw, 0x80, 32124}, {ULaw, 0x00, -32124}, {ULaw, 0xfe, 8}, {ULaw, 0x7e, -8}, {ULaw, 0x8f, 16764},
	} {
		if got := c.law.Decode(nil, []byte{c.octet}); got[0] != c.sample {
			t.Errorf("%s %#02x is %d, want %d", c.law.Name(), c.octet, got[0], c.sample)
		}
	}
	if ALaw.Silence() != 0xd5 || ULaw.Silence() != 0xff {
		t.Error("silence is wrong")
	}
}

// TestEveryOctet: what an octet decodes to encodes to it again.
func TestEveryOctet(t *testing.T) {
	for _, law := range []Law{ALaw, ULaw} {
		for o := range 256 {
			sample := law.Decode(nil, []byte{byte(o)})
			back := law.Encode(nil, sample)
			if back[0] != byte(o) && !(law == ULaw && sample[0] == 0) { // µ-law has two zeros
				t.Errorf("%s %#02x → %d → %#02x", law.Name(), o, sample[0], back[0])
			}
		}
	}
}

// TestEverySample: the error is at most half a step: 1/32 of the value, or 8.
func TestEverySample(t *testing.T) {
	for _, law := range []Law{ALaw, ULaw} {
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			got := law.Decode(nil, law.Encode(nil, []int16{int16(s)}))[0]
			wrong, allowed := math.Abs(float64(int(got)-s)), max(8, (math.Abs(float64(s))+bias)/32)
			if s == math.MinInt16 || law == ULaw && max(s, -s) > loudest {
				continue // clipped
			}
			if wrong > allowed+1 {
				t.Fatalf("%s: %d became %d", law.Name(), s, got)
			}
		}
	}
}
