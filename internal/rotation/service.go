package rotation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Grace is longer than any request takes: so long after a rotation something
// may still be written under the key before.
const Grace = 2 * time.Minute

// Defaults.
const (
	retryAfter = time.Minute // a job that met an error
	noteTries  = 3           // of a change that took effect and is not on disk yet
)

// Database is the part of store.Engine that plain transactions need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Commands runs commands on rows: store.Batcher.
type Commands interface {
	Do(ctx context.Context, c store.Command) error
}

// Auditor writes audit rows: tenant.Admin.
type Auditor interface {
	Record(ctx context.Context, q store.SQL, by tenant.By, action, object string, before, after any) error
}

// Resealer seals what it owns under the newest field key, a page a call
// (tenant.Admin.Reseal, tunnel.Service.Reseal).
type Resealer interface {
	Reseal(ctx context.Context, newest uint16, after int64, limit int) (last int64, n int, err error)
}

// Options are what a Service is made of; those without a default are required.
type Options struct {
	Ring     *keyring.Ring
	Database Database
	Commands Commands
	Audit    Auditor
	Apps     Resealer
	Peers    Resealer
	Now      func() time.Time
	Log      *slog.Logger

	// Bind writes down which generation of the keyring the database belongs to,
	// and tells whether that was not known yet.
	Bind func(ctx context.Context, q store.SQL) (fresh bool, err error)

	// Refresh makes this node look API keys up by what the database has now.
	Refresh func(ctx context.Context) error

	// Settled returns when every request that began before it was called has
	// ended. The default waits for Grace.
	Settled func(ctx context.Context) error
	Retry   time.Duration // of a job after an error; default one minute
}

// Service rotates and retires keys. Its methods may be called at the same time;
// changes run one after the other.
type Service struct {
	o     Options
	index *account.IndexRotation
	fresh *reseal

	changing sync.Mutex         // one change at a time; guards rotated
	rotated  map[Kind]time.Time // by this process: requests of an earlier one have ended
}

// New returns the service. Start runs its jobs.
func New(o Options) *Service {
	if o.Settled == nil {
		o.Settled = waitGrace
	}
	if o.Retry <= 0 {
		o.Retry = retryAfter
	}
	s := &Service{o: o, rotated: map[Kind]time.Time{}}
	s.index = account.NewIndexRotation(account.RotationOptions{Store: o.Commands, Database: o.Database, Ring: o.Ring, Now: o.Now, Log: o.Log,
		Changed: s.indexChanged, Turn: s.turnIndex, Settled: o.Settled, Retry: o.Retry})
	s.fresh = newReseal(o)
	return s
}

// Start finishes jobs that were interrupted and waits for new ones. It is
// called once.
func (s *Service) Start() {
	s.index.Start()
	s.fresh.start()
}

// Stop interrupts the jobs and returns when they have ended. Stopping twice,
// or what was never started, is fine.
func (s *Service) Stop() {
	s.index.Stop()
	s.fresh.stop()
}

// change is one change of the keyring with its audit row.
type change struct {
	by     tenant.By
	action string
	needed func(ctx context.Context, q store.SQL) error // refuses while a key is needed; nil: never
	turn   func() error                                 // changes the keyring, or starts a job
	also   func(ctx context.Context, q store.SQL) error // what else is written; nil: nothing
}

// do makes a change in one transaction: while it runs nothing else is written
// to the database, so nobody begins to need what needed found unneeded, and no
// other server rotates.
//
// The keyring's file can not be part of the transaction. An error before turn
// left nothing changed. Afterwards the change has taken effect, and only its
// note is tried again: should that fail too, the next start finds the new
// generation and notes it.
func (s *Service) do(ctx context.Context, c change) error {
	ctx = context.WithoutCancel(ctx) // a caller who hangs up must not leave it half done
	var turned bool
	var before, after counts
	run := func(q store.SQL) error {
		if turned {
			if noted, err := isNoted(ctx, q, c); noted || err != nil {
				return err // the commit that failed was kept
			}
		} else {
			if err := s.unchanged(ctx, q); err != nil {
				return err
			}
			if c.needed != nil {
				if err := c.needed(ctx, q); err != nil {
					return err
				}
			}
			before = s.counts()
			if err := c.turn(); err != nil {
				return explained(err)
			}
			turned, after = true, s.counts()
		}
		if c.also != nil {
			if err := c.also(ctx, q); err != nil {
				return err
			}
		}
		if _, err := s.o.Bind(ctx, q); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, q, c.by, c.action, object, before, after)
	}
	err := records.Update(ctx, s.o.Database, run)
	for try := 1; err != nil && turned && try < noteTries; try++ {
		err = records.Update(ctx, s.o.Database, run)
	}
	if err != nil && turned {
		s.o.Log.Error("rotation: a change of the keyring has no audit row yet", "action", c.action, "request", c.by.Request, "error", err.Error())
	}
	return err
}

// object is what the audit says was changed.
const object = "keyring"

// lastRows is among how many of the newest audit rows a change looks for its own.
const lastRows = 100

func isNoted(ctx context.Context, q store.SQL, c change) (bool, error) {
	rows, err := records.Audits(ctx, q, 0, lastRows)
	for _, row := range rows {
		if row.Request == c.by.Request && row.Action == c.action {
			return true, err
		}
	}
	return false, err
}

// explained is an error of the keyring as the operator reads it.
func explained(err error) error {
	switch {
	case errors.Is(err, keyring.ErrOutdated):
		return core.Wrap(core.KindConflict, err, "the keyring's file is from before a rotation that is known here: put the newest one in its place")
	case errors.Is(err, keyring.ErrChangedOnDisk):
		return core.Wrap(core.KindConflict, err, "the keyring's file was changed by another server at this moment: try again")
	case errors.Is(err, keyring.ErrKeysUsedUp):
		return core.Wrap(core.KindConflict, err, "all 65,535 key numbers are used up")
	}
	return err
}

// indexChanged notes what the index rotation did to the keyring.
func (s *Service) indexChanged(ctx context.Context) error {
	return records.Update(ctx, s.o.Database, func(q store.SQL) error {
		fresh, err := s.o.Bind(ctx, q)
		if err != nil || !fresh {
			return err
		}
		return s.o.Audit.Record(ctx, q, tenant.By{Actor: "index rotation"}, "keyring.index", object, nil, s.counts())
	})
}

func waitGrace(ctx context.Context) error { return wait(ctx, Grace) }

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
