package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
)

// TestReq25_CapOverNodes: template messages count against the same caps, each
// of a batch by itself; and of 200 sends at once on two nodes of one PostgreSQL,
// with room for 7 under the cap, 7 pass.
func TestReq25_CapOverNodes(t *testing.T) {
	url := server.URL(server.Database(t, ""))
	open := func() database {
		e, err := postgres.Open(context.Background(), postgres.Options{URL: url, Now: time.Now, Log: quiet})
		ok(t, err)
		return e
	}
	w := newWorld(t, open())
	w.app.Caps = billing.Caps{"CN": 10}
	results, err := w.Batch(context.Background(), w.request(w.notice), []Recipient{named(1, "a"), named(2, "b"), named(3, "c")})
	ok(t, err)
	for _, r := range results {
		ok(t, r.Err)
	}

	second := open()
	t.Cleanup(func() { ok(t, second.Close()) })
	batcher := store.NewBatcher(second, w.clock.now, quiet, store.Options{})
	batcher.Start()
	t.Cleanup(batcher.Stop)
	o := w.o
	o.Store, o.Database, o.IDs = batcher, second, core.NewIDs(w.clock.now, 2)
	nodes := []*Service{w.Service, New(o)}

	var passed, capped atomic.Int64
	var all sync.WaitGroup
	const sends = 200
	release := make(chan struct{})
	for i := range sends {
		all.Go(func() {
			<-release
			_, err := nodes[i%2].Send(context.Background(), w.request(w.notice), named(100+i, "d"))
			switch {
			case err == nil:
				passed.Add(1)
			case core.KindOf(err) == core.KindSpendCap:
				capped.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	close(release)
	all.Wait()
	if passed.Load() != 7 || capped.Load() != sends-7 {
		t.Errorf("%d passed and %d met the cap; want 7 and %d", passed.Load(), capped.Load(), sends-7)
	}
	if n := w.count(`SELECT COUNT(*) FROM message`); n != 10 {
		t.Errorf("%d messages, want 10", n)
	}
	results, err = w.Batch(context.Background(), w.request(w.notice), []Recipient{named(4, "a"), named(5, "b")})
	ok(t, err)
	for _, r := range results {
		wantKind(t, r.Err, core.KindSpendCap, "")
	}
}
