package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"yanma.dev/yanma/internal/core"
)

// chiSquareAt999 is the value that a χ² statistic of a uniform source exceeds
// once in a thousand times (Wilson and Hilferty's approximation).
func chiSquareAt999(degrees int) float64 {
	n := float64(degrees)
	return n * math.Pow(1-2/(9*n)+3.0902*math.Sqrt(2/(9*n)), 3)
}

// TestReq01_UniformCodes: a million draws for each length; every part of the
// code is uniform, and so is the first digit: leading zeros are kept.
func TestReq01_UniformCodes(t *testing.T) {
	for _, c := range []struct {
		length int
		parts  [][2]int // digits that are looked at together
	}{
		{4, [][2]int{{0, 4}, {0, 1}}},
		{6, [][2]int{{0, 6}, {0, 3}, {3, 6}, {0, 1}, {5, 6}}},
		{10, [][2]int{{0, 3}, {3, 6}, {6, 10}, {0, 1}, {9, 10}}},
	} {
		if testing.Short() && c.length != 6 { // under the race detector
			continue
		}
		t.Run(strconv.Itoa(c.length)+" digits", func(t *testing.T) {
			const draws = 1_000_000
			random := rand.NewChaCha8([32]byte{1, byte(c.length)})
			counts := make([][]int, len(c.parts))
			for i, p := range c.parts {
				counts[i] = make([]int, int(math.Pow10(p[1]-p[0])))
			}
			for range draws {
				digits, err := drawDigits(random, c.length)
				if err != nil {
					t.Fatal(err)
				}
				if len(digits) != c.length || !core.ValidCodeDigits(digits) {
					t.Fatalf("%q is no code of %d digits", digits, c.length)
				}
				for i, p := range c.parts {
					n, _ := strconv.Atoi(digits[p[0]:p[1]])
					counts[i][n]++
				}
			}
			for i, p := range c.parts {
				expected, statistic := float64(draws)/float64(len(counts[i])), 0.0
				for _, n := range counts[i] {
					statistic += (float64(n) - expected) * (float64(n) - expected) / expected
				}
				if limit := chiSquareAt999(len(counts[i]) - 1); statistic > limit {
					t.Errorf("digits %d to %d: χ² = %.0f, over %.0f: p < 0.001", p[0]+1, p[1], statistic, limit)
				}
			}
		})
	}
}

// drawn is a random source that gives these values.
func drawn(values ...uint64) io.Reader {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, v)
	}
	return bytes.NewReader(raw)
}

// TestReq01_NoModuloBias: 2⁶⁴ is no multiple of a power of ten; what lies
// beyond the last whole multiple is drawn again.
func TestReq01_NoModuloBias(t *testing.T) {
	for _, c := range []struct {
		length int
		last   uint64 // the last value that is taken: floor(2⁶⁴ ÷ 10^length) × 10^length − 1
	}{
		{4, 18_446_744_073_709_549_999},
		{6, 18_446_744_073_708_999_999},
		{10, 18_446_744_069_999_999_999},
	} {
		for _, v := range []struct {
			values []uint64
			want   string
		}{
			{[]uint64{0}, strings.Repeat("0", c.length)},
			{[]uint64{7}, strings.Repeat("0", c.length-1) + "7"},
			{[]uint64{c.last}, strings.Repeat("9", c.length)},
			{[]uint64{c.last + 1, math.MaxUint64, 42}, strings.Repeat("0", c.length-2) + "42"},
		} {
			code, err := NewCode(drawn(v.values...), c.length)
			if err != nil || code.Digits() != v.want {
				t.Errorf("%d digits of %v = %q, %v, want %q", c.length, v.values, code.Digits(), err, v.want)
			}
		}
	}
}

// TestReq01_ShortReaderFails: without random bytes there is no code, and
// nothing was sent, stored or charged.
func TestReq01_ShortReaderFails(t *testing.T) {
	broken := errors.New("no entropy")
	for name, random := range map[string]io.Reader{
		"empty":              bytes.NewReader(nil),
		"seven bytes":        bytes.NewReader(make([]byte, 7)),
		"an error":           iotest.ErrReader(broken),
		"beyond, then short": io.MultiReader(drawn(math.MaxUint64), bytes.NewReader(make([]byte, 3))),
	} {
		if code, err := NewCode(random, 6); err == nil || code.Digits() != "" {
			t.Errorf("%s: code %q, %v", name, code.Digits(), err)
		}
	}
	w := newWorld(t, setting{random: bytes.NewReader(make([]byte, 7)), edit: withLimits})
	_, err := w.start(phone)
	wantKind(t, core.AsError(err), core.KindInternal)
	if rows := w.rows(); len(rows.Verifications)+len(rows.Messages) != 0 || w.phones.count() != 0 || w.limiter.Len() != 0 {
		t.Errorf("a failed send left %d codes, %d messages, %d limit subjects", len(rows.Verifications), len(rows.Messages), w.limiter.Len())
	}
}

func TestCodeLengthBounds(t *testing.T) {
	for _, length := range []int{-1, 0, 3, 11} {
		if code, err := NewCode(drawn(1, 2), length); err == nil {
			t.Errorf("a code of %d digits: %q", length, code.Digits())
		}
	}
}
