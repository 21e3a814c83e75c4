package core

import (
	"testing"
	"time"
)

// TestNumbers: numbers increase, are exact in JSON, and lead back to their ids
// (contracts/jsms.md §1.4); no id of Next has one.
func TestNumbers(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	ids := NewIDs(func() time.Time { return now }, 255)
	var last, lastPlain int64
	seen := map[int64]bool{}
	for i := range 30_000 {
		if i%100 == 0 {
			now = now.Add(time.Millisecond)
		}
		id, plain := ids.NextShort(), ids.Next()
		number, ok := NumberOfID(id)
		if !ok || number <= last || number < 100_000_000_000 || number >= 1<<53 {
			t.Fatalf("id %d has the number %d after %d", id, number, last)
		}
		if back, ok := IDOfNumber(number); !ok || back != id {
			t.Fatalf("number %d leads to %d, not %d", number, back, id)
		}
		if _, ok := NumberOfID(plain); ok || plain <= lastPlain || seen[plain] || seen[id] || IDNode(id) != 255 {
			t.Fatalf("ids %d and %d", id, plain)
		}
		seen[id], seen[plain] = true, true
		last, lastPlain = number, plain
	}
	ids.Seed(1<<60 + 5)
	if id := ids.NextShort(); id <= 1<<60+5 {
		t.Errorf("after the seed: %d", id)
	}
	for _, number := range []int64{0, -1, 99_999_999_999, 1 << 53, 1<<63 - 1} {
		if _, ok := IDOfNumber(number); ok {
			t.Errorf("%d is a number", number)
		}
	}
	end := NewIDs(func() time.Time { return time.Date(2057, 12, 31, 0, 0, 0, 0, time.UTC) }, 255)
	if number, ok := NumberOfID(end.NextShort()); !ok || number >= 1<<53 {
		t.Errorf("in 2057: %d", number)
	}
}
