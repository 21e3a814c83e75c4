package core

// Some dialects want ids of messages below 2⁵³, which every JSON reader keeps
// exact (contracts/jsms.md §1.4). An id of NextShort has such a number, and no
// table: 40 bits of milliseconds since 2024, 8 of node, 5 of sequence, from a
// hundred thousand million on. The last 32 ids of every millisecond are kept for
// them. It lasts until 2058.
const (
	shortSeqBits = 5
	firstShort   = 1<<idSeqBits - 1<<shortSeqBits
	firstNumber  = 100_000_000_000
)

// NextShort returns the next id that has a number. It sorts among those of Next
// by its millisecond. More than 32 in one borrow from those to come.
func (g *IDs) NextShort() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	stamp := (g.now().UnixMilli() - idEpoch) << idSeqBits
	if stamp <= g.short {
		stamp = g.short + 1
	}
	if stamp&(1<<idSeqBits-1) < firstShort {
		stamp = stamp>>idSeqBits<<idSeqBits | firstShort
	}
	g.short = stamp
	return stamp>>idSeqBits<<(idNodeBits+idSeqBits) | g.node<<idSeqBits | stamp&(1<<idSeqBits-1)
}

// NumberOfID is the number of an id of NextShort, from 100,000,000,000 to 2⁵³ - 1;
// false for other ids.
func NumberOfID(id int64) (number int64, ok bool) {
	seq := id & (1<<idSeqBits - 1)
	if id <= 0 || seq < firstShort {
		return 0, false
	}
	rest := id >> idSeqBits // milliseconds and node
	number = firstNumber + rest<<shortSeqBits
	number += seq - firstShort
	return number, number < 1<<53
}

// IDOfNumber is the inverse of NumberOfID.
func IDOfNumber(number int64) (id int64, ok bool) {
	if number < firstNumber || number >= 1<<53 {
		return 0, false
	}
	number -= firstNumber
	id = number>>shortSeqBits<<idSeqBits | firstShort | number&(1<<shortSeqBits-1)
	return id, id > 0
}
