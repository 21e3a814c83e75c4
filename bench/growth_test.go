package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
)

// TestFill: what the measurement of growth fills in is in time order, of both
// ages, ended, and such as the sweep takes.
func TestFill(t *testing.T) {
	ctx := context.Background()
	e, err := sqlite.Open(ctx, sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, begin := range []time.Time{now.Add(-2 * codesKept), now.Add(-codesKept + time.Hour)} {
		if err := fill(e, begin, begin.Add(24*time.Hour), int64(fillBatch+1+i)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := countOld(e, now); n != fillBatch+1 || err != nil {
		t.Errorf("%d old codes, %v; want %d", n, err, fillBatch+1)
	}
	err = e.View(ctx, func(q store.SQL) error {
		page, err := records.AgedVerifications().Page(ctx, q, 0, core.IDAt(now), 3*fillBatch)
		if page.Over != 2*fillBatch+3 || !page.End {
			t.Errorf("the sweep would take %+v", page)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
