package account

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Defaults and bounds of a rotation.
const (
	rotationGrace = 2 * time.Minute
	rotationRetry = time.Minute
	fillPage      = 256            // rows in one command
	clearPage     = 1000           // rows in one transaction
	oldestLive    = 48 * time.Hour // no code lives longer (contracts/README.md §5: 24 h)
)

// RotationOptions are what an IndexRotation is made of; those without a default
// are required.
type RotationOptions struct {
	Store    Store       // runs the commands that fill rows
	Database DeviceStore // the same database
	Ring     *keyring.Ring
	Now      func() time.Time
	Log      *slog.Logger

	// Changed is called after each change of the keyring, before the job goes on,
	// and whenever it goes on after an interruption; nil means nobody.
	Changed func(ctx context.Context) error

	// Turn runs each change of the keyring, one at a time on all servers; nil means
	// that there is one server.
	Turn func(ctx context.Context, turn func() error) error

	// Settled returns when every request that began before it was called has
	// ended. The default waits two minutes, which is longer than any request.
	Settled func(ctx context.Context) error
	Retry   time.Duration // after an error; default one minute
}

// IndexRotation replaces the key of the blind index while the server runs
// (requirement row 11): rows are found throughout, so a number keeps its user,
// its locks and its live code.
//
//	steady   ─ begin ─▶ dual     rows get both sides, are found by the old one
//	dual     ─ settled, fill every row, swap ─▶ swapped   found by the new one
//	swapped  ─ settled, finish ─▶ steady   the old key is gone
//	steady   ─ settled, clear the old side of every row
//
// Each arrow can be interrupted: where it stands is in the keyring's file and
// in the rows, and the next Start goes on from there.
type IndexRotation struct {
	options  RotationOptions
	requests chan struct{}

	mu      sync.Mutex // guards what follows
	busy    bool
	stop    context.CancelFunc
	done    chan struct{}
	stopped bool
}

// NewIndexRotation returns the job. Start runs it.
func NewIndexRotation(o RotationOptions) *IndexRotation {
	if o.Settled == nil {
		o.Settled = waitGrace
	}
	if o.Changed == nil {
		o.Changed = func(context.Context) error { return nil }
	}
	if o.Turn == nil {
		o.Turn = func(_ context.Context, turn func() error) error { return turn() }
	}
	if o.Retry <= 0 {
		o.Retry = rotationRetry
	}
	return &IndexRotation{options: o, requests: make(chan struct{}, 1)}
}

// Start finishes a rotation that was interrupted, and then waits for Request.
// It is called once.
func (r *IndexRotation) Start() {
	ctx, stop := context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		stop()
		return
	}
	r.stop, r.done, r.busy = stop, make(chan struct{}), true
	go r.run(ctx, r.done)
}

// Stop interrupts the job and returns when it has ended. Stopping twice is
// fine.
func (r *IndexRotation) Stop() {
	r.mu.Lock()
	r.stopped = true
	stop, done := r.stop, r.done
	r.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

// Request asks for a new key. It takes effect in the background. KindConflict
// while a rotation is under way, KindOverloaded when the job does not run.
func (r *IndexRotation) Request() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped || r.stop == nil:
		return core.E(core.KindOverloaded, "the rotation does not run")
	case r.busy:
		return core.E(core.KindConflict, "a rotation of the index is under way")
	}
	r.busy = true
	r.requests <- struct{}{}
	return nil
}

// Busy tells whether a rotation is under way.
func (r *IndexRotation) Busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy
}

func (r *IndexRotation) run(ctx context.Context, done chan struct{}) {
	defer close(done)
	r.untilDone(ctx, r.Resume)
	for {
		select {
		case <-r.requests:
			r.untilDone(ctx, r.Rotate)
		case <-ctx.Done():
			return
		}
	}
}

// untilDone tries a job again and again. What failed once goes on where it
// stood.
func (r *IndexRotation) untilDone(ctx context.Context, job func(context.Context) error) {
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
		r.options.Log.Error("account: the rotation of the index was interrupted and goes on later", "error", err.Error())
		if wait(ctx, r.options.Retry) != nil {
			return
		}
	}
}

// Rotate makes a new key and brings every row over to it. After an error
// Rotate or Resume goes on where it stood. Nothing else may rotate meanwhile.
func (r *IndexRotation) Rotate(ctx context.Context) error {
	if r.options.Ring.IndexState().Phase == keyring.IndexSteady {
		// What an earlier rotation left would pass for values of the new key.
		if err := r.clear(ctx); err != nil {
			return err
		}
		if err := r.options.Turn(ctx, r.options.Ring.BeginIndexRotation); err != nil {
			return err
		}
	}
	return r.Resume(ctx)
}

// Resume finishes what was begun; there may be nothing.
func (r *IndexRotation) Resume(ctx context.Context) error {
	ring := r.options.Ring
	for {
		if err := r.options.Changed(ctx); err != nil {
			return err
		}
		if ring.IndexState().Phase == keyring.IndexSteady {
			return r.clear(ctx)
		}
		next := ring.FinishIndexRotation
		if err := r.options.Settled(ctx); err != nil {
			return err
		}
		if state := ring.IndexState(); state.Phase == keyring.IndexDual {
			if err := r.fill(ctx, records.Side(!state.ByB)); err != nil {
				return err
			}
			next = ring.SwapIndex
		}
		if err := r.options.Turn(ctx, next); err != nil {
			return err
		}
	}
}

// fill gives every row the side that it lacks, until none does. Requests that
// began before the rotation have ended: what is written now has both sides.
func (r *IndexRotation) fill(ctx context.Context, side records.Side) error {
	for _, table := range records.IndexedTables() {
		for more := true; more; {
			var err error
			if more, err = r.fillTable(ctx, table, side); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillTable goes through a table once and tells whether there was anything to
// do.
func (r *IndexRotation) fillTable(ctx context.Context, table records.Indexed, side records.Side) (some bool, err error) {
	for after := r.firstID(table); ; {
		var rows []records.Unindexed
		err := r.options.Database.View(ctx, func(q store.SQL) (err error) {
			rows, err = records.LackingIndex(ctx, q, table, side, after, fillPage)
			return err
		})
		if err != nil || len(rows) == 0 {
			return some, err
		}
		c, err := newFillIndex(r.options.Ring, table, side, rows)
		if err != nil {
			return some, err
		}
		if table == records.IndexedReplies || table == records.IndexedOptOuts { // no rows of batches, and their numbers never change
			err = c.direct(ctx, r.options.Database)
		} else {
			err = r.options.Store.Do(ctx, c)
		}
		if err != nil {
			return some, err
		}
		some, after = true, rows[len(rows)-1].ID
	}
}

// firstID is where a pass over a table begins: codes that are alive are young.
func (r *IndexRotation) firstID(table records.Indexed) int64 {
	if table == records.IndexedVerifications {
		return core.IDAt(r.options.Now().Add(-oldestLive))
	}
	return 0
}

// clear removes the side whose key is gone from every row that has it.
func (r *IndexRotation) clear(ctx context.Context) error {
	side := records.Side(!r.options.Ring.IndexState().ByB)
	settled := false
	for _, table := range records.IndexedTables() {
		var some bool
		err := r.options.Database.View(ctx, func(q store.SQL) (err error) {
			some, err = records.HasIndex(ctx, q, table, side)
			return err
		})
		if err == nil && some && !settled {
			err, settled = r.options.Settled(ctx), true
		}
		if err == nil && some {
			err = r.clearTable(ctx, table, side)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *IndexRotation) clearTable(ctx context.Context, table records.Indexed, side records.Side) error {
	for after := r.firstID(table); ; {
		var last int64
		err := r.options.Database.Update(ctx, func(q store.SQL) (err error) {
			last, err = records.ClearIndex(ctx, q, table, side, after, clearPage)
			return err
		})
		if err != nil || last == 0 {
			return err
		}
		after = last
	}
}

// errNoWait says that the wait was interrupted.
var errNoWait = errors.New("account: the rotation was stopped")

func waitGrace(ctx context.Context) error { return wait(ctx, rotationGrace) }

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errNoWait
	}
}
