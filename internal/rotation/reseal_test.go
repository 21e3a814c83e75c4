package rotation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

var quiet = slog.New(slog.DiscardHandler)

// world is a database with more than two pages of every kind of row that
// batches write, and a keyring.
type world struct {
	t       *testing.T
	ring    *keyring.Ring
	engine  *sqlite.Engine
	batcher *store.Batcher
	crash   crash
}

// crash fails from a given step on: commands, transactions and waits count.
type crash struct {
	mu   sync.Mutex
	on   bool
	left int
}

var errCrash = errors.New("the process died here")

func (c *crash) step() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on {
		if c.left--; c.left < 0 {
			return errCrash
		}
	}
	return nil
}

// after makes everything fail after n more steps; below zero nothing does.
func (c *crash) after(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.left = n >= 0, n
}

const many = 600

type put struct{ f func(b *store.Batch) }

func (c *put) Want(*store.Batch)           {}
func (c *put) Decide(b *store.Batch) error { c.f(b); return nil }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	folder := t.TempDir()
	w.engine, err = sqlite.Open(t.Context(), sqlite.Options{Folder: folder, Now: func() time.Time { return start }, Log: quiet})
	w.must(err)
	t.Cleanup(func() { _ = w.engine.Close() })
	w.must(w.engine.Migrate(t.Context()))
	w.ring, err = keyring.Create(filepath.Join(folder, "keyring.json"), rand.Reader, start)
	w.must(err)
	w.batcher = store.NewBatcher(w.engine, func() time.Time { return start }, quiet, store.Options{})
	w.batcher.Start()
	t.Cleanup(w.batcher.Stop)
	w.must(w.batcher.Do(t.Context(), &put{func(b *store.Batch) {
		for n := range many {
			number, err := account.RealNumber(w.ring, 1, numberOf(n))
			w.must(err)
			body, err := w.ring.Seal(outbox.BodyField, []byte(fmt.Sprint("text ", n)))
			w.must(err)
			b.PutUser(store.User{ID: core.UserID(n + 1), Tenant: 1, Index: number.Index, Phone: number.Sealed})
			b.PutFailure(store.Failure{ID: core.FailureID(n + 1), App: 1, Purpose: 1, Index: number.Index, Phone: number.Sealed, Total: 1})
			b.Messages.Put(core.MessageID(n+1), store.Message{ID: core.MessageID(n + 1), Phone: number.Sealed, Body: body})
		}
	}}))
	return w
}

func numberOf(n int) core.Phone { return core.PhoneFromE164(fmt.Sprintf("+86138%08d", n)) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) Do(ctx context.Context, c store.Command) error {
	if err := w.crash.step(); err != nil {
		return err
	}
	return w.batcher.Do(ctx, c)
}

func (w *world) View(ctx context.Context, f func(store.SQL) error) error {
	if err := w.crash.step(); err != nil {
		return err
	}
	return w.engine.View(ctx, f)
}

func (w *world) Update(ctx context.Context, f func(store.SQL) error) error {
	if err := w.crash.step(); err != nil {
		return err
	}
	return w.engine.Update(ctx, f)
}

func (w *world) Reseal(context.Context, uint16, int64, int) (int64, int, error) {
	return 0, 0, w.crash.step()
}

func (w *world) Record(context.Context, store.SQL, tenant.By, string, string, any, any) error {
	return nil
}

// service is a new process on the database. What it wants to wait for has
// settled.
func (w *world) service() *Service {
	return New(Options{Ring: w.ring, Database: w, Commands: w, Audit: w, Apps: w, Peers: w, Now: func() time.Time { return start }, Log: quiet,
		Bind:    func(context.Context, store.SQL) (bool, error) { return false, nil },
		Settled: func(context.Context) error { return w.crash.step() }, Retry: time.Hour})
}

func (w *world) idle(s *Service) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Second); s.fresh.state().Running || s.index.Busy(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			w.t.Fatal("still running")
		}
	}
}

// old counts rows under the first key.
func (w *world) old() (n int64) {
	w.t.Helper()
	w.must(w.engine.View(w.t.Context(), func(q store.SQL) error {
		for _, table := range records.SealedTables() {
			rows, err := records.CountSealedUnder(w.t.Context(), q, table, w.first())
			if err != nil {
				return err
			}
			n += rows
		}
		return nil
	}))
	return n
}

func (w *world) first() uint16 {
	ids := w.ring.FieldKeyIDs()
	return ids[len(ids)-1]
}

// wantReadable opens every row.
func (w *world) wantReadable() {
	w.t.Helper()
	w.must(w.engine.View(w.t.Context(), func(q store.SQL) error {
		for _, table := range []string{"users", "failure", "message"} {
			err := q.Query(w.t.Context(), "SELECT id, phone FROM "+table, func(r store.Scanner) error {
				var id int64
				var sealed []byte
				if err := r.Scan(&id, &sealed); err != nil {
					return err
				}
				if phone, err := w.ring.OpenPhone(sealed); err != nil || phone != numberOf(int(id-1)) {
					return fmt.Errorf("%s %d: %w", table, id, errors.Join(err, errCrash))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

var by = tenant.By{Actor: "test", Request: "request"}

// TestReq11_ResealGoesOnAfterEveryCrash: the process dies at each step of the
// job, and the next one finishes without being asked.
func TestReq11_ResealGoesOnAfterEveryCrash(t *testing.T) {
	w := newWorld(t)
	for at := 0; ; at++ {
		w.must(w.ring.RotateFieldKey())
		w.must(w.engine.Update(t.Context(), func(q store.SQL) error {
			return records.PutSetting(t.Context(), q, settingReseal, "begun")
		}))
		w.crash.after(at)
		err := w.service().fresh.resume(t.Context())
		w.crash.after(-1)
		if err != nil {
			next := w.service()
			next.Start()
			w.idle(next)
			next.Stop()
		}
		if w.old() != 0 {
			t.Fatalf("after a crash at step %d %d rows are sealed under the old key", at, w.old())
		}
		w.must(w.ring.RetireFieldKeys(1))
		w.wantReadable()
		if err == nil { // it needs no more steps than that
			if at < 20 {
				t.Errorf("the job has %d steps", at)
			}
			break
		}
	}
	idle := w.service()
	idle.Start() // nothing is left to finish
	w.idle(idle)
	idle.Stop()
	if done := idle.fresh.state().Done; done != 0 {
		t.Errorf("%d rows were sealed anew for nothing", done)
	}
}

// A row that changed between reading and writing keeps what it has by then.
func TestResealPassesOverWhatChanged(t *testing.T) {
	w := newWorld(t)
	w.must(w.ring.RotateFieldKey())
	var rows []records.SealedRow
	w.must(w.engine.View(t.Context(), func(q store.SQL) (err error) {
		rows, err = records.SealedOtherwise(t.Context(), q, records.SealedMessages, w.ring.FieldKeyIDs()[0], 0, 2)
		return err
	}))
	c := &resealRows{table: records.SealedMessages, rows: rows}
	for _, row := range rows {
		anew, err := resealed(w.ring, records.SealedMessages, row)
		w.must(err)
		c.anew = append(c.anew, anew)
	}
	// The first message ends meanwhile: its text is erased. The second one goes.
	w.must(w.batcher.Do(t.Context(), &want{func(b *store.Batch) {
		m, _ := b.Messages.Get(1)
		m.Body = nil
		b.Messages.Put(1, m)
		b.Messages.Delete(2)
	}}))
	w.must(w.batcher.Do(t.Context(), c))
	var body, phone []byte
	var left int64
	w.must(w.engine.View(t.Context(), func(q store.SQL) error {
		if err := q.Query(t.Context(), "SELECT COUNT(*) FROM message WHERE id = 2", func(r store.Scanner) error { return r.Scan(&left) }); err != nil {
			return err
		}
		return q.Query(t.Context(), "SELECT phone, body FROM message WHERE id = 1", func(r store.Scanner) error { return r.Scan(&phone, &body) })
	}))
	if under, ok := keyring.SealedUnder(phone); len(body) != 0 || left != 0 || !ok || under != w.ring.FieldKeyIDs()[0] {
		t.Errorf("text of %d bytes, number under %d, %d rows of the message that went", len(body), under, left)
	}
}

type want struct{ f func(b *store.Batch) }

func (c *want) Want(b *store.Batch)         { b.Messages.Want(1); b.Messages.Want(2) }
func (c *want) Decide(b *store.Batch) error { c.f(b); return nil }

func TestServiceStopsTwice(t *testing.T) {
	w := newWorld(t)
	before := goleak.IgnoreCurrent()
	never := w.service()
	never.Stop()
	never.Start() // after Stop nothing starts
	never.Stop()
	s := w.service()
	s.Start()
	w.idle(s)
	s.Stop()
	s.Stop()
	for kind, ask := range map[string]func() error{
		"index":  func() error { _, err := s.Rotate(context.Background(), by, Index); return err },
		"reseal": func() error { _, err := s.Reseal(context.Background(), by); return err },
	} {
		if err := ask(); core.KindOf(err) != core.KindOverloaded {
			t.Errorf("%s of a service that stopped: %v", kind, err)
		}
	}
	goleak.VerifyNone(t, before)
}
