package memory

import "math/bits"

// table is a hash table from subjects to entries: open addressing with linear
// probing in one slice without pointers, 16 bytes a slot. A slot's home is
// proportional to its hash, so the size need not be a power of two: growing by
// a quarter keeps it between 64 and 80 % full, where a built-in map doubles.
type table struct {
	slots []slot
	used  int
}

type slot struct {
	subject uint64
	entry   entry
}

const smallestTable = 16

// hash spreads a subject: the top 6 bits choose the shard, the rest the home.
func hash(subject uint64) uint64 {
	h := (subject ^ subject>>32) * 0x9E3779B97F4A7C15
	return (h ^ h>>29) * 0xBF58476D1CE4E5B9
}

func (t *table) home(subject uint64) int {
	high, _ := bits.Mul64(hash(subject)<<shardBits, uint64(len(t.slots)))
	return int(high)
}

func (t *table) next(i int) int {
	if i++; i < len(t.slots) {
		return i
	}
	return 0
}

// find is the place of a subject, or of the empty slot where its search ended;
// -1 in a table that has no slots yet.
func (t *table) find(subject uint64) int {
	if len(t.slots) == 0 {
		return -1
	}
	i := t.home(subject)
	for !t.slots[i].entry.empty() && t.slots[i].subject != subject {
		i = t.next(i)
	}
	return i
}

// entry is what slot i holds; empty for the -1 of find.
func (t *table) entry(i int) entry {
	if i < 0 {
		return 0
	}
	return t.slots[i].entry
}

// put sets the entry, which is not empty, of the subject for which find said i.
func (t *table) put(i int, subject uint64, e entry) {
	if !t.entry(i).empty() {
		t.slots[i].entry = e
		return
	}
	if (t.used+1)*5 > len(t.slots)*4 {
		t.resize(max(smallestTable, len(t.slots)+len(t.slots)/4))
		i = t.find(subject)
	}
	t.slots[i] = slot{subject, e}
	t.used++
}

// remove empties slot i and moves back what had to step over it.
func (t *table) remove(i int) {
	t.used--
	for j := t.next(i); !t.slots[j].entry.empty(); j = t.next(j) {
		if t.distance(t.home(t.slots[j].subject), j) >= t.distance(i, j) {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = slot{}
}

// distance is the number of steps from slot a to slot b.
func (t *table) distance(a, b int) int {
	if b < a {
		b += len(t.slots)
	}
	return b - a
}

// shrink gives memory back when the table is less than half of what it could be.
func (t *table) shrink() {
	if fit := max(smallestTable, t.used*3/2); fit*2 < len(t.slots) {
		t.resize(fit)
	}
}

func (t *table) resize(size int) {
	old := t.slots
	t.slots = make([]slot, size)
	for _, s := range old {
		if !s.entry.empty() {
			t.slots[t.find(s.subject)] = s
		}
	}
}
