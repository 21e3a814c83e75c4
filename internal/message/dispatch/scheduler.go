package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Bounds of the scheduler's work.
const (
	scheduleEvery = 500 * time.Millisecond
	schedulePage  = 500              // schedules in one claim …
	pageMessages  = 1000             // … that have so many recipients together, unless one alone has more
	claimLasts    = 15 * time.Second // another node takes over what was claimed longer ago
)

// SchedulerOptions are what a Scheduler is made of; those without a default are
// required.
type SchedulerOptions struct {
	Service  *Service
	Apps     *tenant.Directory
	Log      *slog.Logger
	Busy     func() bool   // the sender has enough to do: what is due waits a moment; nil is never
	Interval time.Duration // between two looks; default 500 ms
}

// Scheduler sends what is due. Any number of nodes may run one.
type Scheduler struct {
	o    SchedulerOptions
	mu   sync.Mutex
	quit context.CancelFunc
	done chan struct{}
}

// NewScheduler returns a scheduler; Start runs it.
func NewScheduler(o SchedulerOptions) *Scheduler {
	if o.Interval <= 0 {
		o.Interval = scheduleEvery
	}
	if o.Busy == nil {
		o.Busy = func() bool { return false }
	}
	return &Scheduler{o: o}
}

// Start looks at what is due until Stop. It is called once.
func (s *Scheduler) Start() {
	ctx, quit := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quit, s.done = quit, make(chan struct{})
	go s.run(ctx, s.done)
}

// Stop ends the loop after the page that is being sent. Stopping twice, or what
// was never started, is fine.
func (s *Scheduler) Stop() {
	s.mu.Lock()
	quit, done := s.quit, s.done
	s.mu.Unlock()
	if quit != nil {
		quit()
		<-done
	}
}

func (s *Scheduler) run(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(s.o.Interval)
	defer tick.Stop()
	failing := false
	for {
		err := s.pass(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.o.Log.Error("dispatch: schedules can not be sent now; they are tried again", "error", err.Error())
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// pass sends a page after the other until nothing is due.
func (s *Scheduler) pass(ctx context.Context) error {
	for ctx.Err() == nil && !s.o.Busy() {
		claimed, err := s.claim(ctx)
		if err != nil || len(claimed) == 0 {
			return err
		}
		// A page that was claimed is sent to its end: Stop waits for it.
		if err := s.send(context.WithoutCancel(ctx), claimed); err != nil {
			return err
		}
	}
	return nil
}

// claim takes a page of what is due, for a while.
func (s *Scheduler) claim(ctx context.Context) (claimed []records.Schedule, err error) {
	d := s.o.Service
	err = records.Update(ctx, d.o.Database, func(q store.SQL) error {
		now := store.At(d.o.Now())
		due, err := records.DueSchedules(ctx, q, now, schedulePage)
		if err != nil || len(due) == 0 {
			claimed = nil
			return err
		}
		claimed = firstPage(due)
		n, err := records.ClaimSchedules(ctx, q, idsOf(claimed), now, now.Add(claimLasts))
		if err == nil && n != int64(len(claimed)) {
			return errChanged // another node was faster with some
		}
		return err
	})
	return claimed, err
}

// firstPage is the first of the schedules, with at most pageMessages recipients.
func firstPage(due []records.Schedule) []records.Schedule {
	messages := int64(0)
	for i := range due {
		if messages += due[i].Recipients; i > 0 && messages > pageMessages {
			return due[:i]
		}
	}
	return due
}

func idsOf(all []records.Schedule) []int64 {
	ids := make([]int64, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids
}

// send sends a claimed page and says that it was sent. After an error it is
// claimed again when the claim ran out.
func (s *Scheduler) send(ctx context.Context, page []records.Schedule) error {
	d, ids := s.o.Service, idsOf(page)
	var recipients []records.Recipient
	err := d.o.Database.View(ctx, func(q store.SQL) (err error) {
		recipients, err = records.RecipientsOfAll(ctx, q, ids)
		return err
	})
	if err != nil {
		return err
	}
	drafts, err := s.drafts(page, recipients)
	if err != nil {
		return err
	}
	if err := d.optedOut(ctx, drafts); err != nil {
		return err
	}
	d.limit(ctx, drafts, d.o.Now())
	if err := d.o.Store.Do(ctx, &enqueue{ids: d.o.IDs, drafts: drafts, late: true}); err != nil {
		// Counted again at the next try, whether this one is on disk or not: a limit
		// that is a little wide is better than a message that is lost.
		d.giveBack(ctx, drafts)
		return err
	}
	d.handOff(ctx, drafts)
	return records.Update(ctx, d.o.Database, func(q store.SQL) error {
		return records.EndSchedules(ctx, q, ids, store.At(d.o.Now()))
	})
}

func (s *Scheduler) drafts(page []records.Schedule, recipients []records.Recipient) ([]*draft, error) {
	by := make(map[int64]*records.Schedule, len(page))
	for i := range page {
		by[page[i].ID] = &page[i]
	}
	drafts := make([]*draft, 0, len(recipients))
	results := make([]Result, len(recipients))
	for i := range recipients {
		d, err := s.draft(by[recipients[i].Schedule], &recipients[i])
		if err != nil {
			return nil, err
		}
		d.result = &results[i]
		if d.refused != nil {
			d.result.Err = d.refused
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// draft makes a message of a recipient. Its text was made with the schedule; an
// app that is gone or disabled sends nothing.
func (s *Scheduler) draft(of *records.Schedule, r *records.Recipient) (*draft, error) {
	svc := s.o.Service
	to, text, params, err := svc.open(r)
	if err != nil {
		return nil, err
	}
	d := &draft{kind: message.Kind(of.Kind), signature: of.Signature, again: of.State == records.ScheduleSending,
		out: outbox.Outgoing{To: to, Text: text, Params: params},
		row: store.Message{ID: r.ID, Tenant: of.Tenant, App: of.App, Channel: core.ChannelSMS, Segments: r.Segments, Phone: r.Phone, Body: r.Body,
			Template: of.Name}}
	if d.kind == message.KindMarket {
		d.index = svc.o.Ring.Index(to)
	}
	app, known := s.o.Apps.App(of.App)
	if !known || app.Disabled {
		d.refused = core.E(core.KindForbidden, "the app is disabled")
		return d, nil
	}
	d.app, d.out.From = app, app.Sender
	d.capped = capOf(app, to, svc.o.Now())
	d.payers = billing.Payers(app.Tenant, app.ID, app.TenantPays, d.kind.Pool())
	d.row.Price, d.row.Report = app.SMSPrice*core.Credits(r.Segments), app.Reports()
	until := svc.o.Now().Add(noticeLife)
	if left := message.MarketingLeft(svc.o.Now(), zoneOf(app)); d.kind == message.KindMarket && left > 0 {
		until = svc.o.Now().Add(left)
	}
	d.row.ValidUntil = store.At(until)
	return d, nil
}
