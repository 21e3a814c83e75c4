package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// rotation is a database with rows of every kind that has a blind index, and a
// keyring that can be opened anew.
type rotation struct {
	*userWorld
	path    string
	numbers []core.Phone
	users   map[core.Phone]core.UserID
}

// rowsCommand writes rows as the use-cases do.
type rowsCommand struct{ put func(b *store.Batch) }

func (c *rowsCommand) Want(*store.Batch)           {}
func (c *rowsCommand) Decide(b *store.Batch) error { c.put(b); return nil }

const rotated = 600 // more than two pages of users

func newRotation(t *testing.T) *rotation {
	t.Helper()
	r := &rotation{userWorld: newUserWorld(t), path: filepath.Join(t.TempDir(), "keyring.json"), users: map[core.Phone]core.UserID{}}
	var err error
	if r.ring, err = keyring.Create(r.path, rand.Reader, deviceStart); err != nil {
		t.Fatal(err)
	}
	r.do(&rowsCommand{func(b *store.Batch) {
		for n := range rotated {
			p := core.PhoneFromE164(fmt.Sprintf("+86138%08d", n))
			number, err := RealNumber(r.ring, 1, p)
			if err != nil {
				t.Fatal(err)
			}
			user := store.User{ID: core.UserID(r.newIDs.Next()), Tenant: 1, Index: number.Index, Phone: number.Sealed}
			b.PutUser(user)
			r.numbers = append(r.numbers, p)
			r.users[p] = user.ID
			b.PutFailure(store.Failure{ID: core.FailureID(r.newIDs.Next()), Tenant: 1, App: 2, Purpose: 1, Index: number.Index, Phone: number.Sealed, Total: 9})
			message := core.MessageID(r.newIDs.Next())
			b.Messages.Put(message, store.Message{ID: message, Phone: number.Sealed})
			b.PutVerification(store.Verification{ID: core.VerificationID(r.newIDs.Next()), Tenant: 1, App: 2, Purpose: 1, Index: number.Index,
				Message: message, Expires: store.At(deviceStart.Add(time.Hour))})
		}
		label, err := TestNumber(r.ring, 1, 2, "12345678910")
		if err != nil {
			t.Fatal(err)
		}
		b.PutUser(store.User{ID: core.UserID(r.newIDs.Next()), Tenant: 1, Index: label.Index, Phone: label.Sealed, Test: true})
		b.PutUser(store.User{ID: core.UserID(r.newIDs.Next()), Tenant: 1}) // erased: without a number
	}})
	return r
}

// lookup reads what a number is found by now.
type lookup struct {
	ring  *keyring.Ring
	phone core.Phone

	user    core.UserID
	total   uint16
	codes   int
	test    bool
	testKey core.IndexValue
}

func (c *lookup) index() core.IndexValue { return c.ring.Index(c.phone).Lookup() }

func (c *lookup) Want(b *store.Batch) {
	b.UserOf.Want(store.UserKey{Tenant: 1, Index: c.index()})
	b.FailureOf.Want(store.FailureKey{App: 2, Purpose: 1, Index: c.index()})
	b.Live.Want(store.LiveKey{App: 2, Purpose: 1, Index: c.index()})
	c.testKey = c.ring.IndexLabel("test number 12345678910 of app 2").Lookup()
	b.UserOf.Want(store.UserKey{Tenant: 1, Index: c.testKey})
}

func (c *lookup) Decide(b *store.Batch) error {
	u, _ := b.User(store.UserKey{Tenant: 1, Index: c.index()})
	f, _ := b.Failure(store.FailureKey{App: 2, Purpose: 1, Index: c.index()}, 0)
	c.user, c.total = u.ID, f.Total
	c.codes = len(b.LiveVerifications(store.LiveKey{App: 2, Purpose: 1, Index: c.index()}))
	_, c.test = b.User(store.UserKey{Tenant: 1, Index: c.testKey})
	return nil
}

// wantAllFound: every number leads to its user, its counters and its code.
func (r *rotation) wantAllFound(when string) {
	r.t.Helper()
	for i := 0; i < rotated; i += 7 {
		p := r.numbers[i]
		c := &lookup{ring: r.ring, phone: p}
		r.do(c)
		if c.user != r.users[p] || c.total != 9 || c.codes != 1 || !c.test {
			r.t.Fatalf("%s: number %d has user %d (want %d), %d wrong tries, %d codes; test user %v", when, i, c.user, r.users[p], c.total, c.codes, c.test)
		}
	}
}

// restart opens the keyring from its file, as a new process does.
func (r *rotation) restart() {
	r.t.Helper()
	var err error
	if r.ring, err = keyring.Open(r.path, rand.Reader); err != nil {
		r.t.Fatal(err)
	}
}

// crashing fails from a given call on: commands, transactions and waits count.
type crashing struct {
	*rotation
	left int
}

var errCrash = errors.New("the process died here")

func (c *crashing) step() error {
	if c.left--; c.left < 0 {
		return errCrash
	}
	return nil
}

func (c *crashing) Do(ctx context.Context, command store.Command) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.batcher.Do(ctx, command)
}

func (c *crashing) View(ctx context.Context, f func(store.SQL) error) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.db.View(ctx, f)
}

func (c *crashing) Update(ctx context.Context, f func(store.SQL) error) error {
	if err := c.step(); err != nil {
		return err
	}
	return c.db.Update(ctx, f)
}

func (c *crashing) job() *IndexRotation {
	return NewIndexRotation(RotationOptions{Store: c, Database: c, Ring: c.ring, Now: c.clock, Log: slog.New(slog.DiscardHandler),
		Settled: func(context.Context) error { return c.step() }})
}

// TestReq11_ResumesAfterEveryCrash: the process dies at each step in turn. At
// any time every number is found, and the next start goes on.
func TestReq11_ResumesAfterEveryCrash(t *testing.T) {
	r := newRotation(t)
	old := r.ring.Index(r.numbers[0]).Lookup()
	begun := r.ring.Generation()
	crashes := 0
	for steps := 0; ; steps++ {
		// Each life gets a little further than the one before, or as far.
		c := &crashing{rotation: r, left: steps % 9}
		job := c.job()
		run := job.Rotate
		if r.ring.IndexState().Phase != keyring.IndexSteady || r.ring.Generation() > begun {
			run = job.Resume
		}
		err := run(t.Context())
		r.wantAllFound(fmt.Sprintf("life %d", steps))
		if err == nil {
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		crashes++
		r.restart()
		r.wantAllFound("after the restart")
		if steps > 1000 {
			t.Fatal("it never ends")
		}
	}
	if crashes < 8 {
		t.Errorf("only %d crashes: the steps are not all met", crashes)
	}
	if state := r.ring.IndexState(); state != (keyring.IndexState{Phase: keyring.IndexSteady, ByB: true}) || r.ring.Generation() != begun+3 {
		t.Errorf("the end is %+v in generation %d, want steady by B in %d", state, r.ring.Generation(), begun+3)
	}
	for _, table := range []string{"users", "failure", "verification"} {
		if n := r.count(`SELECT COUNT(*) FROM ` + table + ` WHERE idx_a IS NOT NULL`); n != 0 {
			t.Errorf("%d rows of %s have the side whose key is gone", n, table)
		}
	}
	gone := &byValue{value: old}
	r.do(gone)
	if gone.found {
		t.Error("the retired key still finds a user")
	}
}

// byValue looks a user up by a raw value.
type byValue struct {
	value core.IndexValue
	found bool
}

func (c *byValue) Want(b *store.Batch) { b.UserOf.Want(store.UserKey{Tenant: 1, Index: c.value}) }
func (c *byValue) Decide(b *store.Batch) error {
	_, c.found = b.User(store.UserKey{Tenant: 1, Index: c.value})
	return nil
}

// TestRotationStopsAtADamagedRow: a number that can not be opened would be lost
// by the swap, so there is none.
func TestRotationStopsAtADamagedRow(t *testing.T) {
	r := newRotation(t)
	r.exec(`UPDATE users SET phone = $1 WHERE id = $2`, []byte("damaged"), int64(r.users[r.numbers[300]]))
	c := &crashing{rotation: r, left: 1 << 30}
	for range 2 {
		if err := c.job().Rotate(t.Context()); err == nil || core.KindOf(err) != core.KindInternal {
			t.Fatalf("it went on: %v", err)
		}
		if phase := r.ring.IndexState().Phase; phase != keyring.IndexDual {
			t.Fatalf("the phase is %s", phase)
		}
		r.wantAllFound("with a damaged row")
	}
}

// TestFillPassesOver: rows that changed between look and command.
func TestFillPassesOver(t *testing.T) {
	r := newRotation(t)
	if err := r.ring.BeginIndexRotation(); err != nil {
		t.Fatal(err)
	}
	id := int64(r.users[r.numbers[0]])
	sealed, err := r.ring.SealPhone(r.numbers[1]) // as if the row had another number at the look
	if err != nil {
		t.Fatal(err)
	}
	c, err := newFillIndex(r.ring, records.IndexedUsers, records.SideB, []records.Unindexed{{ID: id, Phone: sealed}, {ID: 1 << 60, Phone: sealed}})
	if err != nil {
		t.Fatal(err)
	}
	r.do(c)
	if n := r.count(`SELECT COUNT(*) FROM users WHERE idx_b IS NOT NULL`); n != 0 {
		t.Errorf("%d rows got the index of a number that is not theirs", n)
	}
}

func TestRotationService(t *testing.T) {
	r := newRotation(t)
	leaks := goleak.IgnoreCurrent()
	c := &crashing{rotation: r, left: 1 << 30}
	job := c.job()
	if err := job.Request(); core.KindOf(err) != core.KindOverloaded {
		t.Errorf("a request before the start: %v", err)
	}
	job.Start()
	await(t, func() bool { return !job.Busy() })
	if phase := r.ring.IndexState(); phase.Phase != keyring.IndexSteady || phase.ByB {
		t.Errorf("a start rotated: %+v", phase)
	}
	if err := job.Request(); err != nil {
		t.Fatal(err)
	}
	if err := job.Request(); err != nil && core.KindOf(err) != core.KindConflict {
		t.Error(err)
	}
	await(t, func() bool { return !job.Busy() })
	r.wantAllFound("after the job")
	job.Stop()
	job.Stop()
	if err := job.Request(); core.KindOf(err) != core.KindOverloaded {
		t.Errorf("a request after the stop: %v", err)
	}
	goleak.VerifyNone(t, leaks)
}

// TestRotationIsRetriedAndInterrupted: errors are tried again; a stop ends the
// wait, and the next start goes on.
func TestRotationIsRetriedAndInterrupted(t *testing.T) {
	r := newRotation(t)
	leaks := goleak.IgnoreCurrent()
	var failures atomic.Int64
	options := RotationOptions{Store: r.batcher, Database: r.db, Ring: r.ring, Now: r.clock, Log: slog.New(slog.DiscardHandler), Retry: time.Millisecond,
		Settled: func(context.Context) error { failures.Add(1); return errCrash }}
	job := NewIndexRotation(options)
	job.Start()
	await(t, func() bool { return !job.Busy() })
	if err := job.Request(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return failures.Load() >= 3 })
	if err := job.Request(); core.KindOf(err) != core.KindConflict {
		t.Errorf("a second request: %v", err)
	}
	job.Stop()
	if phase := r.ring.IndexState().Phase; phase != keyring.IndexDual {
		t.Errorf("the phase is %s", phase)
	}
	options.Settled = nil // two minutes: a stop must not wait for them
	job = NewIndexRotation(options)
	job.Start()
	job.Stop()
	options.Settled = func(context.Context) error { return nil }
	job = NewIndexRotation(options)
	job.Start()
	await(t, func() bool { return !job.Busy() })
	job.Stop()
	if state := r.ring.IndexState(); state != (keyring.IndexState{Phase: keyring.IndexSteady, ByB: true}) {
		t.Errorf("it did not go on: %+v", state)
	}
	r.wantAllFound("at the end")
	goleak.VerifyNone(t, leaks)
}

// await polls for what another goroutine is about to do.
func await(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the test waits for does not happen")
		}
	}
}
