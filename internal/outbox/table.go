package outbox

import (
	"fmt"

	"yanma.dev/yanma/internal/store"
)

// allowed is the state machine of contracts/delivery.md §8: from each state,
// the set of states that may follow it.
var allowed = [...]states{
	store.MessageQueued:      of(store.MessageLeased, store.MessageExpired),
	store.MessageLeased:      of(store.MessageQueued, store.MessageSubmitted, store.MessageUnknown, store.MessageRejected, store.MessageExpired),
	store.MessageUnknown:     of(store.MessageSubmitted, store.MessageQueued, store.MessageExpired, store.MessageDead),
	store.MessageSubmitted:   of(store.MessageDelivered, store.MessageUndelivered, store.MessageExpired),
	store.MessageDelivered:   of(),
	store.MessageUndelivered: of(store.MessageDelivered, store.MessageQueued),
	store.MessageRejected:    of(store.MessageQueued, store.MessageDead),
	store.MessageExpired:     of(store.MessageDead),
	store.MessageDead:        of(store.MessageQueued), // an operator had it tried again
}

// states is a set of message states, one bit each.
type states uint16

func of(members ...store.MessageState) (set states) {
	for _, s := range members {
		set |= 1 << s
	}
	return set
}

// Allowed tells whether a message may go from one state to another in one
// move (contracts/delivery.md §8).
func Allowed(from, to store.MessageState) bool {
	return int(from) < len(allowed) && allowed[from]&(1<<to) != 0
}

// move takes a message to another state. A move outside the table is a mistake
// in this package: it panics, and the batch refuses the command.
func move(m *store.Message, to store.MessageState, now store.Time) {
	if !Allowed(m.State, to) {
		panic(fmt.Sprintf("outbox: a message can not go from %s to %s", m.State, to))
	}
	m.State, m.Updated = to, now
}
