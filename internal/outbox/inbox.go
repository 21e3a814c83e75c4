package outbox

import "sync"

// inbox gathers what arrives while the commit before it runs.
type inbox[T any] struct {
	mu     sync.Mutex
	items  []T
	closed bool
	wake   chan struct{} // holds one token when there is something to see
}

func newInbox[T any]() inbox[T] { return inbox[T]{wake: make(chan struct{}, 1)} }

// put adds an item; false when the inbox is closed.
func (b *inbox[T]) put(item T) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.items = append(b.items, item)
	b.signal()
	return true
}

// close lets nothing more in.
func (b *inbox[T]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

func (b *inbox[T]) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take appends everything that arrived to into, and tells whether more may
// come.
func (b *inbox[T]) take(into []T) (all []T, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all = append(into, b.items...)
	clear(b.items)
	b.items = b.items[:0]
	return all, !b.closed
}

// drop takes the first n items out of a backlog, so that its memory is used
// again.
func drop[T any](backlog []T, n int) []T {
	rest := copy(backlog, backlog[n:])
	clear(backlog[rest:])
	return backlog[:rest]
}
