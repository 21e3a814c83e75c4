package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"
)

// timingSamples is the size of the two-sample comparison of requirement row 9.
const timingSamples = 100_000

// timing asks whether the time of a refused check tells a number that has a
// user from one that has none: both are asked in turn, over one connection.
func (b *bench) timing() error {
	y, err := startYanma(b.binary, filepath.Join(b.work, "timing"), b.smpp, smppWindow, 1)
	if err != nil {
		return err
	}
	const known = 500
	first := b.number.next.Load() + 1
	if _, err := closedLoop(y.addr, 8, known, 0, loginFlow(b.number, y.keys, b.codes)); err != nil {
		return err
	}
	c, err := dial(y.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var samples [2][]float64
	for i := range timingSamples {
		kind := i % 2
		at := first + int64(i/2%known)
		if kind == 1 {
			at += 500_000_000
		}
		_, number := numberAt(at)
		body := checkCodeBody(nil, y.keys[0], number, "000000")
		start := time.Now()
		status, answer, err := c.post("/check-code", body)
		took := time.Since(start)
		if err != nil {
			return err
		}
		if status != 200 || string(answer[:14]) != `{"code":"0077"` {
			return fmt.Errorf("timing: status %d: %s", status, answer)
		}
		samples[kind] = append(samples[kind], float64(took.Nanoseconds())/1000)
	}
	with, without := trimmed(samples[0]), trimmed(samples[1])
	b.add("row 9: refused check, number with a user − without", fmt.Sprintf("%+.2f µs", with.mean-without.mean), "t within ±4.5",
		fmt.Sprintf("t = %.1f, means %.1f and %.1f µs, %d requests", welch(with, without), with.mean, without.mean, timingSamples))
	return y.stop()
}

// sample is what is known of one kind of request.
type sample struct {
	mean, variance float64
	n              float64
}

// trimmed leaves out the slowest twentieth: pauses of the machine.
func trimmed(all []float64) sample {
	slices.Sort(all)
	all = all[:len(all)*19/20]
	s := sample{n: float64(len(all))}
	for _, v := range all {
		s.mean += v / s.n
	}
	for _, v := range all {
		s.variance += (v - s.mean) * (v - s.mean) / (s.n - 1)
	}
	return s
}

// welch is the t statistic of two samples of unequal variance.
func welch(a, b sample) float64 { return (a.mean - b.mean) / math.Sqrt(a.variance/a.n+b.variance/b.n) }
