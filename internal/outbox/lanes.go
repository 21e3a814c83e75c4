package outbox

import (
	"context"
	"sync"

	"yanma.dev/yanma/internal/provider"
)

// lanes are what waits for each provider, where each has a goroutine of its own
// (Options.Apart). A lane is as long as the queue.
type lanes struct {
	mu sync.Mutex
	by map[string]chan *flight
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
	case o.lane(ctx, f.route[f.at].Name()) <- f:
	case <-ctx.Done():
		f.end(provider.Outcome{Class: provider.NotSent})
	}
}

// lane is the lane of a provider, which is served from its first message on. Only
// feeders ask: what they wait for when they end includes it.
func (o *Outbox) lane(ctx context.Context, name string) chan *flight {
	o.lanes.mu.Lock()
	defer o.lanes.mu.Unlock()
	if lane, known := o.lanes.by[name]; known {
		return lane
	}
	lane := make(chan *flight, o.options.Queue)
	if o.lanes.by == nil {
		o.lanes.by = make(map[string]chan *flight)
	}
	o.lanes.by[name] = lane
	o.feeders.Go(func() {
		for {
			select {
			case f := <-lane:
				f.submit(ctx)
			case <-ctx.Done():
				return
			}
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
		for len(lane) > 0 {
			f := <-lane
			f.end(provider.Outcome{Class: provider.NotSent})
		}
	}
}

// waiting is how many messages wait for a provider.
func (o *Outbox) waiting() int {
	o.lanes.mu.Lock()
	defer o.lanes.mu.Unlock()
	n := len(o.queue)
	for _, lane := range o.lanes.by {
		n += len(lane)
	}
	return n
}
