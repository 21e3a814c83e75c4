package outbox

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
)

// maxTurn is how many outcomes or receipts one command records.
const maxTurn = 512

// How long a turn lets more gather after the one before it. Nobody waits for
// an outcome to be recorded, and a commit of one costs almost as much as a
// commit of fifty; a carrier waits for the answer to a receipt only as far as
// its window goes.
const (
	gatherOutcomes = 4 * time.Millisecond
	gatherReceipts = 10 * time.Millisecond
)

// arrived is a receipt with the call that answers its carrier.
type arrived struct {
	Receipt
	ack func(error)
}

// recordOutcomes stores outcomes, one command a turn, until the inbox is
// closed and empty or ctx ends. A turn that failed is tried again, smaller
// each time: an outcome that breaks its command can not stop the others.
func (o *Outbox) recordOutcomes(ctx context.Context) {
	var backlog []ended
	var open bool
	size, wait := maxTurn, firstBackoff
	command := o.outcomesCommand()
	for {
		backlog, open = o.outcomes.take(backlog)
		if len(backlog) == 0 {
			if !open || !sleep(ctx, o.outcomes.wake) {
				return
			}
			continue
		}
		turn := backlog[:min(len(backlog), size)]
		if err := o.recordTurn(ctx, command, turn); err != nil {
			o.options.Log.Error("outbox: outcomes are not stored yet", "messages", len(backlog), "error", err.Error())
			if !pause(ctx, wait) {
				return
			}
			backlog = last(backlog, len(turn))
			size, wait = max(len(turn)/2, 1), min(wait*2, lastBackoff)
			continue
		}
		backlog = drop(backlog, len(turn))
		size, wait = min(size*2, maxTurn), firstBackoff
		if open && len(backlog) == 0 {
			pause(ctx, gatherOutcomes)
		}
	}
}

// last moves the first of a backlog behind the others when it failed alone.
func last(backlog []ended, failed int) []ended {
	if failed == 1 {
		first := backlog[0]
		copy(backlog, backlog[1:])
		backlog[len(backlog)-1] = first
	}
	return backlog
}

func (o *Outbox) outcomesCommand() *RecordOutcomes {
	return &RecordOutcomes{IDs: o.options.IDs, Lease: o.options.Lease, Hold: o.options.Hold, NextHold: o.options.NextHold,
		Failover: o.options.Able != nil}
}

func (o *Outbox) recordTurn(ctx context.Context, c *RecordOutcomes, turn []ended) error {
	c.Outcomes = c.Outcomes[:0]
	for i := range turn {
		c.Outcomes = append(c.Outcomes, turn[i].record(o.options.Node))
	}
	if err := o.options.Store.Do(ctx, c); err != nil {
		return err
	}
	for i := range turn {
		if c.Outcomes[i].Again {
			turn[i].next()
		} else {
			o.custody.remove(turn[i].out.Row.ID)
		}
	}
	o.counters.recorded(c)
	o.logRefusals(c)
	return nil
}

// logRefusals writes one line for a turn's dead messages.
func (o *Outbox) logRefusals(c *RecordOutcomes) {
	if c.Dead == 0 {
		return
	}
	first := c.FirstDead
	o.options.Log.Warn("outbox: messages were refused and have no route left", "messages", c.Dead,
		"first", int64(first.Message), "provider", first.Provider, "code", first.Code, "detail", first.Detail)
}

// recordReceipts stores receipts, one command a turn, and answers their
// carriers, until the inbox is closed and empty or ctx ends.
func (o *Outbox) recordReceipts(ctx context.Context) {
	var backlog []arrived
	var open bool
	for {
		backlog, open = o.receipts.take(backlog)
		if len(backlog) == 0 {
			if !open {
				return
			}
			if !sleep(ctx, o.receipts.wake) {
				o.receipts.close()
			}
			continue
		}
		turn := backlog[:min(len(backlog), maxTurn)]
		o.receiptTurn(ctx, turn)
		backlog = drop(backlog, len(turn))
		if open && len(backlog) == 0 {
			pause(ctx, gatherReceipts)
		}
	}
}

func (o *Outbox) receiptTurn(ctx context.Context, turn []arrived) {
	c := &RecordReceipts{IDs: o.options.IDs, Failover: o.options.Able != nil, Receipts: make([]Receipt, len(turn))}
	for i := range turn {
		c.Receipts[i] = turn[i].Receipt
	}
	err := o.options.Store.Do(ctx, c)
	if err != nil {
		o.options.Log.Error("outbox: receipts are not stored", "receipts", len(turn), "error", err.Error())
		err = core.Wrap(core.KindInternal, err, "the receipt is not stored")
	} else {
		o.counters.reported(c)
	}
	for i := range turn {
		turn[i].ack(err)
	}
}

// sleep waits for a wake-up; false when ctx ended.
func sleep(ctx context.Context, wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	case <-ctx.Done():
		return false
	}
}
