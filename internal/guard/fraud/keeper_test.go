package fraud

import (
	"log/slog"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
)

func openDatabase(t *testing.T) *storetest.Faulty {
	t.Helper()
	e, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if err := e.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &storetest.Faulty{Engine: e}
}

// node is a server of several, with a clock of its own.
type node struct {
	*Keeper
	engine *Engine
	now    time.Time
}

func newNode(t *testing.T, db Database, number uint8, shared bool, now time.Time) *node {
	t.Helper()
	n := &node{engine: New(Options{}), now: now}
	clock := func() time.Time { return n.now }
	n.Keeper = NewKeeper(KeeperOptions{Engine: n.engine, Database: db, IDs: core.NewIDs(clock, number), Node: number, Shared: shared,
		Now: clock, Log: slog.New(slog.DiscardHandler), Every: time.Hour})
	if err := n.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// Two nodes see one attack: what one counted the other knows after a turn of
// each, and until then each leaves room for the other.
func TestNodesTellEachOther(t *testing.T) {
	db := openDatabase(t)
	a, b := newNode(t, db, 1, true, epoch), newNode(t, db, 2, true, epoch)
	for _, n := range []*node{a, b, a, b} {
		n.turn(0) // each hears that there is another
	}
	at := epoch.Add(time.Second)
	a.now, b.now = at, at
	sum := flood(a.engine, at, 100, pumped)[Allow] + flood(b.engine, at, 100, func(i int) Subject { return pumped(1000 + i) })[Allow]
	if sum > 18 {
		t.Errorf("%d codes passed on two nodes, want about 16", sum)
	}
	for _, n := range []*node{a, b, a, b} {
		n.turn(0)
	}
	at = at.Add(31 * time.Minute)
	a.now, b.now = at, at
	if la, lb := a.engine.Levels(at, 1)[0], b.engine.Levels(at, 1)[0]; la.Sent != lb.Sent || la.Sent != uint32(sum) {
		t.Errorf("sent: %d and %d, want %d", la.Sent, lb.Sent, sum)
	}
	// A code that one node sent is expected by the other.
	a.engine.Sent(at, someone(5))
	a.turn(0)
	b.turn(0)
	if s := someone(5); !b.engine.recent.has(at, sentKey(&s)) {
		t.Error("the other node does not know to whom the code went")
	}
}

// A stop, and a crash: levels, holds and habits are there again.
func TestLevelsOutliveARestart(t *testing.T) {
	db := openDatabase(t)
	n := newNode(t, db, 1, false, epoch)
	flood(n.engine, epoch, 10, pumped)
	for i := range 50 {
		n.engine.Sent(epoch, someone(i))
		n.engine.Verified(epoch, someone(i))
		n.engine.Failed(epoch, someone(i))
	}
	n.Start()
	n.Stop()
	n.Stop()
	n = newNode(t, db, 1, false, epoch.Add(time.Second))
	flood(n.engine, n.now, 5, func(i int) Subject { return pumped(100 + i) })
	n.turn(1)                                                                 // told, and one of 64 parts is written
	flood(n.engine, n.now, 1, func(i int) Subject { return pumped(200 + i) }) // and this is lost in the crash
	after := newNode(t, db, 1, false, epoch.Add(2*time.Second))
	if got := flood(after.engine, after.now, 5, func(i int) Subject { return pumped(300 + i) }); got[Allow] != 2 { // a little has leaked
		t.Errorf("after 15 of 16 codes and a crash: %v", got)
	}
	before, now := n.engine.shards[shardOf(Key{App, 1, 0})].find(Key{App, 1, 0}), after.engine.shards[shardOf(Key{App, 1, 0})].find(Key{App, 1, 0})
	if now == nil || now.habit.verified != before.habit.verified || before.failing.level-now.failing.level > .01 || now.window.all().failed != 50 {
		t.Errorf("the app: %+v, want %+v", now, before)
	}
}

// Both directions of a fault: what was told is counted once.
func TestDatabaseAway(t *testing.T) {
	for name, fault := range map[string]storetest.Fault{"before": storetest.FailBegin, "lost": storetest.FailCommitLost, "kept": storetest.FailCommitKept} {
		db := openDatabase(t)
		a, b := newNode(t, db, 1, true, epoch), newNode(t, db, 2, true, epoch)
		flood(a.engine, epoch, 7, pumped)
		db.Inject(fault, fault, fault)
		a.turn(0)
		if !a.away {
			t.Errorf("%s: nobody noticed", name)
		}
		flood(a.engine, epoch, 2, func(i int) Subject { return pumped(50 + i) })
		for range 3 {
			a.turn(0)
			b.turn(0)
		}
		if a.away {
			t.Errorf("%s: still away", name)
		}
		if l := b.engine.Levels(epoch, 1); len(l) != 1 && l[0].Sent != 9 {
			t.Errorf("%s: the other node counts %+v", name, l)
		}
	}
}

func TestStateIsReadAsItWasWritten(t *testing.T) {
	e := New(Options{})
	for i := range 1000 {
		now := epoch.Add(time.Duration(i) * time.Minute)
		e.Admit(now, pumped(i))
		s := someone(i)
		s.Challenged = i%2 == 0
		e.Admit(now, s)
		e.Verified(now, s)
		e.Failed(now, s)
	}
	at, again, damaged := epoch.Add(1000*time.Minute).UnixMilli(), New(Options{}), New(Options{})
	for i := range shards {
		data, _ := e.part(i, at)
		if err := again.loadPart(data, at); err != nil {
			t.Fatal(err)
		}
		for cut := 1; cut < len(data); cut += 97 {
			_ = damaged.loadPart(data[:cut], at) // does not panic
		}
	}
	k := Key{Prefix, 1, 8617799}
	want, got := e.shards[shardOf(k)].find(k), again.shards[shardOf(k)].find(k)
	if want.unverified != got.unverified || want.window != got.window || want.habit.sent != got.habit.sent || want.unverified.mode == Allow {
		t.Errorf("%+v, want %+v", got, want)
	}
	if a, b := len(e.Levels(time.UnixMilli(at), 1e6)), len(again.Levels(time.UnixMilli(at), 1e6)); a != b || a < 5 {
		t.Errorf("%d subjects, were %d", b, a)
	}
}

func FuzzRows(f *testing.F) {
	e := New(Options{})
	flood(e, epoch, 30, pumped)
	f.Add(e.deltas(true))
	part, _ := e.part(shardOf(Key{Prefix, 1, 8617799}), epoch.UnixMilli())
	f.Add(part)
	f.Fuzz(func(t *testing.T, data []byte) {
		e := New(Options{})
		_ = e.loadPart(data, epoch.UnixMilli())
		_ = e.apply(data, epoch.UnixMilli(), nil)
		e.Admit(epoch, pumped(1))
	})
}

var _ Database = store.Engine(nil)
