package callback

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

func (s *Service) run() {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	for s.ctx.Err() == nil {
		s.pass()
		select {
		case <-s.ctx.Done():
		case <-tick.C:
		}
	}
}

// pass gives every app that has something due a page of its own.
func (s *Service) pass() {
	targets := s.o.Targets()
	s.stats.keep(targets)
	for _, t := range targets {
		if s.ctx.Err() != nil || !s.begin(t.App) {
			continue
		}
		page, err := s.claim(s.ctx, t)
		if err != nil && s.ctx.Err() == nil {
			s.o.Log.Error("callback: events could not be claimed; they are tried again", "app", int64(t.App), "error", err.Error())
		}
		if err != nil || len(page) == 0 {
			s.end(t.App)
			continue
		}
		s.pages.Go(func() { s.tell(t, page) })
	}
	s.count(targets)
}

// begin takes an app's turn; false while it is taken, or too many are.
func (s *Service) begin(app core.AppID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[app] || len(s.busy) >= mostPages {
		return false
	}
	s.busy[app] = true
	return true
}

func (s *Service) end(app core.AppID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, app)
}

// try is one event of a page and how its call ended.
type try struct {
	row   records.EventRow
	event Event
	known bool // what the row names is there
	done  bool
}

// claim reads a page of what is due, and keeps it from other servers.
func (s *Service) claim(ctx context.Context, t Target) (page []*try, err error) {
	var due []records.EventRow
	now := store.At(s.o.Now())
	err = s.o.Database.View(ctx, func(q store.SQL) (err error) {
		due, err = records.DueEvents(ctx, q, t.App, now, pageEvents)
		return err
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	err = records.Update(ctx, s.o.Database, func(q store.SQL) error {
		page = page[:0]
		for _, row := range due {
			until := now.Add(claimLife)
			mine, err := records.ClaimEvent(ctx, q, row.ID, row.Due, until)
			if err != nil {
				return err
			}
			if !mine {
				continue
			}
			row.Due = until
			x := &try{row: row}
			if x.event, x.known, err = s.event(ctx, q, &row); err != nil {
				return err
			}
			page = append(page, x)
		}
		return nil
	})
	if err != nil {
		return nil, err // claimed all the same, perhaps: the claims lapse
	}
	return page, nil
}

// tell makes the calls of a page in their order, a few at a time, and writes
// down how they ended.
func (s *Service) tell(t Target, page []*try) {
	defer s.end(t.App)
	next := make(chan *try)
	var callers sync.WaitGroup
	for range min(inFlight, len(page)) {
		callers.Go(func() {
			for x := range next {
				s.call(t, x)
			}
		})
	}
	for _, x := range page {
		next <- x
	}
	close(next)
	callers.Wait()
	// What was told is written down even while the service stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.o.Timeout)
	defer cancel()
	err := records.Update(ctx, s.o.Database, func(q store.SQL) error {
		for _, x := range page {
			if !x.done {
				continue
			}
			if err := records.EndTry(ctx, q, &x.row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.o.Log.Error("callback: how calls ended is not stored; they are made again", "app", int64(t.App), "calls", len(page), "error", err.Error())
	}
}

// call makes one call and notes in x how it ended; not when the service stops
// or the claim may lapse first.
func (s *Service) call(t Target, x *try) {
	now := s.o.Now()
	if s.ctx.Err() != nil || store.At(now.Add(s.o.Timeout)) > x.row.Due {
		return
	}
	if !x.known {
		x.row.Attempts = int64(len(ladder))
		s.failed(t, x, "what it tells of is gone")
		return
	}
	request, err := t.Encode(s.ctx, &x.event, now)
	if err != nil {
		s.o.Log.Error("callback: an event can not be written", "app", int64(t.App), "event", int64(x.row.ID), "error", err.Error())
		s.failed(t, x, "could not be written")
		return
	}
	status, err := s.post(t.URL, x.row.ID, request)
	switch {
	case s.ctx.Err() != nil: // stopping: made again
	case status == http.StatusOK && (err == nil || errors.Is(err, httpcall.ErrTooLong)):
		x.row.State, x.row.Result, x.row.Due, x.done = records.EventTold, "200", 0, true
		x.row.Updated = store.At(s.o.Now())
		s.stats.told(t.App)
	case err != nil:
		s.failed(t, x, reason(err))
	default:
		s.failed(t, x, strconv.Itoa(status))
	}
}

func (s *Service) post(url string, id core.EventID, request Request) (status int, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(request.Body))
	if err != nil {
		return 0, errURL
	}
	for name, values := range request.Header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", request.ContentType)
	r.Header.Set("Yanma-Event", strconv.FormatInt(int64(id), 10))
	r.Header.Set("User-Agent", "Yanma")
	answer, err := s.client.Do(ctx, r)
	return answer.Status, err
}

// errURL is a URL that can not be called.
var errURL = errors.New("the URL is not one")

// reason is why a call failed, in words of ours.
func reason(err error) string {
	switch {
	case errors.Is(err, ErrInternal):
		return "internal address"
	case errors.Is(err, errURL):
		return errURL.Error()
	}
	return httpcall.Reason(err)
}

// failed climbs the ladder.
func (s *Service) failed(t Target, x *try, why string) {
	now := store.At(s.o.Now())
	x.row.Result, x.row.Updated, x.done = why, now, true
	if x.row.Attempts++; x.row.Attempts > int64(len(ladder)) {
		x.row.State, x.row.Due = records.EventDead, 0
		s.stats.gaveUp(t.App)
		return
	}
	x.row.Due = now.Add(ladder[x.row.Attempts-1])
	s.stats.failed(t.App)
}
