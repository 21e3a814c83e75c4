package outbox

import (
	"context"

	"yanma.dev/yanma/internal/provider"
)

// line is messages that wait. Codes come before everything else: a person waits
// for one, and a batch of notices may take a provider minutes.
type line struct {
	codes, others chan *flight
}

func newLine(length int) line {
	return line{codes: make(chan *flight, length), others: make(chan *flight, length)}
}

// of is where a flight waits.
func (l line) of(f *flight) chan *flight {
	if f.message.Code {
		return l.codes
	}
	return l.others
}

// offer puts a flight into the line; false when it is full.
func (l line) offer(f *flight) bool {
	select {
	case l.of(f) <- f:
		return true
	default:
		return false
	}
}

// next waits for the next flight; false when ctx ended.
func (l line) next(ctx context.Context) (*flight, bool) {
	select {
	case f := <-l.codes:
		return f, true
	default:
	}
	select {
	case f := <-l.codes:
		return f, true
	case f := <-l.others:
		return f, true
	case <-ctx.Done():
		return nil, false
	}
}

// giveBack gives the leases of what waits back. Nothing may be added any more.
func (l line) giveBack() {
	for {
		select {
		case f := <-l.codes:
			f.end(provider.Outcome{Class: provider.NotSent})
		case f := <-l.others:
			f.end(provider.Outcome{Class: provider.NotSent})
		default:
			return
		}
	}
}

func (l line) waiting() int { return len(l.codes) + len(l.others) }

// room is how many of each sort still fit.
func (l line) room() int { return cap(l.others) - max(len(l.codes), len(l.others)) }
