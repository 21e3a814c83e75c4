package outbox

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// Bounds of the sweep's work.
const (
	sweepPage  = 256     // messages in one command
	sweepTurns = 4       // commands in one pass
	startPage  = 1 << 14 // messages looked at once at the start
	purgeEvery = orphanLife / 2
)

// sweep looks at what is due, at once and then at every interval, until run
// ends. A command under way is waited for until last ends.
func (o *Outbox) sweep(run, last context.Context) {
	o.takeUpEarlierLife(run, last)
	ticker := time.NewTicker(o.options.Interval)
	defer ticker.Stop()
	var purged store.Time
	for run.Err() == nil {
		o.pass(run, last)
		if now := store.At(o.options.Now()); now.Sub(purged) >= purgeEvery {
			o.purge(run, now)
			purged = now
		}
		select {
		case <-ticker.C:
		case <-run.Done():
		}
	}
}

// takeUpEarlierLife finds the leases of the life before: they end within one
// lease from now, and there is no need to wait for that.
func (o *Outbox) takeUpEarlierLife(run, last context.Context) {
	ids, err := o.options.Due(run, store.At(o.options.Now()).Add(max(o.options.Lease, DefaultLease)), startPage)
	for len(ids) > 0 && err == nil && run.Err() == nil {
		page := ids[:min(len(ids), sweepPage)]
		err = o.recover(last, page, true)
		ids = ids[len(page):]
	}
	o.complain(run, err)
}

func (o *Outbox) pass(run, last context.Context) {
	for range sweepTurns {
		ids, err := o.options.Due(run, store.At(o.options.Now()), sweepPage)
		if err == nil && len(ids) > 0 {
			err = o.recover(last, ids, false)
		}
		if err != nil || len(ids) < sweepPage || run.Err() != nil {
			o.complain(run, err)
			return
		}
	}
}

// recover runs one command and sends what it took.
func (o *Outbox) recover(ctx context.Context, ids []core.MessageID, start bool) error {
	c := &Recover{IDs: o.options.IDs, Node: o.options.Node, Lease: o.options.Lease, Hold: o.options.Hold, Due: ids,
		Room: (o.queue.room() + 1) / 2, Custody: o.custody.of, Start: start, Next: o.next()}
	if err := o.options.Store.Do(ctx, c); err != nil {
		if ctx.Err() == nil { // otherwise the command may still run
			o.custody.neverSent(c.Taken)
		}
		return fmt.Errorf("recover: %w", err)
	}
	o.counters.recovered(c)
	for i := range c.Taken {
		o.takeUp(&c.Taken[i])
	}
	return nil
}

// takeUp sends a message from its row.
func (o *Outbox) takeUp(m *store.Message) {
	if !o.custody.add(m.ID) {
		return
	}
	out, err := o.open(m)
	f := newFlight(o, out)
	if err != nil {
		o.options.Log.Error("outbox: a stored message can not be opened", "message", int64(m.ID), "error", err.Error())
	}
	if err != nil || !o.offer(f) {
		f.end(provider.Outcome{Class: provider.NotSent})
	}
}

func (o *Outbox) open(m *store.Message) (Outgoing, error) {
	out := Outgoing{Row: *m}
	if o.options.From != nil {
		out.From = o.options.From(m.App)
	}
	to, err := o.options.Sealer.OpenPhone(m.Phone)
	if err != nil {
		return out, fmt.Errorf("phone: %w", err)
	}
	content, err := o.options.Sealer.Open(BodyField, m.Body)
	if err != nil {
		return out, fmt.Errorf("text: %w", err)
	}
	out.To = to
	out.Text, out.Params, err = ParseContent(content)
	return out, err
}

func (o *Outbox) purge(ctx context.Context, now store.Time) {
	if o.options.Purge != nil {
		o.complain(ctx, o.options.Purge(ctx, now.Add(-orphanLife)))
	}
}

func (o *Outbox) complain(run context.Context, err error) {
	if err != nil && run.Err() == nil {
		o.options.Log.Error("outbox: the sweep failed", "error", err.Error())
	}
}
