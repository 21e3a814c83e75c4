package outbox

import (
	"context"
	"sync"

	"yanma.dev/yanma/internal/provider"
)

// lanes are what waits for each provider, where each has a goroutine of its own
// (Options.Apart). A lane is as long as the queue; a code overtakes what waits
// there.
type lanes struct {
	mu sync.Mutex
	by map[string]line
}

// lineUp puts a flight into the lane of its provider. It waits only while that
// is full.
func (o *Outbox) lineUp(ctx context.Context, f *flight) {
	if f.route == nil && ctx.Err() == nil {
		f.route = o.routeOf(&f.out)
	}
	if f.at >= len(f.route) {
		f.submit(ctx) // which ends it
		return
	}
	select {
	case o.lane(ctx, f.route[f.at].Name()).of(f) <- f:
	case <-ctx.Done():
		f.end(provider.Outcome{Class: provider.NotSent})
	}
}

// lane is the lane of a provider, which is served from its first message on. Only
// feeders ask: what they wait for when they end includes it.
func (o *Outbox) lane(ctx context.Context, name string) line {
	o.lanes.mu.Lock()
	defer o.lanes.mu.Unlock()
	if lane, known := o.lanes.by[name]; known {
		return lane
	}
	lane := newLine(o.options.Queue)
	if o.lanes.by == nil {
		o.lanes.by = make(map[string]line)
	}
	o.lanes.by[name] = lane
	o.feeders.Go(func() {
		for f, ok := lane.next(ctx); ok; f, ok = lane.next(ctx) {
			f.submit(ctx)
		}
	})
	return lane
}

// returnLanes gives the leases of what waits in the lanes back, when all feeders
// have ended.
func (o *Outbox) returnLanes() {
	o.lanes.mu.Lock()
	defer o.lanes.mu.Unlock()
	for _, lane := range o.lanes.by {
		lane.giveBack()
	}
}

// waiting is how many messages wait for a provider.
func (o *Outbox) waiting() int {
	o.lanes.mu.Lock()
	defer o.lanes.mu.Unlock()
	n := o.queue.waiting()
	for _, lane := range o.lanes.by {
		n += lane.waiting()
	}
	return n
}
