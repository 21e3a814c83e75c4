package simulation

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// fate answers every question of a run. It draws nothing in order: an answer
// depends on the seed, the question and whatever names its moment, so two
// goroutines that ask at the same time can not take each other's luck.
type fate uint64

func (f fate) draw(question string, moment ...int64) uint64 {
	h := fnv.New64a()
	var raw [8]byte
	binary.LittleEndian.PutUint64(raw[:], uint64(f))
	_, _ = h.Write(raw[:])
	_, _ = h.Write([]byte(question))
	for _, m := range moment {
		binary.LittleEndian.PutUint64(raw[:], uint64(m))
		_, _ = h.Write(raw[:])
	}
	// FNV's low bits are weak: mix them (SplitMix64).
	x := h.Sum64() + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// chance is true in so many of a thousand cases.
func (f fate) chance(perMille int, question string, moment ...int64) bool {
	return f.draw(question, moment...)%1000 < uint64(perMille)
}

// below is 0 to n-1.
func (f fate) below(n int, question string, moment ...int64) int {
	return int(f.draw(question, moment...) % uint64(n))
}

// between is a duration from low up to high, to the nanosecond: two things
// hardly ever happen at the same instant.
func (f fate) between(low, high time.Duration, question string, moment ...int64) time.Duration {
	return low + time.Duration(f.draw(question, moment...)%uint64(high-low))
}
