package memory

import (
	"sync"

	"yanma.dev/yanma/internal/guard"
)

const (
	shardBits = 6
	shards    = 1 << shardBits
)

// shard is one sixty-fourth of the subjects. Its methods are called with mu held.
type shard struct {
	mu     sync.Mutex
	table  table
	chunks [sizeClasses]chunks
}

// events is the list of an entry's times, oldest first. A single one is put
// into room, which the caller keeps on its stack.
func (s *shard) events(e entry, room *[1]uint32) []uint32 {
	switch {
	case e.empty():
		return nil
	case e.many():
		return s.chunk(e)[:e.count()]
	}
	room[0] = e.low()
	return room[:]
}

func (s *shard) chunk(e entry) []uint32 {
	return s.chunks[e.sizeClass()].at(e.low(), chunkLen(e.sizeClass()))
}

func (s *shard) release(e entry) {
	if e.many() {
		s.chunks[e.sizeClass()].release(e.low(), chunkLen(e.sizeClass()))
	}
}

// add notes an event of a subject. keep bounds how many events are worth
// keeping: with more the oldest leaves.
func (s *shard) add(now instant, subject uint64, event uint32, kept guard.Retention, keep int) {
	i := s.table.find(subject)
	e := s.table.entry(i)
	kept = max(kept, e.retention())
	switch {
	case e.empty(), !e.many() && now.expired(e.low(), kept):
		s.table.put(i, subject, oneEvent(kept, event))
		return
	case !e.many():
		e = s.store(kept, 0, []uint32{e.low()})
	case e.count() == chunkLen(e.sizeClass()):
		e = s.makeRoom(now, e, keep)
	}
	events := s.chunk(e)
	n := e.count()
	at := n
	for ; at > 0 && int32(event-events[at-1]) < 0; at-- { // in order, whoever got the lock first
		events[at] = events[at-1]
	}
	events[at] = event
	s.table.put(i, subject, manyEvents(kept, e.sizeClass(), n+1, e.low()))
}

// makeRoom gives a full chunk room for one event: expired ones leave, then the
// oldest beyond keep, else the chunk grows.
func (s *shard) makeRoom(now instant, e entry, keep int) entry {
	events := s.chunk(e)
	gone := now.countExpired(events, e.retention())
	gone = max(gone, len(events)+1-min(keep, largestChunkLen))
	if gone > 0 {
		n := copy(events, events[gone:])
		return manyEvents(e.retention(), e.sizeClass(), n, e.low())
	}
	grown := s.store(e.retention(), e.sizeClass()+1, events)
	s.release(e)
	return grown
}

// countExpired counts the expired events at the list's beginning.
func (n instant) countExpired(events []uint32, r guard.Retention) int {
	i := 0
	for i < len(events) && n.expired(events[i], r) {
		i++
	}
	return i
}

// store puts events into a new chunk.
func (s *shard) store(r guard.Retention, class uint8, events []uint32) entry {
	i := s.chunks[class].take(chunkLen(class))
	n := copy(s.chunks[class].at(i, chunkLen(class)), events)
	return manyEvents(r, class, n, i)
}

// remove takes back one event of a subject; nothing when it is not there.
func (s *shard) remove(subject uint64, event uint32) {
	i := s.table.find(subject)
	e := s.table.entry(i)
	if !e.many() {
		if !e.empty() && e.low() == event {
			s.table.remove(i)
		}
		return
	}
	events := s.chunk(e)[:e.count()]
	for at := len(events) - 1; at >= 0; at-- {
		if events[at] == event {
			copy(events[at:], events[at+1:])
			s.settle(i, e, events[:len(events)-1])
			return
		}
	}
}

// settle stores what is left of the events of slot i's chunk: in the slot when
// there is one, in a smaller chunk when a quarter would do. It tells whether
// the subject is gone.
func (s *shard) settle(i int, e entry, left []uint32) (gone bool) {
	switch {
	case len(left) == 0:
		s.release(e)
		s.table.remove(i)
		return true
	case len(left) == 1:
		s.table.slots[i].entry = oneEvent(e.retention(), left[0])
		s.release(e)
	case len(left)*4 <= chunkLen(e.sizeClass()):
		s.table.slots[i].entry = s.store(e.retention(), classFor(len(left)), left)
		s.release(e)
	default:
		n := copy(s.chunk(e), left)
		s.table.slots[i].entry = manyEvents(e.retention(), e.sizeClass(), n, e.low())
	}
	return false
}

// sweep looks at up to budget slots from i on. It returns where to go on, -1 at
// the shard's end, and what is left of the budget.
func (s *shard) sweep(now instant, i, budget int) (next, left int) {
	for ; budget > 0 && i < len(s.table.slots); budget-- {
		if !s.sweepSlot(now, i) { // what moved into slot i is still to be looked at
			i++
		}
	}
	if i < len(s.table.slots) {
		return i, 0
	}
	s.table.shrink()
	for class := range s.chunks {
		s.chunks[class].shrink()
	}
	return -1, budget
}

func (s *shard) sweepSlot(now instant, i int) (gone bool) {
	e := s.table.slots[i].entry
	switch {
	case e.empty():
		return false
	case e.many():
		events := s.chunk(e)[:e.count()]
		return s.settle(i, e, events[now.countExpired(events, e.retention()):])
	case now.expired(e.low(), e.retention()):
		s.table.remove(i)
		return true
	}
	return false
}
