package solver

import (
	"image"
	"math"
	"slices"
	"time"
)

// Tolerance is how far off a guess may be (contracts/oneaccess.md §2.2).
const Tolerance = 5

// Chance is how often a guess passes that knows nothing: 11 columns of 163.
const Chance = float64(2*Tolerance+1) / float64(Last-First+1)

// Sample is one puzzle as the adversary gets it, and its answer.
type Sample struct {
	Background, Piece []byte // PNG files
	Took              time.Duration
	Column            int
}

// Features are what a solver knows that looks at no pixel of the background:
// the bytes of both files, the time, and the piece's average colour, which must
// not tell on which side of the picture it was cut.
func Features(s Sample, piece image.Image) ([]float64, error) {
	f, err := features(s.Background)
	if err != nil {
		return nil, err
	}
	of, err := features(s.Piece)
	if err != nil {
		return nil, err
	}
	return append(append(append(f, of...), s.Took.Seconds()), average(piece)...), nil
}

// average is mean and spread of the piece's colours.
func average(m image.Image) []float64 {
	p, n := read(m), 0.0
	var sum, squares [3]float64
	for i, solid := range p.solid {
		if !solid {
			continue
		}
		n++
		for c, v := range p.rgb[i] {
			sum[c] += v
			squares[c] += v * v
		}
	}
	var f []float64
	for c := range sum {
		mean := sum[c] / max(n, 1)
		f = append(f, mean, math.Sqrt(max(0, squares[c]/max(n, 1)-mean*mean)))
	}
	return f
}

// Model is what was learned of samples.
type Model struct {
	scale   scale
	known   [][]float64
	columns []int
	weights []float64
	mean    float64
	best    int // the constant guess that fits most samples
	single  int // the feature that goes with the column most
	slope   float64
}

// Ways are the names of what Guess gives.
var Ways = [...]string{"a constant", "the nearest sample", "a regression", "the best feature"}

// Train learns four ways to guess: the best constant, the nearest sample, a
// linear regression, and the one feature that goes with the column most. There
// must be samples.
func Train(known [][]float64, columns []int) Model {
	m := Model{scale: newScale(known), columns: columns, best: mostWithin(columns)}
	for _, f := range known {
		m.known = append(m.known, m.scale.apply(f))
	}
	for _, x := range columns {
		m.mean += float64(x) / float64(len(columns))
	}
	m.weights = ridge(m.known, columns, m.mean)
	for k := range m.weights {
		slope := 0.0
		for i, f := range m.known {
			slope += f[k] * (float64(columns[i]) - m.mean) / float64(len(columns))
		}
		if math.Abs(slope) > math.Abs(m.slope) {
			m.single, m.slope = k, slope
		}
	}
	return m
}

// Guess gives what each of the Ways says.
func (m Model) Guess(f []float64) [len(Ways)]int {
	f = m.scale.apply(f)
	least, nearest := math.Inf(1), 0
	for i, other := range m.known {
		d := 0.0
		for k, v := range f {
			d += (v - other[k]) * (v - other[k])
		}
		if d < least {
			least, nearest = d, m.columns[i]
		}
	}
	linear := m.mean
	for k, v := range f {
		linear += v * m.weights[k]
	}
	return [...]int{m.best, nearest, column(linear), column(m.mean + m.slope*f[m.single])}
}

// column is the guess for a number: one that is too far out never pays.
func column(x float64) int {
	return min(Last-Tolerance, max(First+Tolerance, int(math.Round(x))))
}

// mostWithin is the guess that would have passed most often.
func mostWithin(columns []int) (best int) {
	most := -1
	for x := First; x <= Last; x++ {
		n := 0
		for _, c := range columns {
			if c-x <= Tolerance && x-c <= Tolerance {
				n++
			}
		}
		if n > most {
			most, best = n, x
		}
	}
	return best
}

// scale brings every feature to mean 0 and spread 1, and leaves out those that
// never change: they say nothing.
type scale struct {
	kept         []int
	mean, spread []float64 // of the kept ones
}

func newScale(all [][]float64) (s scale) {
	n := float64(len(all))
	for k := range all[0] {
		mean, spread := 0.0, 0.0
		for _, f := range all {
			mean += f[k] / n
		}
		for _, f := range all {
			spread += (f[k] - mean) * (f[k] - mean) / n
		}
		if spread > 1e-18 {
			s.kept, s.mean, s.spread = append(s.kept, k), append(s.mean, mean), append(s.spread, math.Sqrt(spread))
		}
	}
	return s
}

func (s scale) apply(f []float64) []float64 {
	scaled := make([]float64, len(s.kept))
	for i, k := range s.kept {
		scaled[i] = (f[k] - s.mean[i]) / s.spread[i]
	}
	return scaled
}

// penalty keeps the regression from learning noise.
const penalty = 50

// ridge is the linear regression of the columns on scaled features.
func ridge(known [][]float64, columns []int, mean float64) []float64 {
	n := len(known[0])
	a, right := make([][]float64, n), make([]float64, n)
	for i := range a {
		a[i] = make([]float64, n)
		a[i][i] = penalty
	}
	for s, f := range known {
		for i, v := range f {
			right[i] += v * (float64(columns[s]) - mean)
			for j := range i + 1 {
				a[i][j] += v * f[j]
			}
		}
	}
	return solve(a, right)
}

// solve is Cholesky's way for a symmetric positive matrix, of which only the
// lower half is read.
func solve(a [][]float64, right []float64) []float64 {
	for i := range a {
		for j := range i + 1 {
			sum := a[i][j]
			for k := range j {
				sum -= a[i][k] * a[j][k]
			}
			if i == j {
				a[i][i] = math.Sqrt(sum)
			} else {
				a[i][j] = sum / a[j][j]
			}
		}
	}
	x := slices.Clone(right)
	for i := range x {
		for k := range i {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	for i := len(x) - 1; i >= 0; i-- {
		for k := i + 1; k < len(x); k++ {
			x[i] -= a[k][i] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}
