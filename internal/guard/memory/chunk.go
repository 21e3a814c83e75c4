package memory

import "slices"

// chunks keeps the events of one size class: all chunks one after the other in
// one slice, the free ones linked through their first word.
type chunks struct {
	words []uint32
	free  uint32 // index of the first free chunk plus 1; 0 means none
	used  int
}

// chunkLen is how many events a chunk of a size class holds.
func chunkLen(class uint8) int { return smallestChunk << class }

// classFor is the smallest size class that holds n events.
func classFor(n int) uint8 {
	class := uint8(0)
	for chunkLen(class) < n {
		class++
	}
	return class
}

// take returns the index of a chunk of size words.
func (c *chunks) take(size int) uint32 {
	c.used++
	if c.free != 0 {
		i := c.free - 1
		c.free = c.words[int(i)*size]
		return i
	}
	i := len(c.words) / size
	if len(c.words)+size > cap(c.words) {
		c.words = slices.Grow(c.words, max(size, len(c.words)/4))
	}
	c.words = c.words[:len(c.words)+size]
	return uint32(i)
}

func (c *chunks) at(i uint32, size int) []uint32 {
	return c.words[int(i)*size : (int(i)+1)*size]
}

// release frees chunk i.
func (c *chunks) release(i uint32, size int) {
	c.used--
	c.words[int(i)*size] = c.free
	c.free = i + 1
}

// shrink returns the memory when no chunk is in use.
func (c *chunks) shrink() {
	if c.used == 0 {
		*c = chunks{}
	}
}
