package facade

import (
	"sync/atomic"

	"yanma.dev/yanma/internal/core"
)

// places bounds the requests at work. One that waits for the caller's bytes is
// not at work: slow callers would take every place, and need no key for it.
type places struct {
	taken atomic.Int64
	bound int64 // 0 means no bound
}

// enter takes a place, also when it returns KindOverloaded: leave gives it back.
func (p *places) enter() error {
	if taken := p.taken.Add(1); p.bound > 0 && taken > p.bound {
		return core.E(core.KindOverloaded, "too many requests at once")
	}
	return nil
}

func (p *places) leave() { p.taken.Add(-1) }
