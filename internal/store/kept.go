package store

import "time"

// Kept is a table whose ids are in time order, and how long its rows are kept
// from when they were made.
type Kept struct {
	Table string
	For   time.Duration // 0: for ever
	Over  string        // condition, in portable SQL, that rows meet which may go when they are old
	Waits []string      // conditions that find all others, each by an index
}
