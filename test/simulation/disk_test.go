package simulation

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

// verdict is what happens at a failpoint of the disk.
type verdict uint8

const (
	well        verdict = iota
	failed              // an error, and nothing happened
	failedKept          // an error, and it happened
	crashed             // the process ended before it happened
	crashedKept         // the process ended after it happened, before anybody knew
	verdicts
)

func (v verdict) String() string {
	return [...]string{"well", "failed", "failed, but happened", "crashed before", "crashed after"}[v]
}

var errGone = errors.Join(store.ErrNotCommitted, errors.New("simulation: this process has ended"))

// disk stands between one life of the server and its database. Every call
// takes a moment of its own, so that what other goroutines do falls between two
// calls, and may fail, or end the life, before or after it had its effect.
type disk struct {
	store.Engine
	life    *life
	broken  atomic.Bool  // a flush failed: nothing is taken any more
	commits atomic.Int64 // visible ones
	durable atomic.Int64 // of them, those that were flushed
}

// at asks what happens at a failpoint, after the time that the call takes.
func (d *disk) at(who, point string, possible ...verdict) verdict {
	w := d.life.world
	now := time.Now().UnixNano()
	delay := w.fate.between(20*time.Microsecond, 2*time.Millisecond, "disk takes "+who+point, now)
	if w.stormy() && w.fate.chance(5, "disk is slow "+who+point, now) {
		delay += w.fate.between(100*time.Millisecond, 4*time.Second, "disk is so slow "+who+point, now)
	}
	time.Sleep(delay)
	if d.life.ended() || d.broken.Load() {
		return crashed
	}
	v := w.trouble(who, point, possible)
	if v == crashed {
		d.life.crash(d, point)
	}
	return v
}

// after ends the life after the call had its effect.
func (d *disk) after(v verdict, point string) error {
	if v == crashedKept {
		d.life.crash(d, point)
	}
	if v == failedKept || v == crashedKept {
		return storetest.ErrInjected
	}
	return nil
}

// lost is the error of a change that left no trace.
func (d *disk) lost(point string) error {
	switch d.life.world.fate.below(3, "the error of "+point, time.Now().UnixNano()) {
	case 0:
		return storetest.ErrInjected // and nobody can tell
	case 1:
		return errors.Join(store.ErrAgain, storetest.ErrInjected)
	default:
		return errors.Join(store.ErrNotCommitted, storetest.ErrInjected)
	}
}

// Begin implements store.Engine.
func (d *disk) Begin(ctx context.Context) (store.Tx, error) {
	if v := d.at("", "begin", failed); v != well {
		return nil, errGone
	}
	tx, err := d.Engine.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &diskTx{Tx: tx, disk: d}, nil
}

// Flush puts on disk what was committed.
func (d *disk) Flush() error {
	if d.durable.Load() == d.commits.Load() {
		return nil
	}
	v := d.at("", "flush", failed, failedKept, crashed, crashedKept)
	if v == crashed {
		return errGone
	}
	if v == failed || v == failedKept {
		// What is on disk nobody knows, and the engine takes nothing any more: the
		// process can only end, and its supervisor sees to that.
		d.broken.Store(true)
		w := d.life.world
		w.doomed.Go(func() {
			time.Sleep(w.fate.between(time.Millisecond, 3*time.Second, "ended after a flush", time.Now().UnixNano()))
			d.life.crash(d, "a disk that failed to flush")
		})
		return storetest.ErrInjected
	}
	if d.life.world.planted.early {
		return nil
	}
	upTo := d.commits.Load()
	if err := d.Engine.Flush(); err != nil {
		return err
	}
	d.onDisk(upTo)
	return d.after(v, "flush")
}

// onDisk notes that so many commits survive.
func (d *disk) onDisk(upTo int64) {
	for {
		have := d.durable.Load()
		if upTo <= have || d.durable.CompareAndSwap(have, upTo) {
			return
		}
	}
}

// View implements store.Engine.
func (d *disk) View(ctx context.Context, f func(store.SQL) error) error {
	if v := d.at(who(ctx), "view "+caller(), failed); v != well {
		return errGone
	}
	upTo := d.commits.Load()
	err := d.Engine.View(ctx, f)
	if err == nil {
		d.onDisk(upTo)
	}
	return err
}

// Update implements store.Engine.
func (d *disk) Update(ctx context.Context, f func(store.SQL) error) error {
	point := "update " + caller()
	v := d.at(who(ctx), point, failed, failedKept, crashed, crashedKept)
	switch v {
	case crashed:
		return errGone
	case failed:
		return d.Engine.Update(ctx, func(q store.SQL) error {
			if err := f(q); err != nil {
				return err
			}
			return d.lost(point)
		})
	default:
		upTo := d.commits.Load()
		if err := d.Engine.Update(ctx, f); err != nil {
			return err
		}
		d.onDisk(upTo)
		return d.after(v, point)
	}
}

type diskTx struct {
	store.Tx
	disk  *disk
	point string
}

// Load implements store.Tx.
func (t *diskTx) Load(ctx context.Context, b *store.Batch) error {
	if v := t.disk.at("", "load", failed); v != well {
		return errGone
	}
	return t.Tx.Load(ctx, b)
}

// Write implements store.Tx.
func (t *diskTx) Write(ctx context.Context, b *store.Batch) error {
	t.point = "commit " + contents(b)
	if v := t.disk.at("", "write "+contents(b), failed, crashed); v != well {
		return errGone
	}
	if sabotage := t.disk.life.world.planted.write; sabotage != nil {
		sabotage(b)
	}
	return t.Tx.Write(ctx, b)
}

// Commit implements store.Tx.
func (t *diskTx) Commit(ctx context.Context) error {
	v := t.disk.at("", t.point, failed, failedKept, crashed, crashedKept)
	switch v {
	case crashed:
		return errGone
	case failed:
		if t.disk.life.world.planted.lies { // as if all were well
			t.Rollback()
			return nil
		}
		return t.disk.lost(t.point)
	default:
		if err := t.Tx.Commit(ctx); err != nil {
			return err
		}
		t.disk.commits.Add(1)
		return t.disk.after(v, t.point)
	}
}

// contents names a batch by the most telling thing in it.
func contents(b *store.Batch) string {
	if hasAny(b.Verifications.Inserted) {
		return "start"
	}
	codes := map[store.VerificationState]bool{}
	released := false
	_ = b.Verifications.Updated(func(was, is *store.Verification) error {
		codes[is.State] = true
		released = released || was.State == store.VerificationClaimed && is.State != store.VerificationVerified
		return nil
	})
	messages := map[store.MessageState]bool{}
	_ = b.Messages.Updated(func(_, is *store.Message) error {
		messages[is.State] = true
		return nil
	})
	switch {
	case codes[store.VerificationVerified]:
		return "login"
	case codes[store.VerificationClaimed]:
		return "claim"
	case released:
		return "release"
	case codes[store.VerificationPending], codes[store.VerificationExhausted]:
		return "wrong try"
	case messages[store.MessageDelivered], messages[store.MessageUndelivered]:
		return "receipt"
	case messages[store.MessageSubmitted]:
		return "accepted"
	case messages[store.MessageUnknown]:
		return "unknown"
	case messages[store.MessageDead]:
		return "dead"
	case messages[store.MessageExpired]:
		return "expired"
	case messages[store.MessageQueued]:
		return "not sent"
	case messages[store.MessageLeased]:
		return "taken up"
	default:
		return "other"
	}
}

var errFound = errors.New("found")

// hasAny tells whether an iteration has anything.
func hasAny[R any](inserted func(func(*R) error) error) bool {
	return inserted(func(*R) error { return errFound }) != nil
}

// caller names the function of the server that runs a transaction.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		name, ours := strings.CutPrefix(f.Function, "yanma.dev/yanma/internal/")
		if ours && !strings.HasPrefix(name, "store") && !strings.HasPrefix(name, "app.behind") {
			name, _, _ = strings.Cut(name, ".func")
			return strings.NewReplacer("(*", "", ")", "", "internal/", "").Replace(name)
		}
		if !more {
			return "nobody"
		}
	}
}
