package core

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var idStart = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

// TestIDsRise: ids are positive and strictly monotonic, whatever the clock
// does: stand, jump, go back, or lie before 2024.
func TestIDsRise(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		now := idStart
		node := uint8(rapid.IntRange(0, 255).Draw(t, "node"))
		g := NewIDs(func() time.Time { return now }, node)
		last := int64(0)
		for range rapid.IntRange(1, 50).Draw(t, "draws") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(4*365*24*time.Hour), int64(time.Hour)).Draw(t, "jump")))
			for range rapid.IntRange(1, 20).Draw(t, "burst") {
				id := g.Next()
				if id <= last || IDNode(id) != node {
					t.Fatalf("id %d of node %d after %d", id, IDNode(id), last)
				}
				last = id
			}
		}
	})
}

func TestIDsOfOneMillisecond(t *testing.T) {
	g := NewIDs(func() time.Time { return idStart }, 3)
	first := g.Next()
	if !IDTime(first).Equal(idStart) || first < IDAt(idStart) || first >= IDAt(idStart.Add(time.Millisecond)) {
		t.Errorf("id %d is of %v, want %v", first, IDTime(first), idStart)
	}
	var last int64
	for range 8192 {
		last = g.Next()
	}
	if want := idStart.Add(time.Millisecond); !IDTime(last).Equal(want) { // the 8,193rd borrows from the next one
		t.Errorf("id %d is of %v, want %v", last, IDTime(last), want)
	}
}

// TestSeed: after a restart with the clock set back no id is made twice, on the
// node that made it and on any other.
func TestSeed(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		now := idStart
		clock := func() time.Time { return now }
		before := NewIDs(clock, uint8(rapid.IntRange(0, 255).Draw(t, "node")))
		var highest int64
		for range rapid.IntRange(1, 3*8192).Draw(t, "ids") {
			highest = before.Next()
		}
		now = now.Add(-time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "set back")))
		after := NewIDs(clock, uint8(rapid.IntRange(0, 255).Draw(t, "next node")))
		after.Seed(highest)
		after.Seed(1) // a lower one changes nothing
		if id := after.Next(); id <= highest {
			t.Fatalf("id %d after %d", id, highest)
		}
	})
	g := NewIDs(func() time.Time { return idStart }, 1)
	g.Seed(0) // an empty database
	if id := g.Next(); !IDTime(id).Equal(idStart) {
		tb.Errorf("the first id of an empty database is of %v", IDTime(id))
	}
}

// TestTwoNodes: nodes never make the same id, and neither do goroutines.
func TestTwoNodes(t *testing.T) {
	clock := func() time.Time { return idStart }
	var mu sync.Mutex
	seen := map[int64]bool{}
	var all sync.WaitGroup
	for _, g := range []*IDs{NewIDs(clock, 0), NewIDs(clock, 1), NewIDs(clock, 255)} {
		for range 4 {
			all.Go(func() {
				for range 3000 {
					id := g.Next()
					mu.Lock()
					if seen[id] {
						t.Errorf("id %d twice", id)
					}
					seen[id] = true
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
}

func TestIDAt(t *testing.T) {
	now := idStart
	g := NewIDs(func() time.Time { return now }, 255)
	older := g.Next()
	now = now.Add(time.Second)
	if at := IDAt(now); older >= at || g.Next() < at {
		t.Errorf("IDAt(%v) = %d does not part the older id %d from the newer", now, at, older)
	}
	if got := IDAt(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)); got != 0 {
		t.Errorf("IDAt before 2024 = %d", got)
	}
}
