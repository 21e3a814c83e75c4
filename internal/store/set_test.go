package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type row struct {
	Key, Value int
}

// changes lists what an engine would write.
func changes(t *testing.T, s *Set[int, row]) (updated, inserted []row, deleted []int) {
	t.Helper()
	for _, err := range []error{
		s.Updated(func(_, is *row) error { updated = append(updated, *is); return nil }),
		s.Inserted(func(r *row) error { inserted = append(inserted, *r); return nil }),
		s.Deleted(func(k int) error { deleted = append(deleted, k); return nil }),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	return updated, inserted, deleted
}

func expectChanges(t *testing.T, s *Set[int, row], updated, inserted []row, deleted []int) {
	t.Helper()
	u, i, d := changes(t, s)
	if diff := cmp.Diff([]any{updated, inserted, deleted}, []any{u, i, d}); diff != "" {
		t.Errorf("updated, inserted, deleted (-want +got):\n%s", diff)
	}
	if got, want := s.changed(), len(updated)+len(inserted)+len(deleted) > 0; got != want {
		t.Errorf("changed %v, want %v", got, want)
	}
}

// loaded is a set with rows that the engine has.
func loaded(rows ...row) *Set[int, row] {
	s := &Set[int, row]{}
	for _, r := range rows {
		s.Want(r.Key)
	}
	s.loadedAll()
	for _, r := range rows {
		s.Loaded(r.Key, r)
	}
	return s
}

func TestSetWants(t *testing.T) {
	s := &Set[int, row]{}
	for _, k := range []int{3, 1, 3, 2, 1} {
		s.Want(k)
	}
	if diff := cmp.Diff([]int{3, 1, 2}, s.Wanted()); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
	s.Loaded(1, row{1, 10})
	s.loadedAll()
	s.Want(2) // looked for, and not there
	s.Want(4)
	if diff := cmp.Diff([]int{4}, s.Wanted()); diff != "" || !s.waits() {
		t.Errorf("wanted after a load (-want +got):\n%s", diff)
	}
	if r, exists := s.Get(1); !exists || r.Value != 10 {
		t.Errorf("loaded row: %+v, %v", r, exists)
	}
	if r, exists := s.Get(2); exists {
		t.Errorf("a row that is not there: %+v", r)
	}
	if !s.Has(2) || s.Has(5) {
		t.Error("Has does not tell what was named")
	}
	expectChanges(t, s, nil, nil, nil)
}

func TestSetPanicsForRowsThatNobodyWanted(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	loaded(row{1, 1}).Get(2)
}

func TestSetChanges(t *testing.T) {
	for _, c := range []struct {
		name              string
		change            func(*Set[int, row])
		updated, inserted []row
		deleted           []int
	}{
		{"nothing", func(*Set[int, row]) {}, nil, nil, nil},
		{"an update", func(s *Set[int, row]) { s.Put(1, row{1, 2}) }, []row{{1, 2}}, nil, nil},
		{"two updates of one row", func(s *Set[int, row]) { s.Put(1, row{1, 2}); s.Put(1, row{1, 3}) }, []row{{1, 3}}, nil, nil},
		{"an insert", func(s *Set[int, row]) { s.Put(9, row{9, 9}) }, nil, []row{{9, 9}}, nil},
		{"an insert and an update of it", func(s *Set[int, row]) { s.Put(9, row{9, 9}); s.Put(9, row{9, 8}) }, nil, []row{{9, 8}}, nil},
		{"a deletion", func(s *Set[int, row]) { s.Delete(1) }, nil, nil, []int{1}},
		{"deleted twice", func(s *Set[int, row]) { s.Delete(1); s.Delete(1) }, nil, nil, []int{1}},
		{"made and deleted", func(s *Set[int, row]) { s.Put(9, row{9, 9}); s.Delete(9) }, nil, nil, nil},
		{"deleted and made", func(s *Set[int, row]) { s.Delete(1); s.Put(1, row{1, 5}) }, []row{{1, 5}}, nil, nil},
		{"a deletion of nothing", func(s *Set[int, row]) { s.Delete(7) }, nil, nil, nil},
		{"in the order of keys", func(s *Set[int, row]) {
			s.Put(9, row{9, 0})
			s.Put(2, row{2, 0})
			s.Put(1, row{1, 0})
			s.Put(8, row{8, 0})
		}, []row{{1, 0}, {2, 0}}, []row{{9, 0}, {8, 0}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := loaded(row{1, 1}, row{2, 1})
			c.change(s)
			expectChanges(t, s, c.updated, c.inserted, c.deleted)
			s.takeBack()
			expectChanges(t, s, nil, nil, nil)
			for k := range 2 {
				if r, exists := s.Get(k + 1); !exists || r != (row{k + 1, 1}) {
					t.Errorf("taken back, row %d: %+v, %v", k+1, r, exists)
				}
			}
			c.change(s)
			s.keep()
			s.takeBack() // of the next command, which changed nothing
			expectChanges(t, s, c.updated, c.inserted, c.deleted)
		})
	}
}

func TestSetTakesBackOneCommandOnly(t *testing.T) {
	s := loaded(row{1, 1})
	s.Put(1, row{1, 2})
	s.Put(9, row{9, 1})
	s.keep()
	s.Put(1, row{1, 3})
	s.Delete(1)
	s.Delete(9)
	s.Put(9, row{9, 2})
	s.takeBack()
	expectChanges(t, s, []row{{1, 2}}, []row{{9, 1}}, nil)
}

func TestSetKnowsWhatTheEngineHas(t *testing.T) {
	s := loaded(row{1, 1})
	s.Put(1, row{1, 2})
	s.Put(1, row{1, 3})
	s.Loaded(1, row{1, 99}) // a later load finds it again: what the batch made of it stays
	err := s.Updated(func(was, is *row) error {
		if *was != (row{1, 1}) || *is != (row{1, 3}) {
			t.Errorf("was %+v, is %+v", *was, *is)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSetStopsAtTheFirstError(t *testing.T) {
	s := loaded(row{1, 1}, row{2, 2}, row{3, 3}, row{4, 4})
	for k := 1; k <= 2; k++ {
		s.Put(k, row{k, 0})
		s.Put(k+10, row{k + 10, 0})
		s.Delete(k + 2)
	}
	bad := errors.New("bad")
	for name, each := range map[string]func(func() error) error{
		"updated":  func(f func() error) error { return s.Updated(func(_, _ *row) error { return f() }) },
		"inserted": func(f func() error) error { return s.Inserted(func(*row) error { return f() }) },
		"deleted":  func(f func() error) error { return s.Deleted(func(int) error { return f() }) },
	} {
		calls := 0
		if err := each(func() error { calls++; return bad }); !errors.Is(err, bad) || calls != 1 {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
}

func TestSetReset(t *testing.T) {
	s := loaded(row{1, 1})
	s.Put(1, row{1, 2})
	s.Want(5)
	s.reset()
	expectChanges(t, s, nil, nil, nil)
	if s.Has(1) || s.waits() {
		t.Error("something is left of the batch before")
	}
	s.takeBack() // nothing to take back
}

func TestFinder(t *testing.T) {
	var f Finder[string, int]
	if got := f.Find("a"); got != nil {
		t.Errorf("found %v", got)
	}
	f.Add("a", 1) // a row that was loaded by its own id
	f.Want("a")   // still has to be looked up: there may be others
	f.Want("b")
	f.Want("a")
	if diff := cmp.Diff([]string{"a", "b"}, f.Wanted()); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
	f.Add("a", 2)
	f.Add("a", 1)
	f.loadedAll()
	f.Want("a")
	if f.waits() {
		t.Error("looked up twice")
	}
	if diff := cmp.Diff([]int{1, 2}, f.Find("a")); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	f.reset()
	if f.Find("a") != nil || f.waits() {
		t.Error("something is left of the batch before")
	}
}

func TestFinderLookAndWant(t *testing.T) {
	var f Finder[string, int]
	f.Look("read")
	f.Look("both")
	f.Want("both")
	f.Want("add")
	f.Look("add")
	if got := f.Wanted(); !slices.Equal(got, []string{"read", "both", "both", "add"}) {
		t.Errorf("wanted %v", got)
	}
	if got := f.Adding(); !slices.Equal(got, []string{"both", "add"}) {
		t.Errorf("adding %v", got)
	}
	f.loadedAll()
	// What was only looked at is looked up again by whoever may add to it.
	f.Look("read")
	f.Want("add")
	if f.waits() {
		t.Errorf("looked up again: %v", f.Wanted())
	}
	f.Want("read")
	if got := f.Adding(); !slices.Equal(got, []string{"read"}) || !f.waits() || !f.Asked("read") {
		t.Errorf("adding %v after looking", got)
	}
}
