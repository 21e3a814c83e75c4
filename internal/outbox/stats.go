package outbox

import (
	"sync/atomic"

	"yanma.dev/yanma/internal/provider"
)

// Stats counts what an outbox did since its start.
type Stats struct {
	Submitted, Rejected, Throttled, Unknown, NotSent int64 // answers of providers, by class
	Delivered, Undelivered                           int64 // messages whose receipts came
	Resent                                           int64 // after an unknown outcome
	FailedOver                                       int64 // after an undelivered receipt
	Expired, Dead                                    int64 // messages that ended so
	Orphaned                                         int64 // receipts that found no message
	Overflow                                         int64 // hand-offs that found the queue full
	QueueDepth                                       int64 // messages that wait for a provider now
	InFlight                                         int64 // messages in this process now, the queue included
}

type counters struct {
	classes                          [provider.NotSent + 1]atomic.Int64
	delivered, undelivered, orphaned atomic.Int64
	resent, failedOver               atomic.Int64
	expired, dead, overflow          atomic.Int64
}

// Stats tells what the outbox did so far.
func (o *Outbox) Stats() Stats {
	c := &o.counters
	return Stats{
		Submitted: c.classes[provider.Accepted].Load(), Rejected: c.classes[provider.Rejected].Load(),
		Throttled: c.classes[provider.Throttled].Load(), Unknown: c.classes[provider.Unknown].Load(),
		NotSent: c.classes[provider.NotSent].Load(), Delivered: c.delivered.Load(), Undelivered: c.undelivered.Load(),
		Resent: c.resent.Load(), Expired: c.expired.Load(), Dead: c.dead.Load(), Orphaned: c.orphaned.Load(),
		FailedOver: c.failedOver.Load(),
		Overflow:   c.overflow.Load(), QueueDepth: int64(o.waiting()), InFlight: int64(o.custody.count()),
	}
}

func (c *counters) outcome(class provider.Class) {
	if int(class) < len(c.classes) {
		c.classes[class].Add(1)
	}
}

func (c *counters) recorded(r *RecordOutcomes) {
	c.delivered.Add(int64(r.Delivered))
	c.undelivered.Add(int64(r.Undelivered))
	c.expired.Add(int64(r.Expired))
	c.dead.Add(int64(r.Dead))
}

func (c *counters) reported(r *RecordReceipts) {
	c.delivered.Add(int64(r.Delivered))
	c.undelivered.Add(int64(r.Undelivered))
	c.orphaned.Add(int64(r.Orphaned))
}

func (c *counters) recovered(r *Recover) {
	c.resent.Add(int64(r.Resent))
	c.failedOver.Add(int64(r.FailedOver))
	c.expired.Add(int64(r.Expired))
	c.dead.Add(int64(r.Dead))
}
