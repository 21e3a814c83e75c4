package records_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/storetest"
)

func take(t *testing.T, o records.Once, key string) (string, bool) {
	t.Helper()
	value, ok, err := o.Take(ctx, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return string(value), ok
}

func TestOnce(t *testing.T) {
	c := newClock()
	o := records.NewOnce(openEngine(t), c.now)
	if _, ok := take(t, o, "never put"); ok {
		t.Error("took what was never put")
	}
	for key, value := range map[string]string{"k": "value", "empty": "", "\x00\xff": "\x00\xff"} {
		if err := o.Put(ctx, []byte(key), []byte(value), time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := o.Put(ctx, []byte(key), []byte("other"), time.Minute); !errors.Is(err, store.ErrUnique) {
			t.Errorf("put a second time: %v, want ErrUnique", err)
		}
		if got, ok := take(t, o, key); !ok || got != value {
			t.Errorf("took %q, %v, want %q", got, ok, value)
		}
		if _, ok := take(t, o, key); ok {
			t.Errorf("took %q twice", key)
		}
		if err := o.Put(ctx, []byte(key), nil, time.Minute); err != nil {
			t.Errorf("put after it was taken: %v", err)
		}
	}
}

func TestOnceExpires(t *testing.T) {
	c := newClock()
	e := openEngine(t)
	o := records.NewOnce(e, c.now)
	for _, key := range []string{"a", "b", "c"} {
		if err := o.Put(ctx, []byte(key), []byte("1"), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	c.pass(time.Minute - 1)
	if _, ok := take(t, o, "a"); !ok {
		t.Error("gone a nanosecond early")
	}
	c.pass(1)
	if _, ok := take(t, o, "b"); ok {
		t.Error("taken when its time was over")
	}
	if err := o.Put(ctx, []byte("b"), []byte("2"), time.Minute); err != nil {
		t.Errorf("put over an expired one: %v", err)
	}
	prune := func(want int64) {
		t.Helper()
		update(t, e, func(q store.SQL) error {
			n, err := records.PruneOnce(ctx, q, store.At(c.now()), 10)
			if n != want {
				t.Errorf("pruned %d, want %d", n, want)
			}
			return err
		})
	}
	prune(1) // c; b lives again
	prune(0)
	if got, ok := take(t, o, "b"); !ok || got != "2" {
		t.Errorf("took %q, %v", got, ok)
	}
}

func TestOnceIsTakenOnceUnderRace(t *testing.T) {
	const racers = 200
	e := openEngine(t)
	o := records.NewOnce(e, time.Now)
	if err := o.Put(ctx, []byte("pass"), []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	var won, put atomic.Int64
	var wg sync.WaitGroup
	release := make(chan struct{})
	for range racers {
		wg.Go(func() {
			<-release
			value, ok, err := o.Take(ctx, []byte("pass"))
			if err != nil {
				t.Error(err)
			}
			if ok && string(value) == "v" {
				won.Add(1)
			}
			switch err := o.Put(ctx, []byte("nonce"), nil, time.Hour); {
			case err == nil:
				put.Add(1)
			case !errors.Is(err, store.ErrUnique):
				t.Error(err)
			}
		})
	}
	close(release)
	wg.Wait()
	if won.Load() != 1 || put.Load() != 1 {
		t.Errorf("%d took it and %d put the nonce; want 1 and 1", won.Load(), put.Load())
	}
}

// TestOnceFaults: after a take that failed nobody takes it a second time with
// success unless the first left no trace.
func TestOnceFaults(t *testing.T) {
	f := &storetest.Faulty{Engine: openEngine(t)}
	o := records.NewOnce(f, time.Now)
	for _, c := range []struct {
		fault storetest.Fault
		kept  bool
	}{{storetest.FailCommit, false}, {storetest.FailCommitLost, false}, {storetest.FailCommitKept, true}} {
		if err := o.Put(ctx, []byte("k"), []byte("v"), time.Hour); err != nil {
			t.Fatal(err)
		}
		f.Inject(c.fault)
		if value, ok, err := o.Take(ctx, []byte("k")); err == nil || ok || value != nil {
			t.Errorf("fault %d: took %q, %v, %v", c.fault, value, ok, err)
		}
		if _, ok := take(t, o, "k"); ok == c.kept {
			t.Errorf("fault %d: taken again %v", c.fault, ok)
		}
		f.Inject(c.fault)
		if err := o.Put(ctx, []byte("k"), []byte("v"), time.Hour); err == nil {
			t.Errorf("fault %d: put without an error", c.fault)
		}
		if _, ok := take(t, o, "k"); ok != c.kept {
			t.Errorf("fault %d: put is there %v", c.fault, ok)
		}
	}
	f.Inject(storetest.FailAgain) // of several nodes: the loser runs again
	if err := o.Put(ctx, []byte("k"), []byte("v"), time.Hour); !errors.Is(err, store.ErrAgain) {
		t.Errorf("put: %v", err)
	}
	if err := o.Put(ctx, []byte("k"), []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	f.Inject(storetest.FailAgain)
	if got, ok := take(t, o, "k"); !ok || got != "v" {
		t.Errorf("took %q, %v", got, ok)
	}
}
