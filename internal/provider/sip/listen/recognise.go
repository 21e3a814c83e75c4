package listen

import (
	"math"
	"math/cmplx"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/speech"
)

// surely is the least normalised correlation that counts as heard; the prompt
// itself behind G.711 has more than 0.99.
const surely = 0.7

// Heard is one digit that was recognised.
type Heard struct {
	Digit    byte // '0' to '9'
	Language core.Language
	At       int     // the sample it begins at
	Score    float64 // normalised correlation with the prompt, up to 1
	length   int
}

// pattern is a prompt, ready to be looked for.
type pattern struct {
	digit    byte
	language core.Language
	length   int
	energy   float64
}

// pair is two patterns that are looked for at once: what is real is correlated
// with the spectrum of the one plus i times that of the other, and the two
// results are the real and the imaginary part.
type pair struct {
	real, imaginary pattern
	spectrum        []complex128
}

// Recogniser finds the prompts' digits. It is safe for concurrent use.
type Recogniser struct {
	fourier fourier
	pairs   []pair
	longest int
}

// New prepares the digits of a book.
func New(book *speech.Book) *Recogniser {
	r := &Recogniser{fourier: newFourier()}
	for d := range 10 {
		chinese, spectrum := r.pattern(book, core.Chinese, d)
		english, other := r.pattern(book, core.English, d)
		for i := range spectrum {
			spectrum[i] += other[i] * 1i
		}
		r.pairs = append(r.pairs, pair{chinese, english, spectrum})
	}
	return r
}

// pattern is a digit's, with the conjugate of its spectrum.
func (r *Recogniser) pattern(book *speech.Book, l core.Language, digit int) (pattern, []complex128) {
	samples, spectrum := book.Digit(l, digit), make([]complex128, block)
	p := pattern{digit: '0' + byte(digit), language: l, length: len(samples)}
	for i, s := range samples {
		spectrum[i] = complex(float64(s), 0)
		p.energy += float64(s) * float64(s)
	}
	r.fourier.transform(spectrum)
	for i := range spectrum {
		spectrum[i] = cmplx.Conj(spectrum[i])
	}
	r.longest = max(r.longest, p.length)
	return p, spectrum
}

// Digits are those in the samples, in order. Where several prompts resemble what
// was heard the best one counts; what resembles none is not reported.
func (r *Recogniser) Digits(samples []int16) []Heard {
	energy := make([]float64, len(samples)+1) // of all samples before
	for i, s := range samples {
		energy[i+1] = energy[i] + float64(s)*float64(s)
	}
	var found []Heard
	signal, product := make([]complex128, block), make([]complex128, block)
	step := block - r.longest // where a prompt may begin so that it ends in the block
	for start := 0; start < len(samples); start += step {
		if end := min(start+block, len(samples)); energy[end] == energy[start] {
			continue
		}
		for i := range signal {
			signal[i] = 0
			if start+i < len(samples) {
				signal[i] = complex(float64(samples[start+i]), 0)
			}
		}
		r.fourier.transform(signal)
		for _, p := range r.pairs {
			for i := range product {
				product[i] = signal[i] * p.spectrum[i]
			}
			r.fourier.inverse(product)
			found = p.real.peaks(found, step, func(i int) float64 { return real(product[i]) }, start, energy)
			found = p.imaginary.peaks(found, step, func(i int) float64 { return -imag(product[i]) }, start, energy) // inverse gives the conjugate
		}
	}
	return best(found)
}

// peaks adds the local maxima of the correlation at the first n places. energy
// are sums, by which the energy of any stretch is known.
func (p pattern) peaks(found []Heard, n int, correlation func(int) float64, start int, energy []float64) []Heard {
	peak := Heard{}
	for i := range n {
		at := start + i
		if at >= len(energy)-1 {
			break
		}
		local := energy[min(at+p.length, len(energy)-1)] - energy[at]
		if score := correlation(i) / block / math.Sqrt(max(local*p.energy, 1)); score > surely && score > peak.Score {
			peak = Heard{Digit: p.digit, Language: p.language, At: at, Score: score, length: p.length}
		}
		if peak.Score > 0 && at > peak.At+p.length/2 {
			found, peak = append(found, peak), Heard{}
		}
	}
	if peak.Score > 0 {
		found = append(found, peak)
	}
	return found
}

// best drops what lies for the most part under something more surely heard.
func best(found []Heard) []Heard {
	slices.SortFunc(found, func(a, b Heard) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return a.At - b.At
	})
	var kept []Heard
	for _, h := range found {
		if !slices.ContainsFunc(kept, h.overlaps) {
			kept = append(kept, h)
		}
	}
	slices.SortFunc(kept, func(a, b Heard) int { return a.At - b.At })
	return kept
}

// overlaps tells whether half of the shorter one lies in the other.
func (h Heard) overlaps(o Heard) bool {
	common := min(h.At+h.length, o.At+o.length) - max(h.At, o.At)
	return common > min(h.length, o.length)/2
}

// Text is the digits in order, of all rounds.
func Text(heard []Heard) string {
	digits := make([]byte, len(heard))
	for i, h := range heard {
		digits[i] = h.Digit
	}
	return string(digits)
}

// Code is the code that all rounds of a call say; "" when they disagree, or
// there is none. Rounds of one code follow each other, so that the digits are
// its repetition; the shortest such code of at least four digits counts.
func Code(heard []Heard) string {
	all := Text(heard)
	for length := 4; length <= len(all)/2; length++ {
		if len(all)%length == 0 && repeats(all, length) {
			return all[:length]
		}
	}
	return ""
}

func repeats(s string, length int) bool {
	for i := length; i < len(s); i++ {
		if s[i] != s[i-length] {
			return false
		}
	}
	return true
}
