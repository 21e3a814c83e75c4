package retention

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/records"
)

var epoch = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

// TestToTheNanosecond: a row stays until it is as old as it is kept, and goes a
// nanosecond later. An id knows the millisecond in which it was made, of which
// the last nanosecond counts.
func TestToTheNanosecond(t *testing.T) {
	onBoth(t, func(t *testing.T, e store.Engine) {
		id, key := made(epoch), store.ReceiptKey{Provider: "p", PartID: "1"}
		end := epoch.Add(time.Millisecond)
		put(t, e, func(b *store.Batch) {
			b.PutVerification(store.Verification{ID: core.VerificationID(id), State: store.VerificationVerified})
			b.Messages.Put(core.MessageID(id), store.Message{ID: core.MessageID(id), State: store.MessageDelivered})
			b.Receipts.Put(key, store.ReceiptRef{Key: key, Message: core.MessageID(id)})
			b.Calls.Put(store.CallKey{1}, store.Call{Key: store.CallKey{1}, Expires: store.At(epoch)})
			b.PutSession(store.Session{Key: store.SessionKey{1}, Kind: store.SessionOpen, Expires: store.At(epoch.Add(day))})
			b.Logins.Put(core.LoginID(id), store.LoginEvent{ID: core.LoginID(id), Kind: store.LoginDone})
		})
		err := e.Update(ctx, func(q store.SQL) error {
			if err := records.InsertAudit(ctx, q, records.Audit{At: store.At(epoch)}); err != nil {
				return err
			}
			if err := records.InsertAudit(ctx, q, records.Audit{At: store.At(epoch.Add(300 * day))}); err != nil {
				return err
			}
			return records.AppendJournal(ctx, q, store.At(epoch), []byte{1})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			table string
			goes  time.Time // the first instant at which it goes
			left  int64
		}{
			{"idempotency", epoch, 0},
			{"session", epoch.Add(day), 0},
			{"journal", epoch.Add(day).Add(1), 0},
			{"receipt_ref", end.Add(7 * day), 0},
			{"verification", end.Add(30 * day), 0},
			{"message", end.Add(90 * day), 0},
			{"login_event", end.Add(190 * day), 0},
			{"audit", epoch.Add(200 * day).Add(1), 1},
		} {
			at := func(now time.Time) int64 {
				if err := service(&watched{engine: e}, func() time.Time { return now }, 10).pass(ctx); err != nil {
					t.Fatal(err)
				}
				return count(t, e, c.table)
			}
			if n := at(c.goes.Add(-1)); n != c.left+1 {
				t.Errorf("%s: %d rows a nanosecond before, want %d", c.table, n, c.left+1)
			}
			if n := at(c.goes); n != c.left {
				t.Errorf("%s: %d rows at the instant, want %d", c.table, n, c.left)
			}
		}
	})
}

// TestWhatStays: however old, a live code, a message that somebody waits for
// with its receipt reference, an open reservation, a user and the ledger stay.
func TestWhatStays(t *testing.T) {
	onBoth(t, func(t *testing.T, e store.Engine) {
		old := made(epoch)
		key := func(part string) store.ReceiptKey { return store.ReceiptKey{Provider: "p", PartID: part} }
		put(t, e, func(b *store.Batch) {
			for state := store.VerificationPending; state <= store.VerificationSuperseded; state++ {
				id := core.VerificationID(old + int64(state))
				b.PutVerification(store.Verification{ID: id, State: state})
			}
			b.PutVerification(store.Verification{ID: core.VerificationID(old + 100), State: store.VerificationVerified, Held: 1})
			for state := store.MessageQueued; state <= store.MessageDead; state++ {
				id := core.MessageID(old + int64(state))
				b.Messages.Put(id, store.Message{ID: id, State: state, Due: store.Time(1), Money: store.MoneySettled})
				id += 100
				b.Messages.Put(id, store.Message{ID: id, State: state, Money: store.MoneyReserved})
			}
			b.Messages.Put(core.MessageID(old+200), store.Message{ID: core.MessageID(old + 200), State: store.MessageDelivered, Money: store.MoneySettled})
			for part, message := range map[string]int64{"waiting": old, "over": old + 200, "gone": old - 1} {
				b.Receipts.Put(key(part), store.ReceiptRef{Key: key(part), Message: core.MessageID(message)})
			}
			b.PutUser(store.User{ID: core.UserID(old)})
			b.Accounts.Put(17, store.Account{ID: 17, Balance: 5})
			b.Ledger.Put(core.LedgerID(old), store.Ledger{ID: core.LedgerID(old), Debit: 20, Credit: 17, Amount: 5, Kind: store.LedgerTopUp})
		})
		if err := service(&watched{engine: e}, func() time.Time { return epoch.Add(3000 * day) }, 4).pass(ctx); err != nil {
			t.Fatal(err)
		}
		since := func(table string) (left []int64) {
			for _, id := range ids(t, e, table, "id") {
				left = append(left, id-old)
			}
			return left
		}
		if diff := cmp.Diff([]int64{0, 1, 100}, since("verification")); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 101, 102, 103, 104, 105, 106, 107, 108}, since("message")); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int64{old}, ids(t, e, "receipt_ref", "message")); diff != "" {
			t.Errorf("receipt references (-want +got):\n%s", diff)
		}
		for _, table := range []string{"users", "account", "ledger"} {
			if n := count(t, e, table); n != 1 {
				t.Errorf("%s: %d rows, want 1", table, n)
			}
		}
	})
}

// fill puts ended codes and delivered messages with receipt references of n
// different milliseconds, each with one row that must stay for every nine that go.
func fill(t testing.TB, e store.Engine, n int) (stay int64) {
	for first := 0; first < n; first += 10_000 {
		put(t, e, func(b *store.Batch) {
			for i := first; i < min(first+10_000, n); i++ {
				id := made(epoch.Add(time.Duration(i) * time.Millisecond))
				v := store.Verification{ID: core.VerificationID(id), State: store.VerificationVerified}
				m := store.Message{ID: core.MessageID(id), State: store.MessageUndelivered}
				if i%10 == 0 {
					v.State, m.Due = store.VerificationPending, 1
					stay++
				}
				b.PutVerification(v)
				b.Messages.Put(m.ID, m)
				k := store.ReceiptKey{Provider: "p", PartID: time.Duration(id).String()}
				b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: m.ID})
			}
		})
	}
	return stay
}

// TestInterruptedAnywhere: whichever transaction of a pass fails, with its work
// done or not, the next pass ends where an undisturbed one would.
func TestInterruptedAnywhere(t *testing.T) {
	const n, rows = 20, 8
	e := openSQLite(t)
	now := func() time.Time { return epoch.Add(365 * day) }
	for fault := 0; ; fault++ {
		for _, happened := range []bool{false, true} {
			wipe(t, e)
			stay := fill(t, e, n)
			updates := 0
			spoil := func() error {
				if updates++; updates == fault+1 {
					return errFault
				}
				return nil
			}
			w := &watched{engine: e, before: spoil}
			if happened {
				w.before, w.after = nil, spoil
			}
			s := service(w, now, rows)
			failed := s.pass(ctx) != nil
			if whole := updates <= fault; failed == whole {
				t.Fatalf("fault %d of %d: failed %v", fault, updates, failed)
			}
			w.before, w.after = nil, nil
			if err := s.pass(ctx); err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"verification", "message", "receipt_ref"} {
				if got := count(t, e, table); got != stay {
					t.Errorf("fault %d (happened: %v): %d rows of %s are left, want %d", fault, happened, got, table, stay)
				}
			}
			if happened && !failed {
				return // every transaction had its turn
			}
		}
	}
}

// TestBoundedTransactions: of many rows no transaction deletes more than a page,
// and between two pages the writer is free: a batch that comes in between
// commits before the next page is looked at.
func TestBoundedTransactions(t *testing.T) {
	const rows = 256
	n := 67_000
	if testing.Short() { // under the race detector
		n = 14_000
	}
	e := openSQLite(t)
	stay := fill(t, e, n)
	var updates, most, deleted int64
	batches := int64(0)
	w := &watched{engine: e,
		rows: func(rows int64) { updates, most, deleted = updates+1, max(most, rows), deleted+rows },
		view: func() { // if the sweep held the writer, this would wait for ever
			if batches++; batches%20 == 0 {
				put(t, e, func(b *store.Batch) { b.PutUser(store.User{ID: core.UserID(batches)}) })
			}
		}}
	s := service(w, func() time.Time { return epoch.Add(365 * day) }, rows)
	pauses := int64(0)
	s.rest = func(context.Context, time.Duration) error { pauses++; return nil }
	if err := s.pass(ctx); err != nil {
		t.Fatal(err)
	}
	if want := 3 * (int64(n) - stay); deleted != want {
		t.Errorf("%d rows were deleted, want %d", deleted, want)
	}
	if most > rows || updates < deleted/rows || pauses != updates {
		t.Errorf("%d transactions with %d pauses, the largest of %d rows, want at most %d", updates, pauses, most, rows)
	}
	if got := count(t, e, "users"); got != batches/20 || got == 0 {
		t.Errorf("%d batches in between, want %d", got, batches/20)
	}
}

// TestReceiptsAreReadNowAndThen: the whole table is read once in a twenty-fourth
// of the time that references are kept.
func TestReceiptsAreReadNowAndThen(t *testing.T) {
	e := openSQLite(t)
	c := &clock{at: epoch.Add(100 * day)}
	s := service(&watched{engine: e}, c.now, 10)
	pass := func(want int64) {
		t.Helper()
		fill(t, e, 2) // one goes, one stays
		if err := s.pass(ctx); err != nil {
			t.Fatal(err)
		}
		if n := count(t, e, "receipt_ref"); n != want {
			t.Errorf("%d references are left, want %d", n, want)
		}
		wipe(t, e)
	}
	pass(1)
	c.set(c.now().Add(7*time.Hour - 1))
	pass(2)
	c.set(c.now().Add(1))
	pass(1)
}

// TestStartStop: the service begins at once, ends in the middle of a pass, and
// may be stopped twice.
func TestStartStop(t *testing.T) {
	e := openSQLite(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	fill(t, e, 1000)
	deleted := make(chan struct{}, 1000)
	w := &watched{engine: e, rows: func(n int64) {
		if n > 0 {
			deleted <- struct{}{}
		}
	}}
	s := service(w, func() time.Time { return epoch.Add(365 * day) }, 1)
	s.Start()
	s.Start()
	<-deleted
	<-deleted
	s.Stop()
	s.Stop()
	if n := count(t, e, "verification"); n == 100 {
		t.Error("the pass was not interrupted")
	}
	never := service(w, time.Now, 1)
	never.Stop()
}

// TestPauses: a pause is four times as long as the transaction before it, but
// a clock that jumps does not put the sweep to sleep.
func TestPauses(t *testing.T) {
	e := openSQLite(t)
	for _, c := range []struct{ took, want time.Duration }{
		{-time.Hour, 2 * time.Millisecond}, {0, 2 * time.Millisecond}, {time.Millisecond, 4 * time.Millisecond},
		{50 * time.Millisecond, 200 * time.Millisecond}, {time.Hour, 250 * time.Millisecond},
	} {
		readings := 0
		s := service(&watched{engine: e}, func() time.Time { readings++; return epoch.Add(time.Duration(readings) * c.took) }, 10)
		var got time.Duration
		s.rest = func(_ context.Context, d time.Duration) error { got = d; return errFault }
		if n, err := s.update(ctx, func(store.SQL) (int64, error) { return 7, nil }); n != 7 || !errors.Is(err, errFault) || got != c.want {
			t.Errorf("after %v: %d rows, a pause of %v, %v; want %v", c.took, n, got, err, c.want)
		}
	}
}

// partitioned is a database that cuts its tables.
type partitioned struct {
	*watched
	tables []store.Kept
	err    error
}

func (p *partitioned) Partition(_ context.Context, tables []store.Kept) error {
	p.tables = tables
	return p.err
}

// TestPartitions: an engine that cuts its tables is told how long rows are kept,
// and its rows are left alone. When it fails the other sweeps go on.
func TestPartitions(t *testing.T) {
	e := openSQLite(t)
	fill(t, e, 20)
	p := &partitioned{watched: &watched{engine: e}, err: errFault}
	s := service(p, func() time.Time { return epoch.Add(365 * day) }, 10)
	if err := s.Prepare(ctx); !errors.Is(err, errFault) {
		t.Errorf("prepare: %v", err)
	}
	p.tables = nil
	if err := s.pass(ctx); err == nil {
		t.Error("no error")
	}
	if p.tables[0].Table != "verification" || p.tables[0].For != 30*day || p.tables[1].Table != "message" || p.tables[1].For != 90*day || len(p.tables) != 2 {
		t.Errorf("tables: %+v", p.tables)
	}
	if v, r := count(t, e, "verification"), count(t, e, "receipt_ref"); v != 20 || r != 2 {
		t.Errorf("%d codes and %d references are left, want 20 and 2", v, r)
	}
	if err := service(&watched{engine: e}, time.Now, 10).Prepare(ctx); err != nil {
		t.Errorf("an engine that cuts nothing: %v", err)
	}
}

// TestPostgresIsPartitioned: the service finds out by itself that PostgreSQL
// cuts its tables.
func TestPostgresIsPartitioned(t *testing.T) {
	e, err := postgres.Open(ctx, postgres.Options{URL: server.URL(server.Database(t, "")), Now: time.Now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	s := service(migrated(t, e), time.Now, 10)
	if err := s.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	if n := count(t, e, "pg_inherits i JOIN pg_class c ON c.oid = i.inhparent WHERE c.relname = 'verification'"); n != 3 {
		t.Errorf("%d partitions of codes, want the first, the rest and one ahead", n)
	}
	if err := s.pass(ctx); err != nil {
		t.Fatal(err)
	}
}
