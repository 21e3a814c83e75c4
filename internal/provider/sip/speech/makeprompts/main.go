package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"

	"yanma.dev/yanma/internal/provider/sip/g711"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: makeprompts IN.wav OUT.wav")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "makeprompts:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	raw, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	samples, rate, err := parse(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	narrow := level(trim(resample(samples, rate)))
	whole := make([]int16, len(narrow))
	for i, s := range narrow {
		whole[i] = int16(math.Round(s))
	}
	return os.WriteFile(out, g711.WAV(g711.ALaw, g711.ALaw.Encode(nil, whole)), 0o644)
}

// parse reads a WAV file as espeak-ng writes it: its length fields are those
// of a stream and not to be trusted.
func parse(raw []byte) (samples []float64, rate int, err error) {
	if len(raw) < 44 || string(raw[:4]) != "RIFF" || string(raw[8:16]) != "WAVEfmt " || string(raw[36:40]) != "data" {
		return nil, 0, errors.New("not a plain WAV file")
	}
	if binary.LittleEndian.Uint16(raw[20:]) != 1 || binary.LittleEndian.Uint16(raw[22:]) != 1 || binary.LittleEndian.Uint16(raw[34:]) != 16 {
		return nil, 0, errors.New("not mono of 16 bits")
	}
	for at := 44; at+2 <= len(raw); at += 2 {
		samples = append(samples, float64(int16(binary.LittleEndian.Uint16(raw[at:]))))
	}
	return samples, int(binary.LittleEndian.Uint32(raw[24:])), nil
}

// resample is a windowed sinc, cut off at 3.6 kHz.
func resample(in []float64, rate int) []float64 {
	const taps = 64
	step, cut := float64(rate)/g711.Rate, 2*3600/float64(rate)
	out := make([]float64, int(float64(len(in))/step))
	for i := range out {
		centre := float64(i) * step
		for j := int(centre) - taps; j <= int(centre)+taps; j++ {
			if j < 0 || j >= len(in) {
				continue
			}
			x := float64(j) - centre
			window := 0.5 + 0.5*math.Cos(math.Pi*x/(taps+1))
			out[i] += in[j] * cut * sinc(cut*x) * window
		}
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// trim keeps 10 ms before the first loud sample and 30 ms after the last one.
func trim(in []float64) []float64 {
	const loud = 300
	first, last := len(in), 0
	for i, s := range in {
		if math.Abs(s) > loud {
			first, last = min(first, i), i
		}
	}
	return in[max(first-g711.Rate/100, 0):min(last+3*g711.Rate/100, len(in))]
}

// level brings the loudest sample to a peak that leaves the line some room.
func level(in []float64) []float64 {
	const peak = 22000
	loudest := 1.0
	for _, s := range in {
		loudest = max(loudest, math.Abs(s))
	}
	for i := range in {
		in[i] *= peak / loudest
	}
	return in
}
