package route

import "math"

// The conversions' constants; docs/routing.md shows the arithmetic.
const (
	priorGood, priorBad = 3, 1 // what is believed of a provider that nothing is known of
	memoryOf            = 50.0 // judgements; each new one fades those before by a fiftieth
	halfLife            = 1800 // seconds in which what is known fades to a half by itself
	sharpness           = 8    // a conversion of half the best one weighs 1/2⁸
	exploring           = 0.02 // of the messages are drawn by weight alone, to find out
)

// score is how many codes were entered that a provider carried to a country,
// and how many were not; older ones count less.
type score struct {
	good, bad float64
	at        int64 // seconds; when it was last faded
}

// fade lets time pass.
func (s *score) fade(now int64) {
	if passed := now - s.at; passed > 0 && s.at != 0 {
		keep := math.Exp2(-float64(passed) / halfLife)
		s.good *= keep
		s.bad *= keep
	}
	s.at = now
}

// judge counts one code.
func (s *score) judge(entered bool, now int64) {
	s.fade(now)
	s.good *= 1 - 1/memoryOf
	s.bad *= 1 - 1/memoryOf
	if entered {
		s.good++
	} else {
		s.bad++
	}
}

// correct takes one judgement back: the code was entered after all.
func (s *score) correct(now int64) {
	s.fade(now)
	moved := min(s.bad, 1)
	s.bad -= moved
	s.good += moved
}

// mean is the conversion that is believed, 0 to 1.
func (s *score) mean() float64 {
	return (s.good + priorGood) / (s.good + s.bad + priorGood + priorBad)
}

// draw is a conversion that may well be the true one: of the Beta distribution
// that what was seen leaves. uniform gives numbers in [0, 1).
func (s *score) draw(uniform func() float64) float64 {
	g := gamma(s.good+priorGood, uniform)
	b := gamma(s.bad+priorBad, uniform)
	return g / (g + b)
}

// gamma draws of the Gamma distribution with a shape of at least 1 (Marsaglia
// and Tsang, "A simple method for generating gamma variables", 2000).
func gamma(shape float64, uniform func() float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := normal(uniform)
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := 1 - uniform() // in (0, 1]
		if math.Log(u) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// normal draws of the standard normal distribution (Box and Muller).
func normal(uniform func() float64) float64 {
	return math.Sqrt(-2*math.Log(1-uniform())) * math.Cos(2*math.Pi*uniform())
}

// shares are what the drawn conversions make of the weights: weight × (drawn ÷
// best drawn)⁸; of a part of the messages, the weights alone.
func shares(weights []int, drawn []float64, into []float64) []float64 {
	best, all, learned := 0.0, 0.0, 0.0
	for i, d := range drawn {
		best = max(best, d)
		all += float64(weights[i])
	}
	into = into[:0]
	for i, w := range weights {
		share := float64(w)
		if best > 0 {
			share *= math.Pow(drawn[i]/best, sharpness)
		}
		into = append(into, share)
		learned += share
	}
	for i, w := range weights {
		into[i] = (1-exploring)*into[i]/learned + exploring*float64(w)/all
	}
	return into
}

// pick draws one index in proportion to the shares; u is uniform in [0, 1).
func pick(shares []float64, u float64) int {
	sum := 0.0
	for _, s := range shares {
		sum += s
	}
	at := u * sum
	last := 0
	for i, s := range shares {
		if s <= 0 {
			continue
		}
		if at < s {
			return i
		}
		at -= s
		last = i
	}
	return last
}
