package sqlite

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// durable puts commits on disk. COMMIT writes to the WAL and does not wait for
// the disk (synchronous = NORMAL); what an answer waits for is our sync of the
// WAL, after it and beside the next batch. SQLite itself syncs the header of a
// WAL that it starts anew, and a checkpoint syncs the WAL before it copies.
type durable struct {
	wal  *os.File // to be synced, nothing else
	sync func(*os.File) error

	showing sync.Mutex // held while a commit becomes visible
	visible atomic.Int64

	syncing sync.Mutex
	flushed atomic.Int64 // commits, of the visible ones, that are on disk
	broken  atomic.Pointer[error]
}

func (d *durable) open(database string) (err error) {
	d.sync = syncData
	d.wal, err = os.OpenFile(database+"-wal", os.O_RDWR, 0)
	return err
}

// show runs a COMMIT and counts it.
func (d *durable) show(commit func() error) error {
	d.showing.Lock()
	defer d.showing.Unlock()
	if err := commit(); err != nil {
		return err
	}
	d.visible.Add(1)
	return nil
}

// flushSeen is flush for a reader: what it saw may have become visible a moment
// before it was counted.
func (d *durable) flushSeen() error {
	d.showing.Lock()
	d.showing.Unlock() //nolint:staticcheck // waits for the commit that is under way
	return d.flush()
}

// flush returns when every commit that was counted before is on disk. A disk
// that failed to sync may have dropped what it was given and say nothing the
// next time, so its first failure is for ever.
func (d *durable) flush() error {
	upTo := d.visible.Load()
	if d.flushed.Load() >= upTo {
		return d.failure()
	}
	d.syncing.Lock()
	defer d.syncing.Unlock()
	if d.flushed.Load() >= upTo {
		return d.failure()
	}
	upTo = d.visible.Load()
	if err := d.sync(d.wal); err != nil {
		err = fmt.Errorf("%w: %w", ErrNotSynced, err)
		d.broken.CompareAndSwap(nil, &err)
	}
	d.flushed.Store(upTo)
	return d.failure()
}

// failure is what ended the engine's life, if anything did.
func (d *durable) failure() error {
	if err := d.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *durable) close() error {
	if d.wal == nil {
		return nil
	}
	return d.wal.Close()
}
