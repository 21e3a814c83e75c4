package records_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

func TestSettings(t *testing.T) {
	e := openEngine(t)
	expect := func(want string, wantFound bool) {
		t.Helper()
		view(t, e, func(q store.SQL) error {
			got, found, err := records.Setting(ctx, q, "name")
			if got != want || found != wantFound {
				t.Errorf("setting %q, %v, want %q, %v", got, found, want, wantFound)
			}
			return err
		})
	}
	expect("", false)
	for _, value := range []string{"一", "", "two"} {
		update(t, e, func(q store.SQL) error { return records.PutSetting(ctx, q, "name", value) })
		expect(value, true)
	}
}

func TestRevision(t *testing.T) {
	e := openEngine(t)
	expect := func(want int64) {
		t.Helper()
		view(t, e, func(q store.SQL) error {
			got, err := records.Revision(ctx, q)
			if got != want {
				t.Errorf("revision %d, want %d", got, want)
			}
			return err
		})
	}
	expect(0)
	update(t, e, func(q store.SQL) error { return records.BumpRevision(ctx, q) })
	expect(1)
	if err := e.Update(ctx, func(q store.SQL) error {
		if err := records.BumpRevision(ctx, q); err != nil {
			return err
		}
		return errors.New("the change itself failed")
	}); err == nil {
		t.Error("no error")
	}
	expect(1)
}

func TestJournal(t *testing.T) {
	e := openEngine(t)
	for at := range store.Time(10) {
		update(t, e, func(q store.SQL) error { return records.AppendJournal(ctx, q, at, []byte{byte(at)}) })
	}
	rows := func(since store.Time) (got []byte) {
		view(t, e, func(q store.SQL) error {
			return records.Journals(ctx, q, since, func(row []byte) error {
				got = append(got, row...)
				return nil
			})
		})
		return got
	}
	if diff := cmp.Diff([]byte{7, 8, 9}, rows(7)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	prune := func(before store.Time, limit int, want int64) {
		t.Helper()
		update(t, e, func(q store.SQL) error {
			n, err := records.PruneJournal(ctx, q, before, limit)
			if n != want {
				t.Errorf("pruned %d, want %d", n, want)
			}
			return err
		})
	}
	prune(6, 4, 4)
	prune(6, 4, 2)
	prune(6, 4, 0)
	if diff := cmp.Diff([]byte{6, 7, 8, 9}, rows(0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	stop := errors.New("enough")
	err := e.View(ctx, func(q store.SQL) error {
		return records.Journals(ctx, q, 0, func([]byte) error { return stop })
	})
	if !errors.Is(err, stop) {
		t.Errorf("the reader's error came back as %v", err)
	}
}

func TestExpiredCodes(t *testing.T) {
	e := openEngine(t)
	a := core.PhoneIndex{A: core.IndexValue{1}}
	put(t, e, func(b *store.Batch) {
		for id := core.VerificationID(1); id <= 6; id++ {
			b.PutVerification(store.Verification{ID: id, Index: a, Expires: 100})
		}
		b.PutVerification(store.Verification{ID: 3, Index: a, Expires: 101})
		b.PutVerification(store.Verification{ID: 4, Index: a, Expires: 50, State: store.VerificationClaimed})
		b.PutVerification(store.Verification{ID: 1, Index: a, Expires: 50, State: store.VerificationExpired})
	})
	view(t, e, func(q store.SQL) error {
		all, err := records.ExpiredCodes(ctx, q, 1, 6, 100, 10)
		if diff := cmp.Diff([]core.VerificationID{2, 5}, all); diff != "" {
			t.Errorf("expired (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		if one, err := records.ExpiredCodes(ctx, q, 1, 7, 100, 1); len(one) != 1 || err != nil {
			t.Errorf("limit 1 gave %v, %v", one, err)
		}
		oldest, err := records.OldestLive(ctx, q)
		if oldest != 2 {
			t.Errorf("the oldest live code is %d, want 2", oldest)
		}
		return err
	})
}

func TestLapsedClaims(t *testing.T) {
	e := openEngine(t)
	put(t, e, func(b *store.Batch) {
		for id, until := range map[core.VerificationID]store.Time{1: 30, 2: 10, 3: 20, 4: 31} {
			b.PutVerification(store.Verification{ID: id, State: store.VerificationClaimed, ClaimUntil: until})
		}
		b.PutVerification(store.Verification{ID: 5, ClaimUntil: 1})
	})
	view(t, e, func(q store.SQL) error {
		all, err := records.LapsedClaims(ctx, q, 30, 10)
		if diff := cmp.Diff([]core.VerificationID{2, 3, 1}, all); diff != "" {
			t.Errorf("lapsed (-want +got):\n%s", diff)
		}
		if err != nil {
			return err
		}
		two, err := records.LapsedClaims(ctx, q, 30, 2)
		if len(two) != 2 {
			t.Errorf("limit 2 gave %v", two)
		}
		return err
	})
}

func TestDueMessages(t *testing.T) {
	e := openEngine(t)
	put(t, e, func(b *store.Batch) {
		for id, due := range map[core.MessageID]store.Time{1: 30, 2: 10, 3: 20, 4: 31, 5: 0} {
			b.Messages.Put(id, store.Message{ID: id, Due: due})
		}
	})
	view(t, e, func(q store.SQL) error {
		due, err := records.DueMessages(ctx, q, 30, 2)
		if diff := cmp.Diff([]core.MessageID{2, 3}, due); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
		return err
	})
}

func TestAged(t *testing.T) {
	e := openEngine(t)
	put(t, e, func(b *store.Batch) {
		states := []store.VerificationState{store.VerificationVerified, store.VerificationPending, store.VerificationClaimed,
			store.VerificationExpired, store.VerificationExhausted, store.VerificationSuperseded, store.VerificationExpired}
		for i, state := range states {
			id := core.VerificationID(i + 1)
			b.PutVerification(store.Verification{ID: id, State: state})
		}
		b.PutVerification(store.Verification{ID: 6, State: store.VerificationSuperseded, Held: 1})
		b.Messages.Put(1, store.Message{ID: 1, State: store.MessageDelivered, Money: store.MoneySettled})
		b.Messages.Put(2, store.Message{ID: 2, State: store.MessageUnknown, Money: store.MoneyRefunded, Due: 1})
		b.Messages.Put(3, store.Message{ID: 3, State: store.MessageDead, Money: store.MoneyReserved})
		b.Messages.Put(4, store.Message{ID: 4, State: store.MessageUndelivered})
	})
	for _, c := range []struct {
		name  string
		table records.Aged
		pages []records.AgedPage // of three rows, below 7
		left  []int64
	}{
		{"verification", records.AgedVerifications(), []records.AgedPage{{Last: 3, Over: 1}, {Last: 6, Over: 2}, {Last: 6, End: true}}, []int64{2, 3, 6, 7}},
		{"message", records.AgedMessages(), []records.AgedPage{{Last: 3, Over: 1}, {Last: 4, Over: 1, End: true}}, []int64{2, 3}},
	} {
		after := int64(0)
		for _, want := range c.pages {
			var page records.AgedPage
			view(t, e, func(q store.SQL) (err error) {
				page, err = c.table.Page(ctx, q, after, 7, 3)
				return err
			})
			if page != want {
				t.Errorf("%s after %d: %+v, want %+v", c.name, after, page, want)
			}
			update(t, e, func(q store.SQL) error {
				n, err := c.table.Delete(ctx, q, after, page.Last)
				if n != page.Over {
					t.Errorf("%s: deleted %d after %d, want %d", c.name, n, after, page.Over)
				}
				return err
			})
			after = page.Last
		}
		var left []int64
		view(t, e, func(q store.SQL) error {
			return q.Query(ctx, "SELECT id FROM "+c.name+" ORDER BY id", func(r store.Scanner) error {
				var id int64
				err := r.Scan(&id)
				left = append(left, id)
				return err
			})
		})
		if diff := cmp.Diff(c.left, left); diff != "" {
			t.Errorf("%s left (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestOldReceipts(t *testing.T) {
	e := openEngine(t)
	key := func(provider, part string) store.ReceiptKey {
		return store.ReceiptKey{Provider: provider, PartID: part}
	}
	put(t, e, func(b *store.Batch) {
		for k, message := range map[store.ReceiptKey]core.MessageID{key("a", "1"): 5, key("a", "2"): 50, key("a", "3"): 7, key("b", "0"): 6, key("b", "1"): 51} {
			b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: message})
		}
		b.Messages.Put(6, store.Message{ID: 6})
		b.Messages.Put(7, store.Message{ID: 7, Due: 1}) // somebody waits for it
		b.Orphans.Put(key("a", "9"), store.Orphan{Key: key("a", "9"), At: 10})
		b.Orphans.Put(key("a", "8"), store.Orphan{Key: key("a", "8"), At: 11})
	})
	after := store.ReceiptKey{}
	for _, want := range []records.ReceiptPage{{Last: key("a", "2"), Over: 1}, {Last: key("b", "0"), Over: 1}, {Last: key("b", "1"), End: true}} {
		var page records.ReceiptPage
		view(t, e, func(q store.SQL) (err error) {
			page, err = records.OldReceipts(ctx, q, 50, after, 2)
			return err
		})
		if page != want {
			t.Errorf("after %v: %+v, want %+v", after, page, want)
		}
		update(t, e, func(q store.SQL) error {
			n, err := records.DeleteReceipts(ctx, q, 50, after, page.Last)
			if n != page.Over {
				t.Errorf("deleted %d after %v, want %d", n, after, page.Over)
			}
			return err
		})
		after = page.Last
	}
	update(t, e, func(q store.SQL) error {
		n, err := records.DeleteOrphans(ctx, q, 11)
		if n != 1 {
			t.Errorf("deleted %d orphans, want 1", n)
		}
		return err
	})
	var left []string
	view(t, e, func(q store.SQL) error {
		return q.Query(ctx, "SELECT part_id FROM receipt_ref ORDER BY provider, part_id", func(r store.Scanner) error {
			var part string
			err := r.Scan(&part)
			left = append(left, part)
			return err
		})
	})
	if diff := cmp.Diff([]string{"2", "3", "1"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestPruneAudit: the newest row stays, however old it is: the next id comes
// from it.
func TestPruneAudit(t *testing.T) {
	e := openEngine(t)
	for at := range store.Time(6) {
		update(t, e, func(q store.SQL) error { return records.InsertAudit(ctx, q, records.Audit{At: at, Action: "x"}) })
	}
	for _, c := range []struct {
		before store.Time
		limit  int
		want   int64
	}{{3, 2, 2}, {3, 2, 1}, {3, 2, 0}, {100, 10, 2}, {100, 10, 0}} {
		update(t, e, func(q store.SQL) error {
			n, err := records.PruneAudit(ctx, q, c.before, c.limit)
			if n != c.want {
				t.Errorf("pruned %d before %d, want %d", n, c.before, c.want)
			}
			return err
		})
	}
	update(t, e, func(q store.SQL) error { return records.InsertAudit(ctx, q, records.Audit{At: 9, Action: "x"}) })
	view(t, e, func(q store.SQL) error {
		rows, err := records.Audits(ctx, q, 0, 10)
		if len(rows) != 2 || rows[0].ID != 7 || rows[1].ID != 6 {
			t.Errorf("left: %+v", rows)
		}
		return err
	})
}
