package outbox

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// flight is one message in this process, from its hand-off until its outcome
// is on disk. One goroutine at a time works on it.
type flight struct {
	outbox  *Outbox
	out     Outgoing
	route   []provider.Provider // nil until the sender asked for it
	at      int                 // which of route is being tried
	skipped []string            // of route: nothing could be written to them
	message provider.Message
}

// ended is a flight with the end of its submission.
type ended struct {
	*flight
	outcome provider.Outcome
}

func newFlight(o *Outbox, out Outgoing) *flight {
	return &flight{outbox: o, out: out, message: provider.Message{ID: out.Row.ID, Channel: out.Row.Channel, From: out.From,
		To: out.To, Text: out.Text, Template: out.Row.Template, Params: out.Params, Code: out.Row.Verification != 0}}
}

// feed gives queued messages to their providers until ctx ends, codes first.
// Submit waits while a provider's window is full: that is the only thing that
// holds it up.
func (o *Outbox) feed(ctx context.Context) {
	for f, ok := o.queue.next(ctx); ok; f, ok = o.queue.next(ctx) {
		f.submit(ctx)
	}
	o.queue.giveBack() // nothing is added any more: offer refuses
}

// feedLanes puts what waits in one part of the queue into the providers' lanes
// until ctx ends. A lane that is full of notices holds up no code: those come
// through a part of their own.
func (o *Outbox) feedLanes(ctx context.Context, part chan *flight) {
	for {
		select {
		case f := <-part:
			o.lineUp(ctx, f)
		case <-ctx.Done():
			o.queue.giveBack()
			return
		}
	}
}

func (f *flight) submit(ctx context.Context) {
	left := f.out.Row.ValidUntil.Sub(store.At(f.outbox.options.Now()))
	if left <= 0 || ctx.Err() != nil {
		f.end(provider.Outcome{Class: provider.NotSent})
		return
	}
	if f.route == nil {
		f.route = f.outbox.routeOf(&f.out)
	}
	if f.at >= len(f.route) {
		f.end(provider.Outcome{Class: provider.Rejected, Code: "no route"})
		return
	}
	f.message.Validity = left
	if v := f.out.Validity; v > 0 {
		f.message.Validity = min(left, v)
	}
	f.route[f.at].Submit(ctx, &f.message, f.done)
}

// routeOf is the route of a message; of one that was tried before, what is left
// of it.
func (o *Outbox) routeOf(out *Outgoing) []provider.Provider {
	route := o.options.Route(*out)
	if out.Row.Attempts == 0 && len(out.Row.History) == 0 {
		return route
	}
	return around(route, &out.Row)
}

// done takes a provider's answer. When nothing was written, the next provider
// is tried at once, with no commit in between.
func (f *flight) done(outcome provider.Outcome) {
	f.outbox.counters.outcome(outcome.Class)
	if outcome.Class == provider.NotSent && f.hasNext() {
		f.skipped = append(f.skipped, f.route[f.at].Name())
		f.at++
		if f.outbox.offer(f) {
			return
		}
	}
	f.end(outcome)
}

func (f *flight) hasNext() bool { return f.at+1 < len(f.route) }

// next goes on with the route after a recorded refusal.
func (f *flight) next() {
	f.out.Row.Attempts++
	f.skipped = nil
	f.at++
	if !f.outbox.offer(f) {
		f.end(provider.Outcome{Class: provider.NotSent})
	}
}

// end hands the outcome to the recorder.
func (f *flight) end(outcome provider.Outcome) {
	outcome.Code, outcome.PartIDs = provider.CleanCode(outcome.Code), cleanIDs(outcome.PartIDs)
	f.outbox.outcomes.put(ended{f, outcome})
}

// record is the outcome as a command takes it.
func (e *ended) record(node uint8) Outcome {
	o := Outcome{Outcome: e.outcome, Message: e.out.Row.ID, Node: node, Attempt: e.out.Row.Attempts + 1, Next: e.hasNext(), Skipped: e.skipped}
	if e.at < len(e.route) {
		o.Provider = e.route[e.at].Name()
	}
	return o
}

// Backoff after a commit that failed.
const (
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// pause waits for a backoff; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
