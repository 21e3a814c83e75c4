package rotation

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

const (
	settingReseal = "keyring_reseal" // not empty: the job is not done
	resealPage    = 256              // rows in one command or transaction
)

// Reseal starts to seal every field under the newest key, so that the older
// ones can be retired. KindConflict while it runs.
func (s *Service) Reseal(ctx context.Context, by tenant.By) (Status, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	err := s.do(ctx, change{by: by, action: "keyring.reseal", turn: s.fresh.request, also: func(ctx context.Context, q store.SQL) error {
		return records.PutSetting(ctx, q, settingReseal, by.Request)
	}})
	if err != nil {
		return Status{}, err
	}
	return s.Status(ctx)
}

// reseal is the job in the background.
type reseal struct {
	o        Options
	requests chan struct{}
	sealed   atomic.Int64

	mu      sync.Mutex // guards what follows
	busy    bool
	cancel  context.CancelFunc
	done    chan struct{}
	stopped bool
}

func newReseal(o Options) *reseal { return &reseal{o: o, requests: make(chan struct{}, 1)} }

func (r *reseal) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		cancel()
		return
	}
	r.cancel, r.done, r.busy = cancel, make(chan struct{}), true
	go r.loop(ctx, r.done)
}

func (r *reseal) stop() {
	r.mu.Lock()
	r.stopped = true
	cancel, done := r.cancel, r.done
	r.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

func (r *reseal) request() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped || r.cancel == nil:
		return core.E(core.KindOverloaded, "the job does not run")
	case r.busy:
		return core.E(core.KindConflict, "fields are being sealed already")
	}
	r.busy = true
	r.requests <- struct{}{}
	return nil
}

func (r *reseal) state() ResealStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ResealStatus{Running: r.busy, Done: r.sealed.Load()}
}

// loop finishes what was interrupted, and then waits for requests.
func (r *reseal) loop(ctx context.Context, done chan struct{}) {
	defer close(done)
	r.untilDone(ctx, r.resume)
	for {
		select {
		case <-r.requests:
			r.untilDone(ctx, r.run)
		case <-ctx.Done():
			return
		}
	}
}

func (r *reseal) untilDone(ctx context.Context, job func(context.Context) error) {
	for {
		err := job(ctx)
		if err == nil {
			r.mu.Lock()
			r.busy = false
			r.mu.Unlock()
			return
		}
		if ctx.Err() != nil {
			return
		}
		r.o.Log.Error("rotation: sealing fields anew was interrupted and goes on later", "error", err.Error())
		if wait(ctx, r.o.Retry) != nil {
			return
		}
	}
}

// resume runs the job if an earlier process did not finish it.
func (r *reseal) resume(ctx context.Context) error {
	var begun string
	err := r.o.Database.View(ctx, func(q store.SQL) (err error) {
		begun, _, err = records.Setting(ctx, q, settingReseal)
		return err
	})
	if err != nil || begun == "" {
		return err
	}
	return r.run(ctx)
}

// run goes through every table once, after requests that seal under an older
// key have ended; again if the key was rotated meanwhile.
func (r *reseal) run(ctx context.Context) error {
	for {
		newest := r.o.Ring.FieldKeyIDs()[0]
		if err := r.o.Settled(ctx); err != nil {
			return err
		}
		for _, table := range records.SealedTables() {
			if err := r.table(ctx, table, newest); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		if newest == r.o.Ring.FieldKeyIDs()[0] {
			return records.Update(ctx, r.o.Database, func(q store.SQL) error { return records.PutSetting(ctx, q, settingReseal, "") })
		}
	}
}

func (r *reseal) table(ctx context.Context, table records.Sealed, newest uint16) error {
	page := func(after int64) (int64, int, error) { return r.rows(ctx, table, newest, after) }
	switch table {
	case records.SealedPeers:
		page = func(after int64) (int64, int, error) { return r.o.Peers.Reseal(ctx, newest, after, resealPage) }
	case records.SealedReplies:
		page = func(after int64) (int64, int, error) { return r.replies(ctx, newest, after) }
	case records.SealedSigningKeys:
		page = func(after int64) (int64, int, error) { return r.signingKeys(ctx, newest, after) }
	case records.SealedRecipients, records.SealedOptOuts:
		page = func(after int64) (int64, int, error) { return r.plain(ctx, table, newest, after) }
	case records.SealedApps:
		page = func(after int64) (int64, int, error) { return r.o.Apps.Reseal(ctx, newest, after, resealPage) }
	case records.SealedUsers, records.SealedFailures, records.SealedMessages, records.SealedChecks, records.SealedProfiles:
	}
	for after := int64(0); ; {
		last, n, err := page(after)
		if err != nil || n == 0 {
			return err
		}
		r.sealed.Add(int64(n))
		after = last
	}
}

// replies seals a page of subscribers' texts, which nobody changes.
func (r *reseal) replies(ctx context.Context, newest uint16, after int64) (last int64, n int, err error) {
	err = records.Update(ctx, r.o.Database, func(q store.SQL) error {
		found, err := records.SealedOtherwise(ctx, q, records.SealedReplies, newest, after, resealPage)
		for _, row := range found {
			if err != nil {
				return err
			}
			var phone, text []byte
			if phone, err = account.ResealNumber(r.o.Ring, row.First); err != nil {
				return fmt.Errorf("row %d: %w", row.ID, err)
			}
			plain, openErr := r.o.Ring.Open(reply.TextField, row.Second)
			if openErr != nil {
				return fmt.Errorf("row %d: %w", row.ID, openErr)
			}
			text, err = r.o.Ring.Seal(reply.TextField, plain)
			clear(plain)
			if err == nil {
				err = records.ResealReply(ctx, q, row, phone, text)
			}
		}
		if n = len(found); n > 0 {
			last = found[n-1].ID
		}
		return err
	})
	return last, n, err
}

// signingKeys seals a page of private keys, which nobody changes.
func (r *reseal) signingKeys(ctx context.Context, newest uint16, after int64) (last int64, n int, err error) {
	err = records.Update(ctx, r.o.Database, func(q store.SQL) error {
		found, err := records.SealedOtherwise(ctx, q, records.SealedSigningKeys, newest, after, resealPage)
		if err != nil {
			return err
		}
		last, n = 0, len(found)
		for _, row := range found {
			var anew []byte
			if err := resealField(r.o.Ring, oauth.KeyField, row.First, &anew); err != nil {
				return fmt.Errorf("row %d: %w", row.ID, err)
			}
			if err := records.ResealSigningKey(ctx, q, row, anew); err != nil {
				return err
			}
			last = row.ID
		}
		return nil
	})
	return last, n, err
}

// plain seals a page of a table that only plain transactions write.
func (r *reseal) plain(ctx context.Context, table records.Sealed, newest uint16, after int64) (last int64, n int, err error) {
	put := records.ResealOptOut
	if table == records.SealedRecipients {
		put = records.ResealRecipient
	}
	err = records.Update(ctx, r.o.Database, func(q store.SQL) error {
		found, err := records.SealedOtherwise(ctx, q, table, newest, after, resealPage)
		if err != nil {
			return err
		}
		last, n = 0, len(found)
		for _, row := range found {
			anew, err := resealed(r.o.Ring, table, row)
			if err != nil {
				return fmt.Errorf("row %d: %w", row.ID, err)
			}
			if err := put(ctx, q, row, anew); err != nil {
				return err
			}
			last = row.ID
		}
		return nil
	})
	return last, n, err
}

// rows seals a page of a table that batches write: as a command, so that no
// batch works on an older state of the rows.
func (r *reseal) rows(ctx context.Context, table records.Sealed, newest uint16, after int64) (last int64, n int, err error) {
	var found []records.SealedRow
	err = r.o.Database.View(ctx, func(q store.SQL) (err error) {
		found, err = records.SealedOtherwise(ctx, q, table, newest, after, resealPage)
		return err
	})
	if err != nil || len(found) == 0 {
		return 0, 0, err
	}
	c := &resealRows{table: table, rows: found, anew: make([]records.SealedRow, len(found))}
	for i, row := range found {
		if c.anew[i], err = resealed(r.o.Ring, table, row); err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", row.ID, err)
		}
	}
	return found[len(found)-1].ID, len(found), r.o.Commands.Do(ctx, c)
}

// resealed is a row sealed anew; no value stays none.
func resealed(ring *keyring.Ring, table records.Sealed, row records.SealedRow) (records.SealedRow, error) {
	anew := records.SealedRow{ID: row.ID}
	if table == records.SealedProfiles {
		return anew, resealField(ring, account.ProfileField, row.First, &anew.First)
	}
	var err error
	if len(row.First) > 0 {
		if anew.First, err = account.ResealNumber(ring, row.First); err != nil {
			return anew, err
		}
	}
	if table == records.SealedChecks && len(row.Second) > 0 {
		err := resealField(ring, numberverify.HashField, row.Second, &anew.Second)
		return anew, err
	}
	if table != records.SealedMessages && table != records.SealedRecipients || len(row.Second) == 0 {
		return anew, nil
	}
	text, err := ring.Open(outbox.BodyField, row.Second)
	if err != nil {
		return anew, err
	}
	defer clear(text)
	anew.Second, err = ring.Seal(outbox.BodyField, text)
	return anew, err
}

func resealField(ring *keyring.Ring, field string, sealed []byte, anew *[]byte) error {
	plain, err := ring.Open(field, sealed)
	if err != nil {
		return err
	}
	defer clear(plain)
	*anew, err = ring.Seal(field, plain)
	return err
}

// resealRows is the command.
type resealRows struct {
	table      records.Sealed
	rows, anew []records.SealedRow
}

// Want names the rows.
func (c *resealRows) Want(b *store.Batch) {
	for _, row := range c.rows {
		switch c.table {
		case records.SealedUsers:
			b.Users.Want(core.UserID(row.ID))
		case records.SealedFailures:
			b.Failures.Want(core.FailureID(row.ID))
		case records.SealedMessages:
			b.Messages.Want(core.MessageID(row.ID))
		case records.SealedChecks:
			b.NumberChecks.Want(core.NumberCheckID(row.ID))
		case records.SealedProfiles:
			b.Profiles.Want(core.UserID(row.ID))
		case records.SealedPeers, records.SealedApps, records.SealedReplies, records.SealedRecipients, records.SealedOptOuts, records.SealedSigningKeys: // are no rows of batches
		}
	}
}

// Decide passes over rows that are gone, and values that changed meanwhile.
func (c *resealRows) Decide(b *store.Batch) error {
	for i, row := range c.rows {
		anew := c.anew[i]
		switch c.table {
		case records.SealedUsers:
			if u, ok := b.Users.Get(core.UserID(row.ID)); ok && replace(&u.Phone, row.First, anew.First) {
				b.PutUser(u)
			}
		case records.SealedFailures:
			if f, ok := b.Failures.Get(core.FailureID(row.ID)); ok && replace(&f.Phone, row.First, anew.First) {
				b.PutFailure(f)
			}
		case records.SealedMessages:
			if m, ok := b.Messages.Get(core.MessageID(row.ID)); ok {
				phone, body := replace(&m.Phone, row.First, anew.First), replace(&m.Body, row.Second, anew.Second)
				if phone || body {
					b.Messages.Put(m.ID, m)
				}
			}
		case records.SealedChecks:
			if n, ok := b.NumberChecks.Get(core.NumberCheckID(row.ID)); ok {
				phone, hash := replace(&n.Phone, row.First, anew.First), replace(&n.Hash, row.Second, anew.Second)
				if phone || hash {
					b.NumberChecks.Put(n.ID, n)
				}
			}
		case records.SealedProfiles:
			if p, ok := b.Profiles.Get(core.UserID(row.ID)); ok && replace(&p.Body, row.First, anew.First) {
				b.Profiles.Put(p.User, p)
			}
		case records.SealedPeers, records.SealedApps, records.SealedReplies, records.SealedRecipients, records.SealedOptOuts, records.SealedSigningKeys:
		}
	}
	return nil
}

// replace puts the value in the place of the old one, if that is still there.
func replace(at *[]byte, old, anew []byte) bool {
	if len(old) == 0 || !bytes.Equal(*at, old) {
		return false
	}
	*at = anew
	return true
}
