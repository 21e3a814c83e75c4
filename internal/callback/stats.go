package callback

import (
	"maps"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Stats counts what was told since the start.
type Stats struct {
	Told, Failed, Dead int64 // calls that were taken, calls that were not, events given up
	Waiting            int64 // events that are due and not told, as of the last half minute
	Up                 map[core.AppID]bool
}

type stats struct {
	mu sync.Mutex
	s  Stats
}

func (c *stats) init() { c.s.Up = make(map[core.AppID]bool) }

func (c *stats) told(app core.AppID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Told++
	c.s.Up[app] = true
}

func (c *stats) failed(app core.AppID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Failed++
	c.s.Up[app] = false
}

func (c *stats) gaveUp(app core.AppID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Failed++
	c.s.Dead++
	c.s.Up[app] = false
}

// keep forgets apps that are not called any more; a new one counts as up until
// a call says otherwise.
func (c *stats) keep(targets []Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	up := make(map[core.AppID]bool, len(targets))
	for _, t := range targets {
		was, known := c.s.Up[t.App]
		up[t.App] = was || !known
	}
	c.s.Up = up
}

// Stats tells what was told so far.
func (s *Service) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	copied := s.stats.s
	copied.Up = maps.Clone(s.stats.s.Up)
	return copied
}

// How often waiting events are counted, and how many of one app at most: an app
// that was away for long must not have millions of rows read.
const (
	countEvery  = 30 * time.Second
	mostCounted = 20_000
)

// count counts the events of called apps that are due.
func (s *Service) count(targets []Target) {
	now := s.o.Now()
	if now.Sub(s.counted) < countEvery && !s.counted.IsZero() {
		return
	}
	s.counted = now
	waiting := int64(0)
	err := s.o.Database.View(s.ctx, func(q store.SQL) error {
		waiting = 0
		for _, t := range targets {
			n, err := records.DueEventCount(s.ctx, q, t.App, store.At(now), mostCounted)
			if err != nil {
				return err
			}
			waiting += n
		}
		return nil
	})
	if err != nil {
		return
	}
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	s.stats.s.Waiting = waiting
}
