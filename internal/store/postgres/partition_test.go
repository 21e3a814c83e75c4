package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// kept is as package records says it.
func kept(codes, messages time.Duration) []store.Kept {
	return []store.Kept{
		{Table: "verification", For: codes, Over: "state > 1 AND held = 0",
			Waits: []string{"state IN (0, 1) AND idx_a IS NOT NULL", "state IN (0, 1) AND idx_b IS NOT NULL", "state = 1"}},
		{Table: "message", For: messages, Over: "due IS NULL AND money <> 1", Waits: []string{"due IS NOT NULL"}},
	}
}

const day = 24 * time.Hour

// cut opens a database whose first partitions end at an instant, with a clock.
func cut(t *testing.T, end time.Time) (*Engine, *time.Time) {
	t.Helper()
	now := end.Add(-day)
	o := empty(t)
	o.Now = func() time.Time { return now }
	e := openMigrated(t, o)
	for _, table := range []string{"verification", "message"} {
		ids := "FROM (MINVALUE) TO (" + formatInt(core.IDAt(end)) + ")"
		sql := "ALTER TABLE " + table + " DETACH PARTITION " + table + "_first; ALTER TABLE " + table + " ATTACH PARTITION " + table + "_first FOR VALUES " + ids
		if err := server.Exec(context.Background(), e.dialer.config.Database, sql); err != nil {
			t.Fatal(err)
		}
	}
	return e, &now
}

// parts names the partitions of a table with the time that each begins and ends.
func parts(t *testing.T, e *Engine, table string) (all []string) {
	t.Helper()
	err := e.View(context.Background(), func(q store.SQL) error {
		found, err := partitionsOf(context.Background(), q, table)
		for _, p := range found {
			all = append(all, strings.TrimPrefix(p.name, table+"_")+" "+core.IDTime(p.to).UTC().Format(time.RFC3339))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// where tells which partition has a row.
func where(t *testing.T, e *Engine, table string, at time.Time) string {
	t.Helper()
	names := tables(t, e, "SELECT tableoid::regclass::text FROM "+table+" WHERE id = "+formatInt(core.IDAt(at)))
	return strings.Join(names, ",")
}

func partitioned(t *testing.T, e *Engine, tables []store.Kept) {
	t.Helper()
	if err := e.Partition(context.Background(), tables); err != nil {
		t.Fatal(err)
	}
}

func putCode(t *testing.T, e *Engine, at time.Time, state store.VerificationState) {
	t.Helper()
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) {
		b.PutVerification(store.Verification{ID: core.VerificationID(core.IDAt(at)), App: 1, State: state,
			Index: core.PhoneIndex{A: core.IndexValue{1}}, Expires: store.At(at)})
	})
}

var cutAt = time.Date(2026, 12, 1, 6, 30, 0, 0, time.UTC) // a Tuesday

func TestPartitionWidths(t *testing.T) {
	for kept, want := range map[time.Duration]time.Duration{
		25 * time.Hour: 6 * time.Hour, 72*time.Hour - 1: 6 * time.Hour, 72 * time.Hour: day, 30 * day: 7 * day, 90 * day: 30 * day,
		365 * day: 90 * day, 3650 * day: 360 * day, 0: 360 * day,
	} {
		if got := partitionWidth(kept); got != want {
			t.Errorf("rows kept for %v: %v, want %v", kept, got, want)
		}
	}
}

// TestPartitionsAhead: there are always partitions for a while to come, each row
// finds its own, and several nodes make each once.
func TestPartitionsAhead(t *testing.T) {
	e, now := cut(t, cutAt)
	*now = cutAt.Add(-2 * day)
	tables := kept(30*day, 96*time.Hour) // a week, a day
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			if err := e.Partition(context.Background(), tables); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	first := "first 2026-12-01T06:30:00Z"
	if diff := cmp.Diff([]string{first, "20261201t063000 2026-12-07T00:00:00Z"}, parts(t, e, "verification")); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{first}, parts(t, e, "message")); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	*now = cutAt
	partitioned(t, e, tables)
	partitioned(t, e, tables)
	codes := []string{first, "20261201t063000 2026-12-07T00:00:00Z", "20261207t000000 2026-12-14T00:00:00Z"}
	if diff := cmp.Diff(codes, parts(t, e, "verification")); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	messages := []string{first, "20261201t063000 2026-12-02T00:00:00Z", "20261202t000000 2026-12-03T00:00:00Z"}
	if diff := cmp.Diff(messages, parts(t, e, "message")); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	for at, want := range map[time.Time]string{
		cutAt.Add(-time.Millisecond): "verification_first",
		cutAt:                        "verification_20261201t063000",
		time.Date(2026, 12, 6, 23, 59, 59, 999e6, time.UTC): "verification_20261201t063000",
		time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC):        "verification_20261207t000000",
		time.Date(2026, 12, 14, 0, 0, 0, 0, time.UTC):       "verification_rest",
	} {
		putCode(t, e, at, store.VerificationVerified)
		if got := where(t, e, "verification", at); got != want {
			t.Errorf("a code of %v is in %s, want %s", at, got, want)
		}
	}
	// What keeps an update in its page, and vacuum near, goes for new ones too.
	for _, name := range []string{"verification_20261207t000000", "message_20261202t000000"} {
		err := e.View(context.Background(), func(q store.SQL) error {
			options, err := storageOptions(context.Background(), q, name)
			if want := "fillfactor=50, autovacuum_vacuum_scale_factor=0.02"; options != want {
				t.Errorf("%s: %s, want %s", name, options, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldPartitionsGo: a partition goes at the nanosecond in which its last row
// is as old as it is kept, unless something in it lives or waits.
func TestOldPartitionsGo(t *testing.T) {
	e, now := cut(t, cutAt)
	tables := kept(30*day, 90*day)
	partitioned(t, e, tables)
	live, last := cutAt.Add(-day), cutAt.Add(-time.Millisecond)
	putCode(t, e, live, store.VerificationPending)
	putCode(t, e, last, store.VerificationVerified)
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) {
		id := core.MessageID(core.IDAt(last))
		b.Messages.Put(id, store.Message{ID: id, State: store.MessageUnknown, Due: 1})
	})
	has := func(table string, want bool) {
		t.Helper()
		partitioned(t, e, tables)
		if got := strings.HasPrefix(parts(t, e, table)[0], "first"); got != want {
			t.Errorf("%v: the first partition of %s is there: %v, want %v", *now, table, got, want)
		}
	}
	*now = cutAt.Add(30 * day)
	has("verification", true)
	putCodeState(t, e, live, store.VerificationExpired)
	*now = cutAt.Add(30*day - 1)
	has("verification", true)
	*now = cutAt.Add(30 * day)
	has("verification", false)
	if got := where(t, e, "verification", last); got != "" {
		t.Errorf("an old code is still in %s", got)
	}
	*now = cutAt.Add(91 * day)
	has("message", true)
	commit(t, e, func(b *store.Batch) { b.Messages.Want(core.MessageID(core.IDAt(last))) }, func(b *store.Batch) {
		m, _ := b.Messages.Get(core.MessageID(core.IDAt(last)))
		m.State, m.Due = store.MessageExpired, 0
		b.Messages.Put(m.ID, m)
	})
	*now = cutAt.Add(90*day - 1)
	has("message", true)
	*now = cutAt.Add(90 * day)
	has("message", false)
}

func putCodeState(t *testing.T, e *Engine, at time.Time, state store.VerificationState) {
	t.Helper()
	id := core.VerificationID(core.IDAt(at))
	commit(t, e, func(b *store.Batch) { b.Verifications.Want(id) }, func(b *store.Batch) {
		v, _ := b.Verifications.Get(id)
		v.State = state
		b.PutVerification(v)
	})
}

// TestGap: when no server ran for long, rows find a place at once, and soon a
// partition of their own; what lay in between goes when it is old.
func TestGap(t *testing.T) {
	e, now := cut(t, cutAt)
	tables := kept(30*day, 90*day)
	*now = cutAt.Add(45 * day)
	back := *now
	putCode(t, e, back, store.VerificationVerified)
	putCode(t, e, back.Add(time.Second), store.VerificationPending)
	partitioned(t, e, tables)
	if got := where(t, e, "verification", back); got != "verification_rest" {
		t.Errorf("the first code after a gap is in %s", got)
	}
	putCode(t, e, back.Add(gapMargin), store.VerificationVerified)
	if got := where(t, e, "verification", back.Add(gapMargin)); got != "verification_20270115t063100" {
		t.Errorf("a code a minute later is in %s", got)
	}
	*now = back.Add(30 * day)
	partitioned(t, e, tables)
	if got := where(t, e, "verification", back); got == "" {
		t.Error("a code went before its time")
	}
	*now = back.Add(30*day + time.Millisecond)
	partitioned(t, e, tables)
	if got := where(t, e, "verification", back); got != "" {
		t.Errorf("an old code is still in %s", got)
	}
	*now = back.Add(60 * day)
	partitioned(t, e, tables)
	if got := where(t, e, "verification", back.Add(time.Second)); got != "verification_rest" {
		t.Errorf("a live code is gone: %q", got)
	}
}

// TestPartitionsWaitForNobody: while somebody reads an old partition it stays,
// and batches go on; afterwards it goes.
func TestPartitionsWaitForNobody(t *testing.T) {
	ctx := context.Background()
	e, now := cut(t, cutAt)
	tables := kept(30*day, 90*day)
	*now = cutAt
	partitioned(t, e, tables)
	*now = cutAt.Add(30 * day)
	err := e.View(ctx, func(q store.SQL) error {
		err := q.Query(ctx, "SELECT COUNT(*) FROM verification_first", func(store.Scanner) error { return nil })
		if err != nil {
			return err
		}
		if err := e.Partition(ctx, tables); err == nil {
			t.Error("a partition that is read was dropped")
		}
		putCode(t, e, cutAt.Add(time.Hour), store.VerificationPending)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	partitioned(t, e, tables)
	if got := parts(t, e, "verification")[0]; strings.HasPrefix(got, "first") {
		t.Error("it stays although nobody reads it")
	}
}

// TestBatchesWhilePartitionsGo: batches that run all the time meet no error
// while partitions are made and dropped beneath them.
func TestBatchesWhilePartitionsGo(t *testing.T) {
	e, now := cut(t, cutAt)
	*now = cutAt
	partitioned(t, e, kept(25*time.Hour, 96*time.Hour))
	o := e.options
	o.Now = func() time.Time { return cutAt } // e's clock is moved meanwhile
	batches := openMigrated(t, o)
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		defer func() { done <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			key := store.LiveKey{App: 1, Purpose: 0, Index: core.IndexValue{byte(n)}}
			err := tryCommit(batches, func(b *store.Batch) { b.Live.Want(key) }, func(b *store.Batch) {
				id := core.VerificationID(core.IDAt(cutAt.Add(time.Duration(n) * time.Millisecond)))
				b.PutVerification(store.Verification{ID: id, App: 1, State: store.VerificationVerified, Index: core.PhoneIndex{A: key.Index}})
			})
			if err != nil && !errors.Is(err, store.ErrAgain) { // the batcher runs those again
				t.Error(err)
				return
			}
		}
	}()
	for range 20 {
		*now = now.Add(6 * time.Hour)
		err := e.Partition(context.Background(), kept(25*time.Hour, 96*time.Hour))
		for tries := 1; err != nil && tries < 50; tries++ { // the service tries again every minute
			err = e.Partition(context.Background(), kept(25*time.Hour, 96*time.Hour))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if n := <-done; n == 0 {
		t.Error("no batch ran")
	}
	if got := len(parts(t, e, "verification")); got > 12 {
		t.Errorf("%d partitions are left", got)
	}
}

// TestPartitionsOfWhatIsThere: the migration keeps every row.
func TestPartitionsOfWhatIsThere(t *testing.T) {
	o := empty(t)
	all, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	before, err := open(context.Background(), o, func() ([]Migration, error) { return all[:5], nil })
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if err := before.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	err = before.Update(context.Background(), func(q store.SQL) error {
		_, err := q.Exec(context.Background(), `INSERT INTO verification (id, tenant, app, purpose, channel, state, wrong, idx_a, expires, code_key, code_salt, code_mac,
			message, claim, claim_until, held, tenant_pays) VALUES ($1, 0, 1, 0, 0, 0, 0, $2, 0, 0, $2, $2, 0, 0, 0, 0, FALSE)`, core.IDAt(at), []byte{1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e := openMigrated(t, o)
	partitioned(t, e, kept(30*day, 90*day))
	if got := where(t, e, "verification", at); got != "verification_first" {
		t.Errorf("the row is in %q", got)
	}
	putCode(t, e, time.Now(), store.VerificationVerified)
}

func formatInt(id int64) string { return strconv.FormatInt(id, 10) }
