package link

import "slices"

// Queue is what a carrier in the process has to deliver to the sessions of one
// account. Its owner's lock guards it.
type Queue[S comparable, D any] struct {
	sessions []S
	ready    []D
}

// Join adds a session that takes deliveries.
func (q *Queue[S, D]) Join(s S) { q.sessions = append(q.sessions, s) }

// Leave takes a session out, and what it had not answered back in.
func (q *Queue[S, D]) Leave(s S, open []D) {
	if i := slices.Index(q.sessions, s); i >= 0 {
		q.sessions = slices.Delete(q.sessions, i, i+1)
	}
	q.ready = append(q.ready, open...)
}

// Add puts a delivery at the end.
func (q *Queue[S, D]) Add(d D) { q.ready = append(q.ready, d) }

// Idle tells whether nobody takes and nothing waits.
func (q *Queue[S, D]) Idle() bool { return len(q.sessions) == 0 && len(q.ready) == 0 }

// Pump sends what there is room for, each to the session that has the most; send
// fails where the connection has ended.
func (q *Queue[S, D]) Pump(room func(S) int, send func(S, D) error) {
	sent := 0
	for ; sent < len(q.ready); sent++ {
		best, most := *new(S), 0
		for _, s := range q.sessions {
			if n := room(s); n > most {
				best, most = s, n
			}
		}
		if most == 0 || send(best, q.ready[sent]) != nil {
			break
		}
	}
	clear(q.ready[:sent])
	q.ready = q.ready[sent:]
	if len(q.ready) == 0 {
		q.ready = nil
	}
}
