package tenant

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
)

func TestAppByKey(t *testing.T) {
	w := newWorld(t)
	view, key := w.app(t, "shop")
	app, ok := w.directory.AppByKey(DialectYunbox, key)
	if !ok || app.ID != view.ID || app.Tenant != view.Tenant || app.Name != "shop" {
		t.Fatalf("app = %+v, %v", app, ok)
	}
	for name, wrong := range map[string]string{
		"empty": "", "unknown": "kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z", "cut": key[:31], "longer": key + "x", "blank": key + " ",
		"other case": strings.ToLower(key), "very long": key + strings.Repeat("x", 200),
	} {
		if app, ok := w.directory.AppByKey(DialectYunbox, wrong); ok || app != nil {
			t.Errorf("%s key: app = %v", name, app)
		}
	}
	if _, ok := w.directory.AppByKey(DialectJSMS, key); ok {
		t.Error("a yunbox key works in jsms")
	}
	if got, ok := w.directory.App(view.ID); !ok || got != app {
		t.Errorf("App(%d) = %v, %v", view.ID, got, ok)
	}
	if _, ok := w.directory.App(99); ok {
		t.Error("App(99) exists")
	}
	if apps := w.directory.Apps(); len(apps) != 1 || apps[0] != app {
		t.Errorf("Apps = %v", apps)
	}
}

// contracts/yunbox.md §2, 0073: a disabled app, an app without this façade.
func TestAppByKeyRefusesAppsThatMayNot(t *testing.T) {
	w := newWorld(t)
	view, key := w.app(t, "shop")
	_, err := w.admin.DisableApp(context.Background(), by, view.ID)
	must(t, err)
	if _, ok := w.directory.AppByKey(DialectYunbox, key); ok {
		t.Error("a disabled app's key works")
	}
	if app, ok := w.directory.App(view.ID); !ok || !app.Disabled {
		t.Errorf("disabled app = %+v, %v", app, ok)
	}
	_, err = w.admin.EnableApp(context.Background(), by, view.ID)
	must(t, err)
	if _, ok := w.directory.AppByKey(DialectYunbox, key); !ok {
		t.Error("an enabled app's key does not work")
	}
	_, err = w.admin.UpdateApp(context.Background(), by, view.ID, Patch{Dialects: &[]Dialect{DialectJSMS}})
	must(t, err)
	if _, ok := w.directory.AppByKey(DialectYunbox, key); ok {
		t.Error("the key of an app without the dialect works")
	}
}

func TestRotatedKeysEndInTime(t *testing.T) {
	w := newWorld(t)
	view, first := w.app(t, "shop")
	_, second, err := w.admin.RotateKey(context.Background(), by, view.ID, Rotation{OldValidUntil: w.clock.now().Add(time.Hour)})
	must(t, err)
	valid := func(key string) bool {
		_, ok := w.directory.AppByKey(DialectYunbox, key)
		return ok
	}
	w.clock.move(time.Hour - 1)
	if !valid(first) || !valid(second.Reveal()) {
		t.Error("1 ns before the end both keys must work")
	}
	w.clock.move(1)
	if valid(first) || !valid(second.Reveal()) {
		t.Error("at the end only the new key must work")
	}
	_, third, err := w.admin.RotateKey(context.Background(), by, view.ID, Rotation{})
	must(t, err)
	if valid(second.Reveal()) || !valid(third.Reveal()) {
		t.Error("without a time the old key must end at once")
	}
	show, err := w.admin.ShowApp(context.Background(), view.ID)
	must(t, err)
	if len(show.Keys) != 3 || show.Keys[0].Valid || show.Keys[1].Valid || !show.Keys[2].Valid {
		t.Errorf("keys = %+v", show.Keys)
	}
	for _, until := range []time.Time{w.clock.now().Add(-1), w.clock.now().Add(366 * 24 * time.Hour)} {
		_, _, err := w.admin.RotateKey(context.Background(), by, view.ID, Rotation{OldValidUntil: until})
		wantKind(t, err, core.KindBadField)
	}
	_, _, err = w.admin.RotateKey(context.Background(), by, 99, Rotation{})
	wantKind(t, err, core.KindNotFound)
}

// Requirement row 11: a key stays valid while the token key rotates, and once
// it was used the old token key can be retired.
func TestReq11_KeysSurviveTokenKeyRotation(t *testing.T) {
	w := newWorld(t)
	view, key := w.app(t, "shop")
	must(t, w.ring.RotateTokenKey())
	if app, ok := w.directory.AppByKey(DialectYunbox, key); !ok || app.ID != view.ID {
		t.Fatal("the key is lost by the rotation")
	}
	w.directory.storeRehash(context.Background(), <-w.directory.rehash)
	must(t, w.ring.RetireTokenKeys(1))
	if app, ok := w.directory.AppByKey(DialectYunbox, key); !ok || app.ID != view.ID {
		t.Fatal("the key was not stored under the new token key")
	}
	if len(w.directory.rehash) != 0 {
		t.Error("a key under the newest token key is stored again")
	}
	other, _ := w.node()
	must(t, other.Refresh(context.Background()))
	if _, ok := other.AppByKey(DialectYunbox, key); !ok {
		t.Error("another node does not know the key")
	}
}

func TestRehashWhenTheDatabaseFails(t *testing.T) {
	for name, fault := range commitFaults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, key := w.app(t, "shop")
			must(t, w.ring.RotateTokenKey())
			for try := range 2 {
				if _, ok := w.directory.AppByKey(DialectYunbox, key); !ok {
					t.Fatal("the key does not work")
				}
				if try == 0 {
					w.faults.Inject(fault)
				}
				select {
				case r := <-w.directory.rehash:
					w.directory.storeRehash(context.Background(), r)
				default:
				}
			}
			must(t, w.directory.Refresh(context.Background()))
			must(t, w.ring.RetireTokenKeys(1))
			if _, ok := w.directory.AppByKey(DialectYunbox, key); !ok {
				t.Error("the key is not stored under the new token key")
			}
		})
	}
}

// Another node sees a change within a second, and goes on with what it has
// while the database is away.
func TestPollSeesAnotherNodesChange(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t)
	other, _ := w.node()
	other.Start()
	other.Start()
	defer other.Stop()
	view, key := w.app(t, "shop")
	eventually(t, func() bool { _, ok := other.AppByKey(DialectYunbox, key); return ok })

	w.faults.away.Store(true)
	_, _ = w.admin.DisableApp(context.Background(), by, view.ID) // its own refresh fails too: it is on disk all the same
	if _, ok := other.AppByKey(DialectYunbox, key); !ok {
		t.Error("the node forgot its configuration")
	}
	w.faults.away.Store(false)
	eventually(t, func() bool { _, ok := other.AppByKey(DialectYunbox, key); return !ok })
	other.Stop()
	other.Stop()
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 10 s")
		}
	}
}

func TestStopBeforeStart(t *testing.T) {
	w := newWorld(t)
	w.directory.Stop()
	w.directory.Stop()
}

// A snapshot is not changed by what happens later.
func TestSnapshotsAreImmutable(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	before, _ := w.directory.App(view.ID)
	_, err := w.admin.UpdateApp(context.Background(), by, view.ID, Patch{CodeLength: new(8), Countries: &[]string{"US"}})
	must(t, err)
	after, _ := w.directory.App(view.ID)
	if before.CodeLength != 6 || !before.Phones.Countries["CN"] || after.CodeLength != 8 || after.Phones.Countries["CN"] {
		t.Errorf("before %d %v, after %d %v", before.CodeLength, before.Countries, after.CodeLength, after.Countries)
	}
}

func BenchmarkAppByKey(b *testing.B) {
	w := newWorld(b)
	_, key := w.app(b, "shop")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := w.directory.AppByKey(DialectYunbox, key); !ok {
			b.Fatal("unknown")
		}
	}
}
