package tenant

import (
	"context"
	"errors"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// poller is the directory's background loop.
type poller struct {
	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{}
}

// Start polls the revision number every second and reads the configuration
// when it moved, until Stop. Starting twice is fine.
func (d *Directory) Start() {
	p := &d.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.done = stop, make(chan struct{})
	go d.poll(ctx, p.done)
}

// Stop ends the polling and returns when it has ended. The directory goes on
// showing what it has. Stopping twice is fine.
func (d *Directory) Stop() {
	p := &d.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop == nil {
		return
	}
	p.stop()
	<-p.done
	p.stop = nil
}

func (d *Directory) poll(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-d.rehash:
			d.storeRehash(ctx, r)
		case <-tick.C:
			err := d.catchUp(ctx)
			if err != nil && !failing && ctx.Err() == nil {
				d.log.Error("tenant: the configuration or its keys can not be read; going on with what there is", "error", err.Error())
			}
			if err == nil && failing {
				d.log.Info("tenant: the configuration can be read again")
			}
			failing = err != nil
		}
	}
}

// catchUp refreshes if the revision moved, or the keys did.
func (d *Directory) catchUp(ctx context.Context) error {
	changed, behind := d.follow(ctx)
	if changed {
		d.log.Info("tenant: keys that another node made are in use")
		return errors.Join(behind, d.Refresh(ctx))
	}
	var revision int64
	err := d.database.View(ctx, func(q store.SQL) (err error) {
		revision, err = records.Revision(ctx, q)
		return err
	})
	if err == nil && revision != d.Revision() {
		err = d.Refresh(ctx)
	}
	return errors.Join(behind, err)
}

// rehash is a key that was found by an old token key's hash.
type rehash struct {
	id   int64
	from [32]byte
	key  core.Secret
}

// wantRehash notes a key to be stored under the newest token key, so that the
// older ones can be retired (requirement row 11). When many wait, the next use
// of the key notes it again.
func (d *Directory) wantRehash(r rehash) {
	select {
	case d.rehash <- r:
	default:
	}
}

func (d *Directory) storeRehash(ctx context.Context, r rehash) {
	if c, ok := d.current.Load().byHash[r.from]; !ok || c.id != r.id {
		return // done already: the key was used several times meanwhile
	}
	err := d.database.Update(ctx, func(q store.SQL) error {
		// Hashed here, so that a rotation is either seen or sees this row.
		if err := records.RehashCredential(ctx, q, r.id, r.from, d.keys.TokenHashes(r.key.Reveal())[0]); err != nil {
			return err
		}
		return records.BumpRevision(ctx, q)
	})
	if err == nil {
		err = d.Refresh(ctx)
	}
	if err != nil && ctx.Err() == nil {
		d.log.Warn("tenant: a key could not be stored under the newest token key", "error", err.Error())
	}
}
