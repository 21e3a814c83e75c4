package tenant

import (
	"context"
	"log/slog"
	"testing"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func (w *world) batcher(t testing.TB) *store.Batcher {
	b := store.NewBatcher(w.engine, w.clock.now, slog.New(slog.DiscardHandler), store.Options{})
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

func (w *world) balance(t testing.TB, app core.AppID) (balance int64) {
	t.Helper()
	must(t, w.engine.View(context.Background(), func(q store.SQL) error {
		return q.Query(context.Background(), `SELECT balance FROM account WHERE id = $1`,
			func(r store.Scanner) error { return r.Scan(&balance) },
			int64(billing.Account(billing.OwnerApp(app), core.PoolGeneral, billing.Available)))
	}))
	return balance
}

func TestDemoIsMadeOnceAndFoundAgain(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	spec := DemoSpec{Credit: 1000, Commands: w.batcher(t), IDs: core.NewIDs(w.clock.now, 0)}
	first, err := w.admin.EnsureDemo(ctx, spec)
	must(t, err)
	app, ok := w.directory.AppByKey(DialectYunbox, first.Key.Reveal())
	if !ok || app.ID != first.App || app.Tenant != first.Tenant {
		t.Fatalf("app = %+v, %v", app, ok)
	}
	// contracts/README.md §8.
	for literal, want := range map[string]string{"12345678910": "4433", "12345678901": "232326"} {
		if code, ok := app.TestCode(literal); !ok || code != want {
			t.Errorf("TestCode(%s) = %s, %v", literal, code, ok)
		}
	}
	spec.Key = first.Key
	again, err := w.admin.EnsureDemo(ctx, spec)
	must(t, err)
	if again.Tenant != first.Tenant || again.App != first.App || again.Key.Reveal() != first.Key.Reveal() {
		t.Errorf("second start = %+v", again)
	}
	if got := w.balance(t, first.App); got != 1000 {
		t.Errorf("balance = %d after two starts", got)
	}
	if n := len(w.directory.Apps()); n != 1 {
		t.Errorf("%d apps", n)
	}

	// The key file is gone: a new key, and the old one ends.
	spec.Key = core.Secret{}
	lost, err := w.admin.EnsureDemo(ctx, spec)
	must(t, err)
	if _, ok := w.directory.AppByKey(DialectYunbox, first.Key.Reveal()); ok {
		t.Error("the lost key still works")
	}
	if _, ok := w.directory.AppByKey(DialectYunbox, lost.Key.Reveal()); !ok {
		t.Error("the new key does not work")
	}
}

func TestDemoWithAGivenKey(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	spec := DemoSpec{Key: core.NewSecret("kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z"), Credit: 5, Commands: w.batcher(t), IDs: core.NewIDs(w.clock.now, 0)}
	demo, err := w.admin.EnsureDemo(ctx, spec)
	must(t, err)
	if demo.Key.Reveal() != "kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z" {
		t.Error("another key")
	}
	spec.Key = core.NewSecret("another-key-of-dev")
	_, err = w.admin.EnsureDemo(ctx, spec)
	must(t, err)
	for _, key := range []string{"kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z", "another-key-of-dev"} {
		if _, ok := w.directory.AppByKey(DialectYunbox, key); !ok {
			t.Errorf("%s does not work", key)
		}
	}
	spec.Key = core.NewSecret("short")
	_, err = w.admin.EnsureDemo(ctx, spec)
	wantKind(t, err, core.KindBadField)
}
