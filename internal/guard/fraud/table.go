package fraud

import (
	"sync"
)

const (
	shardBits = 6
	shards    = 1 << shardBits
)

// shard is one 64th of the subjects. Its methods are called with mu held.
type shard struct {
	mu     sync.Mutex
	tables [kinds]table
	untold []Key // what has deltas for the other nodes
	moved  bool
	gone   uint64 // states that had to make room
}

// table holds the states of one kind. It never has more than most of them.
type table struct {
	index map[Key]int32
	slab  []state
	most  int
	hand  int // where the search for room goes on
}

// glance is how many states are looked at to find the one that leaves.
const glance = 8

// find returns a subject's state; nil when there is none.
func (t *table) find(k Key) *state {
	if i, ok := t.index[k]; ok {
		return &t.slab[i]
	}
	return nil
}

// make returns the subject's state, a new one if need be: then the lightest of
// a few others leaves when the table is full.
func (t *table) make(k Key, now int64) (s *state, evicted bool) {
	if s := t.find(k); s != nil {
		return s, false
	}
	if t.index == nil {
		t.index = map[Key]int32{}
	}
	if len(t.slab) < t.most {
		t.slab = append(t.slab, state{key: k, at: now})
		t.index[k] = int32(len(t.slab) - 1)
		return &t.slab[len(t.slab)-1], false
	}
	out := t.hand
	for i := 1; i < glance; i++ {
		if at := (t.hand + i) % len(t.slab); t.slab[at].weight(now) < t.slab[out].weight(now) {
			out = at
		}
	}
	t.hand = (t.hand + glance) % len(t.slab)
	delete(t.index, t.slab[out].key)
	t.index[k] = int32(out)
	t.slab[out] = state{key: k, at: now}
	return &t.slab[out], true
}

func (s *shard) find(k Key) *state { return s.tables[k.Kind].find(k) }

func (s *shard) make(k Key, now int64) *state {
	st, evicted := s.tables[k.Kind].make(k, now)
	if evicted {
		s.gone++
	}
	return st
}

// told notes that a state has something to tell.
func (s *shard) tell(st *state) {
	s.moved = true
	if st.dirty {
		return
	}
	st.dirty = true
	if s.untold = append(s.untold, st.key); len(s.untold) > 2*s.room() {
		s.forgetGone()
	}
}

// room is how many states there may be.
func (s *shard) room() (n int) {
	for i := range s.tables {
		n += s.tables[i].most
	}
	return n
}

// forgetGone takes states out of untold that had to make room: while the
// database is away nobody else does.
func (s *shard) forgetGone() {
	kept := s.untold[:0]
	for _, k := range s.untold {
		if st := s.find(k); st != nil && st.dirty {
			st.dirty = false // once each
			kept = append(kept, k)
		}
	}
	for _, k := range kept {
		s.find(k).dirty = true
	}
	s.untold = kept
}

// shardOf must be the same on every node and after a restart: states are
// written by shard. Who floods it with chosen addresses fills one 64th.
func shardOf(k Key) int {
	h := (k.Value ^ uint64(k.Scope)<<40 ^ uint64(k.Kind)<<56) * 0x9E3779B97F4A7C15
	h = (h ^ h>>29) * 0xBF58476D1CE4E5B9
	return int(h >> (64 - shardBits))
}
