package listen

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// block is the length of the transforms: longer than two prompts.
const block = 1 << 14

// fourier is the discrete Fourier transform of length block.
type fourier struct{ roots []complex128 }

func newFourier() fourier {
	roots := make([]complex128, block/2)
	for i := range roots {
		roots[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/block)
	}
	return fourier{roots}
}

// transform is in place, radix 2.
func (f fourier) transform(x []complex128) {
	shift := 64 - bits.Len(uint(block-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= block; size *= 2 {
		half, step := size/2, block/size
		for base := 0; base < block; base += size {
			for k := range half {
				odd := x[base+k+half] * f.roots[k*step]
				even := x[base+k]
				x[base+k], x[base+k+half] = even+odd, even-odd
			}
		}
	}
}

// inverse is in place, times block: the transform of the conjugate. It gives the
// conjugate of the result.
func (f fourier) inverse(x []complex128) {
	for i := range x {
		x[i] = cmplx.Conj(x[i])
	}
	f.transform(x)
}
