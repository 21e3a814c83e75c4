package puzzle

import (
	"encoding/binary"
	"io"
	"math/bits"
)

// dice gives out the bytes of a random source. After an error it gives zeros,
// and the error at the end.
type dice struct {
	source io.Reader
	err    error
	at     int
	bytes  [4096]byte
}

func newDice(source io.Reader) *dice {
	d := &dice{source: source}
	d.at = len(d.bytes)
	return d
}

func (d *dice) take(n int) []byte {
	if len(d.bytes)-d.at < n {
		if d.err == nil {
			_, d.err = io.ReadFull(d.source, d.bytes[:])
		}
		if d.err != nil {
			clear(d.bytes[:])
		}
		d.at = 0
	}
	d.at += n
	return d.bytes[d.at-n : d.at]
}

func (d *dice) octet() byte    { return d.take(1)[0] }
func (d *dice) uint64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

// below is a number from 0 to n-1. It is as good as uniform, for what is no secret.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.uint64(), uint64(n))
	return int(high)
}

// fraction is a number from 0 to just under 1.
func (d *dice) fraction() float64 { return float64(d.uint64()>>11) / (1 << 53) }
