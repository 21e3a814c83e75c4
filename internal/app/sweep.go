package app

import (
	"context"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// A sweep does a bounded piece of work in each command, so that no request
// waits long behind one.
const (
	sweepEvery = 5 * time.Second
	sweepRows  = 256 // codes in one command

	commonLife  = 11 * time.Minute // longer than almost every code lives
	longestLife = 25 * time.Hour   // longer than any code lives (contracts/README.md §5)
)

// sweeper ends codes: claims of a crash are released, expired codes leave the
// index of live ones. Package retention removes old rows.
type sweeper struct {
	app     *App
	quit    chan struct{}
	running sync.WaitGroup
	once    sync.Once

	soon int64 // pending codes with ids below it were looked at after commonLife; 0: not begun
	late int64 // … and after longestLife
}

func (a *App) newSweeper() *sweeper {
	return &sweeper{app: a, quit: make(chan struct{})}
}

func (s *sweeper) start() { s.running.Go(s.run) }

// stop ends the sweeps. Stopping twice, or what was never started, is fine.
func (s *sweeper) stop() {
	s.once.Do(func() { close(s.quit) })
	s.running.Wait()
}

func (s *sweeper) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.pass(ctx); err != nil {
			s.app.log.Error("app: a sweep failed and is tried again", "error", err.Error())
		}
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
	}
}

// pass is one round of every sweep.
func (s *sweeper) pass(ctx context.Context) error {
	now := s.app.deps.Now()
	if err := s.claims(ctx, now); err != nil {
		return err
	}
	if err := s.numberChecks(ctx, now); err != nil {
		return err
	}
	if err := s.expire(ctx, &s.soon, now.Add(-commonLife), now); err != nil {
		return err
	}
	return s.expire(ctx, &s.late, now.Add(-longestLife), now)
}

// claims releases claims whose outside call never came back.
func (s *sweeper) claims(ctx context.Context, now time.Time) error {
	var lapsed []core.VerificationID
	err := s.app.database.View(ctx, func(q store.SQL) (err error) {
		lapsed, err = records.LapsedClaims(ctx, q, store.At(now), sweepRows)
		return err
	})
	if err != nil {
		return err
	}
	return s.app.verify.ReleaseLapsed(ctx, lapsed)
}

// expire ends the pending codes past their life, in the order of their ids from
// where the last pass ended up to those made at until. Ids are in time order,
// so each code is read once, without an index on time.
func (s *sweeper) expire(ctx context.Context, from *int64, until, now time.Time) error {
	to := core.IDAt(until)
	if *from == 0 {
		if err := s.begin(ctx, from, to); err != nil {
			return err
		}
	}
	for *from < to && !s.ended() {
		var codes []core.VerificationID
		err := s.app.database.View(ctx, func(q store.SQL) (err error) {
			codes, err = records.ExpiredCodes(ctx, q, *from, to, store.At(now), sweepRows)
			return err
		})
		if err != nil {
			return err
		}
		if err := s.app.verify.ReleaseLapsed(ctx, codes); err != nil {
			return err
		}
		if len(codes) < sweepRows {
			*from = to
			return nil
		}
		*from = int64(codes[len(codes)-1]) + 1
	}
	return nil
}

// begin puts a cursor where the first live code is: before it there is nothing
// to end.
func (s *sweeper) begin(ctx context.Context, from *int64, to int64) error {
	return s.app.database.View(ctx, func(q store.SQL) error {
		oldest, err := records.OldestLive(ctx, q)
		*from = to
		if oldest != 0 {
			*from = min(int64(oldest), to)
		}
		return err
	})
}

func (s *sweeper) ended() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// dueMessages lists what the outbox must look at.
func (a *App) dueMessages(ctx context.Context, before store.Time, limit int) (due []core.MessageID, err error) {
	err = a.database.View(ctx, func(q store.SQL) error {
		due, err = records.DueMessages(ctx, q, before, limit)
		return err
	})
	return due, err
}

// purgeOrphans forgets receipts that found no message.
func (a *App) purgeOrphans(ctx context.Context, before store.Time) error {
	return a.database.Update(ctx, func(q store.SQL) error {
		_, err := records.DeleteOrphans(ctx, q, before)
		return err
	})
}
