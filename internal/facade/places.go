package facade

import (
	"sync/atomic"

	"yanma.dev/yanma/internal/core"
)

// places bounds the requests at work. One that waits for the caller's bytes is
// not at work: slow callers would take every place, and need no key for it.
// What such callers can take is memory, so large bodies have places of their own.
type places struct {
	bound int64 // 0 means no bound
	taken atomic.Int64
	large atomic.Int64 // bodies over smallBody that are being received
}

const (
	smallBody   = 4 << 10 // bytes; a dialect's usual body is a hundred
	largeShare  = 8       // one large body for so many requests at work
	fewestLarge = 16
)

// enter takes a place, also when it returns KindOverloaded: leave gives it back.
func (p *places) enter() error {
	if taken := p.taken.Add(1); p.bound > 0 && taken > p.bound {
		return core.E(core.KindOverloaded, "too many requests at once")
	}
	return nil
}

func (p *places) leave() { p.taken.Add(-1) }

// enterLarge is enter for a body over smallBody.
func (p *places) enterLarge() error {
	if large := p.large.Add(1); p.bound > 0 && large > max(p.bound/largeShare, fewestLarge) {
		return core.E(core.KindOverloaded, "too many large bodies at once")
	}
	return nil
}

func (p *places) leaveLarge() { p.large.Add(-1) }
