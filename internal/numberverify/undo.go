package numberverify

import (
	"context"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
)

// mostWithheld bounds what waits, at some bytes each, or a call: the outcomes of
// a store that failed for hours.
const mostWithheld = 1 << 20

// undoEvery is how often it is tried again to give back a withheld charge.
const undoEvery = time.Second

// undoer gives back the charges of answers that nobody was told, until that is
// on disk. What a crash forgets of them was reserved only, and lapses; or it was
// charged in a commit whose outcome nobody knew, for an answer that was lost
// with the process.
type undoer struct {
	service *Service
	wake    chan struct{}
	quit    chan struct{}
	running sync.WaitGroup
	stop    sync.Once

	mu      sync.Mutex
	waiting []withheld
}

func (u *undoer) init(s *Service) {
	u.service, u.wake, u.quit = s, make(chan struct{}, 1), make(chan struct{})
}

// Start runs the service's loop, and reads once what Options.ProofKeys tells.
func (s *Service) Start() {
	s.undo.running.Go(s.undo.run)
	if s.underway.recall.now == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.undo.running.Go(func() {
		defer cancel()
		s.recollect(ctx)
	})
	s.undo.running.Go(func() {
		select {
		case <-s.undo.quit:
			cancel()
		case <-ctx.Done():
		}
	})
}

// Stop ends the loop and lets go of the gateways. Stopping twice, or what was
// never started, is fine.
func (s *Service) Stop() {
	s.undo.stop.Do(func() {
		close(s.undo.quit)
		s.undo.running.Wait()
		s.undo.pass(context.Background())
		for _, r := range s.routes {
			r.Gateway.Close()
		}
	})
	s.undo.running.Wait()
}

// add has a question's charge given back; with a call, its answer is forgotten.
func (u *undoer) add(id core.NumberCheckID, call caller) {
	u.mu.Lock()
	full := len(u.waiting) >= mostWithheld
	if !full {
		u.waiting = append(u.waiting, withheld{id, call})
	}
	u.mu.Unlock()
	if full {
		u.service.o.Log.Error("numberverify: a withheld charge is not given back: too many wait", "check", int64(id))
	}
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

func (u *undoer) run() {
	tick := time.NewTicker(undoEvery)
	defer tick.Stop()
	for {
		select {
		case <-u.quit:
			return
		case <-u.wake:
		case <-tick.C:
		}
		u.pass(context.Background())
	}
}

// pass gives back in turn, until nothing waits or it does not work yet.
func (u *undoer) pass(ctx context.Context) {
	for {
		u.mu.Lock()
		if len(u.waiting) == 0 {
			u.waiting = nil
			u.mu.Unlock()
			return
		}
		next := u.waiting[0]
		u.mu.Unlock()
		if err := u.service.o.Store.Do(ctx, &withhold{ids: u.service.o.IDs, withheld: next}); err != nil {
			return
		}
		u.mu.Lock()
		u.waiting = u.waiting[1:] // only a pass takes away
		u.mu.Unlock()
	}
}

// Withheld is how many charges wait to be given back.
func (s *Service) Withheld() int {
	s.undo.mu.Lock()
	defer s.undo.mu.Unlock()
	return len(s.undo.waiting)
}
