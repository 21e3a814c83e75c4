package link

import (
	"sync"

	"yanma.dev/yanma/internal/provider"
)

// submission is one message between Submit and done. Its parts end in any
// order, on any goroutine.
type submission struct {
	client *Client
	done   func(provider.Outcome)

	mu       sync.Mutex
	left     int
	ids      []string // by part; empty until it is accepted
	accepted int
	unknown  bool
	refusal  provider.Outcome // of the first part, in their order, that was not accepted
	refused  int              // that part

	only [1]string // the room of ids for a message of one part
}

func newSubmission(c *Client, parts int, done func(provider.Outcome)) *submission {
	s := &submission{client: c, done: done, left: parts, refused: parts}
	if parts == 1 {
		s.ids = s.only[:]
	} else {
		s.ids = make([]string, parts)
	}
	return s
}

// settle ends one part; id is the carrier's when it was accepted. The last
// part to end calls done.
func (s *submission) settle(part int, id string, o provider.Outcome) {
	s.mu.Lock()
	s.left--
	switch {
	case o.Class == provider.Accepted:
		s.ids[part] = id
		s.accepted++
	case o.Class == provider.Unknown && !s.unknown, !s.unknown && part < s.refused:
		s.unknown = o.Class == provider.Unknown
		s.refusal, s.refused = o, part
	}
	last := s.left == 0
	s.mu.Unlock()
	if last {
		s.done(s.outcome())
		s.client.leave()
	}
}

// outcome joins the parts (provider.Outcome): Unknown over all; and a message
// of which a part was taken is never NotSent, because bytes were written.
func (s *submission) outcome() provider.Outcome {
	if s.accepted == len(s.ids) {
		return provider.Outcome{Class: provider.Accepted, PartIDs: s.ids}
	}
	o := s.refusal
	if o.Class == provider.NotSent && s.accepted > 0 {
		o.Class = provider.Unknown
	}
	if o.Class == provider.Unknown && s.accepted > 0 {
		for _, id := range s.ids {
			if id != "" {
				o.PartIDs = append(o.PartIDs, id)
			}
		}
	}
	return o
}
