package store

import "slices"

// Set holds the rows of one kind that a batch works on: what was loaded, what
// the commands made of it, and how to take the last command's changes back.
// It is used by one goroutine at a time.
type Set[K comparable, R any] struct {
	at     map[K]int32
	cells  []cell[K, R]
	wanted []K
	undo   []undoStep[R]
}

type cell[K comparable, R any] struct {
	key    K
	row    R
	was    R    // what the engine has
	stored bool // the engine has it
	exists bool // it exists as the batch sees it now
	dirty  bool
}

type undoStep[R any] struct {
	at            int32
	row           R
	exists, dirty bool
}

// Want names a row to be loaded. Naming it twice, or a row that the batch
// already has, costs nothing.
func (s *Set[K, R]) Want(k K) {
	if _, known := s.at[k]; known {
		return
	}
	s.add(k)
	s.wanted = append(s.wanted, k)
}

func (s *Set[K, R]) add(k K) int32 {
	if s.at == nil {
		s.at = make(map[K]int32)
	}
	i := int32(len(s.cells))
	s.at[k] = i
	s.cells = append(s.cells, cell[K, R]{key: k})
	return i
}

// Wanted is what the engine still has to load, in the order it was named.
func (s *Set[K, R]) Wanted() []K { return s.wanted }

// Loaded hands over a row that the engine has. A row that the batch already
// holds is left as it is: the batch may have changed it.
func (s *Set[K, R]) Loaded(k K, row R) {
	i, known := s.at[k]
	if !known {
		i = s.add(k)
	}
	if c := &s.cells[i]; !c.stored && !c.dirty {
		c.row, c.was, c.stored, c.exists = row, row, true, true
	}
}

// Get gives a row as the batch sees it now. Asking for one that no command
// named is a mistake in the command, and panics.
func (s *Set[K, R]) Get(k K) (R, bool) {
	i, known := s.at[k]
	if !known {
		panic("store: a command reads a row that it did not want")
	}
	c := &s.cells[i]
	return c.row, c.exists
}

// Has tells whether the row was named or loaded, whether it exists or not.
func (s *Set[K, R]) Has(k K) bool {
	_, known := s.at[k]
	return known
}

// Put inserts or replaces a row.
func (s *Set[K, R]) Put(k K, row R) {
	i, known := s.at[k]
	if !known {
		i = s.add(k)
	}
	c := &s.cells[i]
	s.undo = append(s.undo, undoStep[R]{at: i, row: c.row, exists: c.exists, dirty: c.dirty})
	c.row, c.exists, c.dirty = row, true, true
}

// Delete removes a row; a row that does not exist stays so.
func (s *Set[K, R]) Delete(k K) {
	i, known := s.at[k]
	if !known {
		return
	}
	c := &s.cells[i]
	if !c.exists {
		return
	}
	s.undo = append(s.undo, undoStep[R]{at: i, row: c.row, exists: c.exists, dirty: c.dirty})
	c.exists, c.dirty = false, true
}

// Updated calls f for every changed row that the engine already has, with what
// the engine has and what it shall have: an engine may leave alone the columns
// and indexes that did not change. f neither changes nor keeps the rows.
func (s *Set[K, R]) Updated(f func(was, is *R) error) error {
	for i := range s.cells {
		if c := &s.cells[i]; c.dirty && c.stored && c.exists {
			if err := f(&c.was, &c.row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Inserted calls f for every row that the engine does not have yet. f neither
// changes nor keeps the row.
func (s *Set[K, R]) Inserted(f func(*R) error) error {
	for i := range s.cells {
		if c := &s.cells[i]; c.dirty && !c.stored && c.exists {
			if err := f(&c.row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Deleted calls f for every row that the engine has and shall lose.
func (s *Set[K, R]) Deleted(f func(K) error) error {
	for i := range s.cells {
		if c := &s.cells[i]; c.dirty && c.stored && !c.exists {
			if err := f(c.key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Set[K, R]) loadedAll()  { s.wanted = s.wanted[:0] }
func (s *Set[K, R]) waits() bool { return len(s.wanted) > 0 }
func (s *Set[K, R]) changed() bool {
	for i := range s.cells {
		if c := &s.cells[i]; c.dirty && (c.exists || c.stored) {
			return true
		}
	}
	return false
}

func (s *Set[K, R]) keep() { clear(s.undo); s.undo = s.undo[:0] }

func (s *Set[K, R]) takeBack() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		u := &s.undo[i]
		c := &s.cells[u.at]
		c.row, c.exists, c.dirty = u.row, u.exists, u.dirty
	}
	s.keep()
}

func (s *Set[K, R]) reset() {
	clear(s.at)
	clear(s.cells)
	s.cells = s.cells[:0]
	s.wanted = s.wanted[:0]
	s.keep()
}

// Finder holds which rows of a Set a second key leads to, such as the live
// codes of a number.
type Finder[L, K comparable] struct {
	found  map[L]found[K]
	wanted []L
	adding []L
}

// found is what a second key leads to. A row that was loaded by its own id
// adds to keys without the engine having been asked for the others.
type found[K comparable] struct {
	keys  []K
	asked bool
	alone bool // asked for by a command that may add a row
}

// Want names a second key to be looked up by a command that may add a row for
// it: until the batch is committed, no other node that wants it adds one.
func (f *Finder[L, K]) Want(l L) {
	here := f.found[l]
	if here.alone {
		return
	}
	here.asked, here.alone = true, true
	f.put(l, here)
	f.wanted = append(f.wanted, l) // again, if it was looked at: somebody may have added one since
	f.adding = append(f.adding, l)
}

// Look names a second key to be looked up by a command that only reads and
// changes the rows that are there.
func (f *Finder[L, K]) Look(l L) {
	here := f.found[l]
	if here.asked {
		return
	}
	here.asked = true
	f.put(l, here)
	f.wanted = append(f.wanted, l)
}

func (f *Finder[L, K]) put(l L, here found[K]) {
	if f.found == nil {
		f.found = make(map[L]found[K])
	}
	f.found[l] = here
}

// Wanted is what the engine still has to look up.
func (f *Finder[L, K]) Wanted() []L { return f.wanted }

// Adding is those of them that rows may be added for.
func (f *Finder[L, K]) Adding() []L { return f.adding }

// Add records that l leads to k; recording it twice is fine.
func (f *Finder[L, K]) Add(l L, k K) {
	here := f.found[l]
	if slices.Contains(here.keys, k) {
		return
	}
	here.keys = append(here.keys, k)
	f.put(l, here)
}

// Asked tells whether a second key was named, so that Find knows all.
func (f *Finder[L, K]) Asked(l L) bool { return f.found[l].asked }

// Find gives the keys that l leads to. Some of their rows may be gone or
// changed by now: the caller looks at the rows.
func (f *Finder[L, K]) Find(l L) []K { return f.found[l].keys }

func (f *Finder[L, K]) loadedAll()  { f.wanted, f.adding = f.wanted[:0], f.adding[:0] }
func (f *Finder[L, K]) waits() bool { return len(f.wanted) > 0 }
func (f *Finder[L, K]) reset() {
	clear(f.found)
	f.loadedAll()
}
