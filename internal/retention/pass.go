package retention

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// schedulesKept is how long a schedule can be asked for after it was sent.
const schedulesKept = 7 * 24 * time.Hour

// decisionsKept is how long the fraud guard's decisions and what apps spent of
// their caps can be looked at.
const decisionsKept = 35 * 24 * time.Hour

// sweep removes the old rows of one kind and tells how many went.
type sweep struct {
	name string
	run  func(ctx context.Context, now time.Time) (int64, error)
}

// pass is one round of every sweep. One that fails does not keep the others
// from their work.
func (s *Service) pass(ctx context.Context) error {
	now := s.o.Now()
	var failed []error
	var gone []any
	for _, sweep := range s.sweeps() {
		n, err := sweep.run(ctx, now)
		if n > 0 {
			gone = append(gone, slog.Int64(sweep.name, n))
		}
		if ctx.Err() != nil {
			break
		}
		failed = append(failed, err)
	}
	if len(gone) > 0 {
		s.o.Log.Info("retention: old rows removed", gone...)
	}
	return errors.Join(failed...)
}

func (s *Service) sweeps() []sweep {
	rows := []sweep{
		{"journal", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneJournal(ctx, q, store.At(now.Add(-s.o.Journal())), s.o.Rows)
		})},
		{"once", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneOnce(ctx, q, store.At(now), s.o.Rows)
		})},
		{"idempotency", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneIdempotency(ctx, q, store.At(now), s.o.Rows)
		})},
		{"event", s.events},
		{"reply", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneReplies(ctx, q, core.IDAt(now.Add(-s.o.Keep.Messages)), s.o.Rows)
		})},
		{"schedule_recipient", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneRecipients(ctx, q, store.At(now.Add(-schedulesKept)), s.o.Rows)
		})},
		{"schedule", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneSchedules(ctx, q, store.At(now.Add(-schedulesKept)), s.o.Rows)
		})},
		{"number_proof", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneProofs(ctx, q, store.At(now), s.o.Rows)
		})},
		{"captcha_pass", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PrunePasses(ctx, q, store.At(now), s.o.Rows)
		})},
		{"session", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneSessions(ctx, q, store.At(now), s.o.Rows)
		})},
		{"login_event", s.aged(records.AgedLogins(), s.o.Keep.Logins)},
		{"guard_decision", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneGuardDecisions(ctx, q, core.IDAt(now.Add(-decisionsKept)), s.o.Rows)
		})},
		{"spend", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneSpends(ctx, q, store.NewSpendKey(int(now.Add(-decisionsKept).Unix()/(24*3600)), 0, ""), s.o.Rows)
		})},
		{"number_check", s.aged(records.AgedNumberChecks(), s.o.Keep.Verifications)},
		{"receipt_ref", s.receipts},
	}
	if s.o.Keep.Audit > 0 {
		rows = append(rows, sweep{"audit", s.oldest(func(ctx context.Context, q store.SQL, now time.Time) (int64, error) {
			return records.PruneAudit(ctx, q, store.At(now.Add(-s.o.Keep.Audit)), s.o.Rows)
		})})
	}
	if s.partitions != nil {
		return append(rows, sweep{"partitions", func(ctx context.Context, _ time.Time) (int64, error) { return 0, s.Prepare(ctx) }})
	}
	return append(rows,
		sweep{"verification", s.aged(records.AgedVerifications(), s.o.Keep.Verifications)},
		sweep{"message", s.aged(records.AgedMessages(), s.o.Keep.Messages)})
}

// aged removes the rows of a table whose ids were made longer ago than keep, to
// the millisecond that an id has.
func (s *Service) aged(table records.Aged, keep time.Duration) func(context.Context, time.Time) (int64, error) {
	return func(ctx context.Context, now time.Time) (int64, error) {
		return s.walk(ctx, table, 0, core.IDAt(now.Add(-keep)))
	}
}

// walk removes what may go of the rows with ids over after and below before.
func (s *Service) walk(ctx context.Context, table records.Aged, after, before int64) (gone int64, err error) {
	for end := false; !end; {
		var page records.AgedPage
		err := s.o.Database.View(ctx, func(q store.SQL) (err error) {
			page, err = table.Page(ctx, q, after, before, s.o.Rows)
			return err
		})
		if err != nil {
			return gone, err
		}
		if page.Over > 0 {
			n, err := s.update(ctx, func(q store.SQL) (int64, error) { return table.Delete(ctx, q, after, page.Last) })
			gone += n
			if err != nil {
				return gone, err
			}
		}
		after, end = page.Last, page.End
	}
	return gone, nil
}

// events removes old events, each state after its time. What was given up stays
// among what was told and went, by the million where an app's URL is dead: a pass
// reads only what became old since the one before, and all of it once a day, for
// what changed its state late.
func (s *Service) events(ctx context.Context, now time.Time) (gone int64, err error) {
	if !now.Before(s.eventsDue) {
		clear(s.eventsSeen[:])
		s.eventsDue = now.Add(24 * time.Hour)
	}
	for i, keep := range [...]time.Duration{records.EventWaits: waitingEvents, records.EventTold: toldEvents, records.EventDead: deadEvents} {
		before := core.IDAt(now.Add(-keep))
		n, err := s.walk(ctx, records.AgedEvents(records.EventState(i)), s.eventsSeen[i], before)
		gone += n
		if err != nil {
			return gone, err
		}
		s.eventsSeen[i] = max(s.eventsSeen[i], before-1)
	}
	return gone, nil
}

// receipts removes references to messages that were accepted longer ago than
// they are kept. It reads the whole table, so that it does not do so in every
// pass.
func (s *Service) receipts(ctx context.Context, now time.Time) (gone int64, err error) {
	if now.Before(s.receiptsDue) {
		return 0, nil
	}
	before := core.MessageID(core.IDAt(now.Add(-s.o.Keep.Receipts)))
	for after, end := (store.ReceiptKey{}), false; !end; {
		var page records.ReceiptPage
		err := s.o.Database.View(ctx, func(q store.SQL) (err error) {
			page, err = records.OldReceipts(ctx, q, before, after, s.o.Rows)
			return err
		})
		if err != nil {
			return gone, err
		}
		if page.Over > 0 {
			n, err := s.update(ctx, func(q store.SQL) (int64, error) {
				return records.DeleteReceipts(ctx, q, before, after, page.Last)
			})
			gone += n
			if err != nil {
				return gone, err
			}
		}
		after, end = page.Last, page.End
	}
	s.receiptsDue = now.Add(s.o.Keep.Receipts / receiptTurns)
	return gone, nil
}

// oldest removes a page of the oldest rows at a time, until one is not full.
func (s *Service) oldest(remove func(context.Context, store.SQL, time.Time) (int64, error)) func(context.Context, time.Time) (int64, error) {
	return func(ctx context.Context, now time.Time) (gone int64, err error) {
		for {
			n, err := s.update(ctx, func(q store.SQL) (int64, error) { return remove(ctx, q, now) })
			gone += n
			if err != nil || n < int64(s.o.Rows) {
				return gone, err
			}
		}
	}
}

// update runs one transaction and leaves the writer to others for a while.
func (s *Service) update(ctx context.Context, f func(store.SQL) (int64, error)) (n int64, err error) {
	var began time.Time // without the wait for the writer
	err = s.o.Database.Update(ctx, func(q store.SQL) (err error) {
		began = s.o.Now()
		n, err = f(q)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, s.rest(ctx, min(max(leastPause, share*s.o.Now().Sub(began)), mostPause))
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
