package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
)

// disk is a world on SQLite.
type disk struct {
	*world
	engine *sqlite.Engine
}

func openDisk(t *testing.T, folder string) *disk {
	log := slog.New(slog.DiscardHandler)
	e, err := sqlite.Open(t.Context(), sqlite.Options{Folder: folder, Now: time.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	highest, err := e.Highest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := core.NewIDs(time.Now, 7)
	ids.Seed(highest)
	b := store.NewBatcher(e, time.Now, log, store.Options{})
	b.Start()
	now := time.Now()
	return &disk{world: &world{batcher: b, ids: ids, payer: billing.PayerOf(1, 2, false, core.PoolGeneral), clock: now, began: now}, engine: e}
}

func (d *disk) close(t *testing.T) {
	d.batcher.Stop()
	if err := d.engine.Close(); err != nil {
		t.Error(err)
	}
}

func (d *disk) options(p provider.Provider) Options {
	return Options{Node: 7, Now: d.now, IDs: d.ids, Log: slog.New(slog.DiscardHandler), Store: d.batcher, Sealer: clearText{},
		Due: func(ctx context.Context, before store.Time, limit int) (ids []core.MessageID, err error) {
			err = d.engine.View(ctx, func(q store.SQL) error { ids, err = records.DueMessages(ctx, q, before, limit); return err })
			return ids, err
		},
		Purge: func(ctx context.Context, before store.Time) error {
			return d.engine.Update(ctx, func(q store.SQL) error { _, err := records.DeleteOrphans(ctx, q, before); return err })
		},
		Route: func(Outgoing) []provider.Provider { return []provider.Provider{p} }, Hold: time.Millisecond, Interval: 10 * time.Millisecond}
}

// count asks the database.
func (d *disk) count(t *testing.T, sql string, want int64) {
	t.Helper()
	var got int64
	err := d.engine.View(t.Context(), func(q store.SQL) error {
		return q.Query(t.Context(), sql, func(r store.Scanner) error { return r.Scan(&got) })
	})
	if err != nil || got != want {
		t.Errorf("%s = %d, want %d (%v)", sql, got, want, err)
	}
}

// TestOnSQLite sends messages through a real database: some in a life that
// dies with their outcomes open, the rest in the next.
func TestOnSQLite(t *testing.T) {
	folder := t.TempDir()
	const before, after = 20, 200

	d := openDisk(t, folder)
	d.do(t, &billing.TopUp{IDs: d.ids, Payer: d.payer, Amount: 1_000_000})
	life := &process{Store: d.batcher}
	o := d.options(&scripted{name: carrier})
	o.Store = life
	n := start(t, d.world, o)
	for range before {
		n.send(t)
	}
	n.crash(life)
	d.close(t)

	d = openDisk(t, folder)
	defer d.close(t)
	p := &scripted{name: carrier}
	p.answer = func(i int, m provider.Message) provider.Outcome {
		part := fmt.Sprint("part", i)
		n.Receipt(carrier, provider.Receipt{PartID: part, State: provider.StateDelivered, Code: "DELIVRD", JSMS: 4001}, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
		return accepted(part)
	}
	idle, err := New(d.options(p))
	if err != nil {
		t.Fatal(err)
	}
	n = &node{Outbox: idle, world: d.world}
	n.Start()
	for range after {
		n.send(t)
	}
	for deadline := time.Now().Add(20 * time.Second); n.Stats().Delivered < before+after && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := n.Stats(); s.Resent != before || s.Delivered != before+after {
		t.Errorf("%+v", s)
	}
	d.count(t, "SELECT count(*) FROM message WHERE state = 4 AND money = 2 AND body IS NULL AND due IS NULL AND status = 4001", before+after)
	d.count(t, "SELECT count(*) FROM message WHERE resends = 1 AND attempts = 2", before)
	d.count(t, "SELECT count(*) FROM receipt_ref", 0)
	d.count(t, "SELECT count(*) FROM orphan", 0)
	d.count(t, "SELECT sum(balance) FROM account", 0)
	d.count(t, "SELECT balance FROM account WHERE id & 15 = 3", (before+after)*int64(price))
}
