package fraud

import (
	"encoding/binary"
	"errors"
	"math"
)

// errDamaged is what reading says of bytes that were not written here.
var errDamaged = errors.New("fraud: a stored row is damaged")

// codecVersion is the first byte of every row. A row of another version is
// passed over: levels begin anew then, and habits are learned again.
const codecVersion = 1

// reader takes a row apart; after the first fault everything is zero.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.bad = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) count() uint32 { return uint32(min(r.uint(), math.MaxUint32)) }

// time reads Unix milliseconds, or a number of slots or hours.
func (r *reader) time() int64 {
	t := r.uint()
	if t > 1<<50 {
		r.bad = true
		return 0
	}
	return int64(t)
}

// float reads a level or a sum: never negative, never endless.
func (r *reader) float() float32 {
	f := math.Float32frombits(r.count())
	if !(f >= 0 && f < 1e9) {
		r.bad = true
		return 0
	}
	return f
}

func appendFloat(b []byte, f float32) []byte {
	return binary.AppendUvarint(b, uint64(math.Float32bits(f)))
}

func appendTime(b []byte, t int64) []byte { return binary.AppendUvarint(b, uint64(max(t, 0))) }

func (k Key) append(b []byte) []byte {
	b = append(b, byte(k.Kind))
	b = binary.AppendUvarint(b, uint64(k.Scope))
	return binary.AppendUvarint(b, k.Value)
}

func (r *reader) key() Key {
	k := Key{Kind: Kind(r.byte())}
	if k.Kind == 0 || k.Kind >= kinds {
		r.bad = true
		return Key{}
	}
	k.Scope, k.Value = r.count(), r.uint()
	return k
}

func (c counts) append(b []byte) []byte {
	for _, n := range [...]uint32{c.sent, c.verified, c.failed, c.refused} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

func (r *reader) counts() counts {
	return counts{sent: r.count(), verified: r.count(), failed: r.count(), refused: r.count()}
}

func (g *gauge) append(b []byte) []byte {
	b = appendFloat(b, g.level)
	b = append(b, g.trips, byte(g.mode), byte(g.worst))
	b = appendTime(appendTime(b, g.since), g.until)
	return binary.AppendUvarint(b, g.probe)
}

func (r *reader) gauge() gauge {
	g := gauge{level: r.float(), trips: r.byte(), mode: Outcome(r.byte()), worst: Outcome(r.byte()), since: r.time(), until: r.time(), probe: r.uint()}
	if g.mode > Block || g.worst > Block {
		r.bad = true
	}
	return g
}

// append writes a state for a part.
func (s *state) append(b []byte) []byte {
	b = appendTime(s.key.append(b), s.at)
	b = s.unverified.append(b)
	b = s.failing.append(b)
	b = s.solved.append(b)
	b = appendTime(b, s.window.slot)
	used := uint16(0)
	for i, c := range s.window.ring {
		if c != (counts{}) {
			used |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, uint64(used))
	for i, c := range s.window.ring {
		if used&(1<<i) != 0 {
			b = c.append(b)
		}
	}
	h := &s.habit
	b = appendTime(b, h.hour)
	for _, f := range [...]float32{h.peak, h.sent, h.verified, h.failed} {
		b = appendFloat(b, f)
	}
	for _, u := range h.usual {
		b = binary.AppendUvarint(b, uint64(u*16+.5))
	}
	return b
}

func (r *reader) state() (s state) {
	s.key, s.at = r.key(), r.time()
	s.unverified, s.failing, s.solved = r.gauge(), r.gauge(), r.gauge()
	s.window.slot = r.time()
	used := r.uint()
	for i := range s.window.ring {
		if used&(1<<i) != 0 {
			s.window.ring[i] = r.counts()
		}
	}
	s.window.sum()
	h := &s.habit
	h.hour = r.time()
	h.peak, h.sent, h.verified, h.failed = r.float(), r.float(), r.float(), r.float()
	for i := range h.usual {
		h.usual[i] = float32(min(r.uint(), 1<<24)) / 16
	}
	return s
}

// empty tells whether nothing is lost without the state.
func (s *state) empty() bool {
	return s.unverified.level == 0 && s.failing.level == 0 && s.solved.level == 0 && s.unverified.trips == 0 && s.failing.trips == 0 &&
		s.solved.trips == 0 && s.habit.sent < .5 && s.habit.failed < .5
}

// part writes the states of a shard, and tells whether it moved since the last
// time.
func (e *Engine) part(i int, now int64) (data []byte, moved bool) {
	sh := &e.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !sh.moved {
		return nil, false
	}
	sh.moved = false
	data = append(data, codecVersion)
	for kind := range sh.tables {
		for j := range sh.tables[kind].slab {
			s := &sh.tables[kind].slab[j]
			if s.touch(now, &e.rules); !s.empty() {
				data = s.append(data)
			}
		}
	}
	return data, true
}

// unwritten notes that a part could not be written.
func (e *Engine) unwritten(i int) {
	sh := &e.shards[i]
	sh.mu.Lock()
	sh.moved = true
	sh.mu.Unlock()
}

// loadPart reads what part wrote.
func (e *Engine) loadPart(data []byte, now int64) error {
	if len(data) == 0 || data[0] != codecVersion {
		return nil
	}
	for r := (reader{data: data[1:]}); len(r.data) > 0; {
		s := r.state()
		if r.bad {
			return errDamaged
		}
		sh := &e.shards[shardOf(s.key)]
		sh.mu.Lock()
		*sh.make(s.key, now) = s
		sh.mu.Unlock()
	}
	return nil
}

// deltas writes what happened on this node since the last call; nil: nothing.
// recent: also which numbers codes were sent to, for other nodes.
func (e *Engine) deltas(recent bool) (data []byte) {
	data = append(data, codecVersion)
	for i := range e.shards {
		sh := &e.shards[i]
		sh.mu.Lock()
		for _, k := range sh.untold {
			if s := sh.find(k); s != nil && s.dirty { // not one that had to make room
				data = s.untold.append(k.append(data))
				data = binary.AppendUvarint(binary.AppendUvarint(data, uint64(s.given)), uint64(s.slips))
				s.untold, s.given, s.slips, s.dirty = counts{}, 0, 0, false
			}
		}
		sh.untold = sh.untold[:0]
		sh.mu.Unlock()
	}
	if fresh := e.recent.take(recent); len(fresh) > 0 {
		data = append(data, 0)
		for _, key := range fresh {
			data = binary.BigEndian.AppendUint64(data, key)
		}
	}
	if len(data) == 1 {
		return nil
	}
	return data
}

// apply counts what deltas told, as of now. take tells whether a subject's part
// does not hold it yet; nil: all.
func (e *Engine) apply(data []byte, now int64, take func(part int) bool) error {
	if len(data) == 0 || data[0] != codecVersion {
		return nil
	}
	r := reader{data: data[1:]}
	for len(r.data) > 0 && r.data[0] != 0 {
		k, c, given, slips := r.key(), r.counts(), r.count(), r.count()
		if r.bad {
			return errDamaged
		}
		if part := shardOf(k); take == nil || take(part) {
			e.applyOne(&e.shards[part], k, c, given, min(slips, c.failed), now)
		}
	}
	if len(r.data) > 0 {
		for rest := r.data[1:]; len(rest) >= 8; rest = rest[8:] {
			e.recent.put(now, binary.BigEndian.Uint64(rest))
		}
	}
	return nil
}

func (e *Engine) applyOne(sh *shard, k Key, c counts, given, slips uint32, now int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.make(k, now)
	l := s.touch(now, &e.rules)
	sh.moved = true
	if c.verified > 0 {
		s.right(now, c.verified, 0, false, &l)
	}
	if c.sent > 0 {
		s.sent(now, c.sent, 0, false, &e.rules, &l)
	}
	if given > 0 {
		s.back(given)
	}
	if c.failed > 0 {
		s.failed(now, c.failed, slips, &l)
	}
	if c.refused > 0 {
		by := s.judgeSend(&e.rules, &l, false)
		if wrong := s.judgeChecks(&e.rules, &l, false); wrong.outcome > by.outcome {
			by = wrong
		}
		s.refused(now, c.refused, by, &l)
	}
}
