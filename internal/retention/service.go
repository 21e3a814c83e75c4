package retention

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Database is the part of store.Engine that plain transactions need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Partitioner is an engine whose tables of many rows are cut by time
// (store/postgres). Its old rows go a partition at a time.
type Partitioner interface {
	// Partition makes the partitions that rows of the near future need, and drops
	// those in which every row is older than the table is kept.
	Partition(ctx context.Context, tables []store.Kept) error
}

// Keep is how long rows are kept.
type Keep struct {
	Verifications time.Duration // from when the code was made
	Messages      time.Duration // from when the message was accepted
	Receipts      time.Duration // references: from when their message was accepted
	Audit         time.Duration // 0: for ever
	Logins        time.Duration // events of logins
}

// Bounds of the work, and of its pauses.
const (
	defaultEvery = time.Minute
	defaultRows  = 256
	leastPause   = 2 * time.Millisecond
	mostPause    = 250 * time.Millisecond // should the clock jump
	share        = 4                      // a pause is so many times as long as the transaction before it
	receiptTurns = 24                     // passes over the receipt references in the time that they are kept
)

// How long events of apps are kept, from when they happened: what was told, or
// asked for, as long as an app may ask (contracts/jsms.md §9); what waits for an
// app that never asks; and what was given up, for whoever looks why.
const (
	toldEvents    = 3 * 24 * time.Hour
	waitingEvents = 7 * 24 * time.Hour
	deadEvents    = 30 * 24 * time.Hour
)

// Options are what a Service is made of; those without a default are required.
type Options struct {
	Database Database
	Keep     Keep
	Journal  func() time.Duration // how far back the journal of the limits matters
	Now      func() time.Time
	Log      *slog.Logger

	Every time.Duration // between two passes; default one minute
	Rows  int           // looked at, and at most deleted, in one transaction; default 256
}

// Service removes old rows in the background.
type Service struct {
	o          Options
	partitions Partitioner // nil: old rows go one by one
	rest       func(context.Context, time.Duration) error

	receiptsDue time.Time                    // when the receipt references are read again
	eventsDue   time.Time                    // when all old events are
	eventsSeen  [records.EventDead + 1]int64 // by state: older ones were looked at

	ctx      context.Context
	cancel   context.CancelFunc
	starting sync.Once
	running  sync.WaitGroup
}

// New returns the service. Start runs it.
func New(o Options) *Service {
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	if o.Rows <= 0 {
		o.Rows = defaultRows
	}
	s := &Service{o: o, rest: pause}
	s.partitions, _ = o.Database.(Partitioner)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Prepare makes the partitions that rows of the near future need. It is for a
// server that was away for long, before it takes the first request; if it
// fails, rows find a place all the same.
func (s *Service) Prepare(ctx context.Context) error {
	if s.partitions == nil {
		return nil
	}
	return s.partitions.Partition(ctx, s.o.Keep.tables())
}

// Start runs a pass now and after every interval.
func (s *Service) Start() {
	s.starting.Do(func() { s.running.Go(s.run) })
}

// Stop interrupts a pass between two transactions and returns when it has
// ended. Stopping twice, or what was never started, is fine.
func (s *Service) Stop() {
	s.cancel()
	s.running.Wait()
}

func (s *Service) run() {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	for s.ctx.Err() == nil {
		if err := s.pass(s.ctx); err != nil && s.ctx.Err() == nil {
			s.o.Log.Error("retention: old rows could not be removed; they are tried again", "error", err.Error())
		}
		select {
		case <-s.ctx.Done():
		case <-tick.C:
		}
	}
}

// tables are those that engines may cut into partitions.
func (k Keep) tables() []store.Kept {
	return []store.Kept{records.AgedVerifications().Kept(k.Verifications), records.AgedMessages().Kept(k.Messages)}
}
