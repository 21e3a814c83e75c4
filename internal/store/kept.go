package store

import "time"

// Kept is a table whose ids are in time order, and how long its rows are kept
// from when they were made; 0: for ever.
type Kept struct {
	Table string
	For   time.Duration
}
