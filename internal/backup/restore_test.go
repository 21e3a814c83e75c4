package backup

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/backup/backuptest"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/fsck"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TestReq47_RestoreRevivesNothing: every live code dies, waiting messages end
// and are refunded, leases end; users, ids, devices, locks and credit stay.
func TestReq47_RestoreRevivesNothing(t *testing.T) {
	pairs(t, func(t *testing.T, from, to func(testing.TB) database) {
		source, w := filled(t, from)
		d := to(t)
		report, err := restore(t, write(t, source, false), d, w.Ring, false)
		ok(t, err)
		want := Retired{Codes: 3, Messages: 3, Refunds: 4, Refunded: 5, Texts: 2, Devices: 1, Tokens: 1, Receipts: 1, Sessions: 1}
		if report.Retired != want || report.Indexed != (Indexed{}) {
			t.Errorf("%+v, want %+v", report, want)
		}
		e := d.open(t)
		holds(t, e, []balance{{backuptest.App, billing.Available, 97}, {backuptest.App, billing.Held, 0}, {backuptest.App, billing.Revenue, 3},
			{backuptest.PaidApp, billing.Available, 50}, {backuptest.PaidApp, billing.Held, 0}})
		for sql, want := range map[string]int64{
			"SELECT COUNT(*) FROM verification WHERE state IN (0, 1) OR held <> 0":                    0,
			"SELECT COUNT(*) FROM message WHERE state IN (0, 1, 2) OR money = 1":                      0,
			"SELECT COUNT(*) FROM message WHERE body IS NOT NULL":                                     0,
			"SELECT COUNT(*) FROM message WHERE state = 8 AND code = 'restored' AND money = 3":        3,
			"SELECT COUNT(*) FROM message WHERE state = 3 AND due IS NOT NULL":                        1, // its receipt may come
			"SELECT COUNT(*) FROM users WHERE network <> 0":                                           2,
			"SELECT COUNT(*) FROM alias WHERE text = 'old-id-of-li'":                                  1,
			"SELECT COUNT(*) FROM device":                                                             1,
			"SELECT COUNT(*) FROM tunnel_network WHERE lease_until > 1":                               0,
			"SELECT COUNT(*) FROM failure WHERE consecutive = 20 AND total = 21 AND locked_until > 0": 1,
			"SELECT COUNT(*) FROM journal":                                                            1,
			"SELECT COUNT(*) FROM idempotency":                                                        1,
			"SELECT COUNT(*) FROM once":                                                               0,
			"SELECT COUNT(*) FROM captcha_pass":                                                       1, // the token stays used …
			"SELECT COUNT(*) FROM captcha_pass WHERE expires <> 0":                                    0, // … and its pass ends
			"SELECT COUNT(*) FROM audit WHERE action = 'database.restored'":                           1,
		} {
			if got := number(t, e, sql); got != want {
				t.Errorf("%s: %d, want %d", sql, got, want)
			}
		}
		nothingLeaves(t, e)
		clean(t, e, w)
	})
}

type balance struct {
	app  core.AppID
	kind billing.Kind
	want int64
}

// holds compares balances; the tenant pays for the second app.
func holds(t *testing.T, e engine, all []balance) {
	t.Helper()
	for _, b := range all {
		payer := billing.PayerOf(backuptest.Tenant, b.app, b.app == backuptest.PaidApp, core.PoolGeneral)
		id := billing.Account(payer.Owner, payer.Pool, b.kind)
		if got := number(t, e, "SELECT balance FROM account WHERE id = $1", int64(id)); got != b.want {
			t.Errorf("%s: %d, want %d", billing.Name(id), got, b.want)
		}
	}
}

// nothingLeaves lets the outbox look at everything that is due, at its start,
// a minute, an hour and four days later: it takes no message to send it.
func nothingLeaves(t *testing.T, e engine) {
	t.Helper()
	for _, later := range []time.Duration{time.Hour, time.Hour + time.Minute, 2 * time.Hour, 97 * time.Hour} {
		clock := func() time.Time { return start.Add(later) }
		var due []core.MessageID
		ok(t, e.View(t.Context(), func(q store.SQL) (err error) {
			due, err = records.DueMessages(t.Context(), q, 1<<62, 1000)
			return err
		}))
		batcher := store.NewBatcher(e, clock, quiet, store.Options{})
		batcher.Start()
		c := &outbox.Recover{IDs: core.NewIDs(clock, 1), Node: 1, Lease: 30 * time.Second, Hold: 10 * time.Second, Due: due, Room: 1000, Start: true,
			Custody: func(*store.Message) outbox.Custody { return outbox.EarlierLife }}
		err := batcher.Do(t.Context(), c)
		batcher.Stop()
		ok(t, err)
		if len(c.Taken) != 0 {
			t.Errorf("after %s the outbox would send %d messages", later, len(c.Taken))
		}
	}
}

// clean says that fsck finds nothing.
func clean(t *testing.T, e engine, w *backuptest.World) {
	t.Helper()
	report, err := fsck.Run(t.Context(), fsck.Options{Source: e, Ring: w.Ring, Now: start.Add(time.Hour)})
	ok(t, err)
	for _, f := range report.Findings {
		t.Error(f)
	}
}

// TestReq47_BackupUnderLoad: a backup of a database at work is one state of it.
// What was alive in that state, counted in the file, is what the report says
// was ended; what happened later is not there.
func TestReq47_BackupUnderLoad(t *testing.T) {
	for _, from := range engines {
		t.Run(from.name, func(t *testing.T) {
			d := from.make(t)
			e := d.open(t)
			ring := newRing(t)
			w, err := backuptest.Fill(t.Context(), e, ring, start)
			ok(t, err)
			stop := load(t, e, w)
			path := write(t, d, false)
			stop()
			live, waiting := countAlive(t, path)
			if live < 3 || waiting < 3 {
				t.Fatalf("the file has %d live codes and %d waiting messages", live, waiting)
			}
			after := number(t, e, "SELECT COUNT(*) FROM message")
			ok(t, e.Close())
			to := engines[0].make(t)
			report, err := restore(t, path, to, ring, false)
			ok(t, err)
			restored := to.open(t)
			if report.Retired.Codes != live || report.Retired.Messages != waiting {
				t.Errorf("the report says %d codes and %d messages; the file has %d and %d", report.Retired.Codes, report.Retired.Messages, live, waiting)
			}
			if then := number(t, restored, "SELECT COUNT(*) FROM message"); then >= after {
				t.Errorf("%d messages in the backup, %d in the end: nothing ran on", then, after)
			}
			for _, a := range report.Ledger {
				if a.Drift() != 0 {
					t.Errorf("%s drifts by %d", billing.Name(a.Account), a.Drift())
				}
			}
			nothingLeaves(t, restored)
			clean(t, restored, w)
		})
	}
}

// load enqueues messages with codes until it is stopped: at least 64 before it
// returns, and 64 more after stop is called.
func load(t *testing.T, e engine, w *backuptest.World) (stop func()) {
	batcher := store.NewBatcher(e, now, quiet, store.Options{})
	batcher.Start()
	ids := core.NewIDs(now, 7)
	var done atomic.Int64
	begun, ending := make(chan struct{}), make(chan struct{})
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() {
			for n := 0; ; n++ {
				c, err := newSend(w, ids, fmt.Sprintf("+8613%d%08d", i+1, n))
				if err == nil {
					err = batcher.Do(context.Background(), c)
				}
				if err != nil {
					t.Error(err)
					return
				}
				if done.Add(1) == 64 {
					close(begun)
				}
				select {
				case <-ending:
					if n >= 64 {
						return
					}
				default:
				}
			}
		})
	}
	<-begun
	return func() {
		more := done.Load() + 64
		for done.Load() < more && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		close(ending)
		workers.Wait()
		batcher.Stop()
	}
}

// send tops up, and enqueues a message with a code: what verify.Start does.
type send struct {
	ids     *core.IDs
	payer   billing.Payer
	message store.Message
	code    store.Verification
}

func newSend(w *backuptest.World, ids *core.IDs, phone string) (*send, error) {
	n, err := account.RealNumber(w.Ring, backuptest.Tenant, core.PhoneFromE164(phone))
	if err != nil {
		return nil, err
	}
	body, err := w.Ring.Seal(outbox.BodyField, []byte("a text"))
	if err != nil {
		return nil, err
	}
	c := &send{ids: ids, payer: billing.PayerOf(backuptest.Tenant, backuptest.App, false, core.PoolGeneral)}
	message, code := core.MessageID(ids.Next()), core.VerificationID(ids.Next())
	c.message = store.Message{ID: message, Tenant: backuptest.Tenant, App: backuptest.App, Verification: code, Channel: core.ChannelSMS, Price: 1, Segments: 1,
		Phone: n.Sealed, Body: body, ValidUntil: store.At(start.Add(5 * time.Minute))}
	c.code = store.Verification{ID: code, Tenant: backuptest.Tenant, App: backuptest.App, Purpose: core.PurposeLogin, Channel: core.ChannelSMS,
		Index: n.Index, Expires: c.message.ValidUntil, CodeKey: w.Ring.CodeKeyIDs()[0], Message: message}
	return c, nil
}

func (c *send) Want(b *store.Batch) {
	billing.Want(b, c.payer)
	billing.WantTopUp(b, c.payer)
}

func (c *send) Decide(b *store.Batch) error {
	top := &billing.TopUp{IDs: c.ids, Payer: c.payer, Amount: 2}
	if err := top.Decide(b); err != nil {
		return err
	}
	b.PutVerification(c.code)
	return outbox.Enqueue(b, c.ids, c.payer, nil, c.message)
}

// countAlive counts what is alive in a file, by reading it.
func countAlive(t *testing.T, path string) (codes, messages int64) {
	t.Helper()
	f, err := Open(path)
	ok(t, err)
	defer func() { ok(t, f.Close()) }()
	ok(t, f.tables(func(table *Table, next func(*row) (bool, error)) error {
		r, state := newRow(table), table.column("state")
		for {
			more, err := next(r)
			if err != nil || !more {
				return err
			}
			switch {
			case table.Name == "verification" && r.ints[state] <= 1:
				codes++
			case table.Name == "message" && r.ints[state] <= 2:
				messages++
			}
		}
	}))
	return codes, messages
}
