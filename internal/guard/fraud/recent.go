package fraud

import (
	"sync"
	"sync/atomic"
	"time"
)

// recent remembers for ten to twenty minutes what was sent, in two Bloom
// filters that take turns: a code that is answered from the range that asked for
// it is no guess at a stranger's. It may remember too much: of a million codes
// in ten minutes one look in forty is wrong, and then a guess stands one step
// better.
type recent struct {
	filters [2]filter

	mu    sync.Mutex
	share bool     // other nodes are told
	fresh []uint64 // what they were not told yet
}

// mostFresh bounds what waits for the other nodes; a node that was not told of
// a code judges a guess at it one step harder.
const mostFresh = 1 << 14

type filter struct {
	turn atomic.Int64 // the ten minutes that it holds
	bits [filterWords]atomic.Uint64
}

const (
	filterWords = 1 << 17 // 1 MiB
	filterTurn  = 10 * 60 * 1000
	filterBits  = 4 // of a key
)

// at is the filter of a turn, emptied when it held an older one.
func (r *recent) at(turn int64) *filter {
	f := &r.filters[turn&1]
	if old := f.turn.Load(); old < turn && f.turn.CompareAndSwap(old, turn) && old != 0 {
		for i := range f.bits {
			f.bits[i].Store(0) // who adds meanwhile may be forgotten: it stands one step worse
		}
	}
	return f
}

// add notes a key, and keeps it for the other nodes.
func (r *recent) add(now time.Time, key uint64) {
	r.put(now.UnixMilli(), key)
	r.mu.Lock()
	if r.share && len(r.fresh) < mostFresh {
		r.fresh = append(r.fresh, key)
	}
	r.mu.Unlock()
}

// take is what the other nodes were not told yet. From the first time on, it is
// kept for them.
func (r *recent) take(share bool) []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := r.fresh
	r.share, r.fresh = share, nil
	return fresh
}

func (r *recent) put(ms int64, key uint64) {
	f := r.at(ms / filterTurn)
	for range filterBits {
		at := key % (filterWords * 64)
		f.bits[at/64].Or(1 << (at % 64))
		key = mix(key)
	}
}

func (r *recent) has(now time.Time, key uint64) bool {
	turn := now.UnixMilli() / filterTurn
	return r.filters[turn&1].has(turn, key) || r.filters[(turn-1)&1].has(turn-1, key)
}

func (f *filter) has(turn int64, key uint64) bool {
	if f.turn.Load() != turn {
		return false
	}
	for range filterBits {
		at := key % (filterWords * 64)
		if f.bits[at/64].Load()&(1<<(at%64)) == 0 {
			return false
		}
		key = mix(key)
	}
	return true
}

// mix is the output function of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// sentKey is a number of an app and the range that its code was asked from.
func sentKey(s *Subject) uint64 {
	var k keys
	s.checkKeys(&k)
	h := mix(s.Number ^ uint64(s.App)<<32)
	for i := range k.n {
		if kind := k.all[i].Kind; kind == Range4 || kind == Range6 {
			h = mix(h ^ k.all[i].Value)
		}
	}
	return h
}

// numberKey is a number of an app to which a code was sent.
func numberKey(s *Subject) uint64 { return mix(s.Number ^ uint64(s.App)<<32 ^ 0x5e27) }

// solvedKey is a number of an app whose code was sent after a solved challenge.
func solvedKey(s *Subject) uint64 { return mix(s.Number ^ uint64(s.App)<<32 ^ 0x5017ed) }
