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
	update(t, e, func(q store.SQL) error {
		n, err := records.DeleteOldVerifications(ctx, q, 5, 10)
		if n != 1 { // 1: the others live, or are not old enough
			t.Errorf("deleted %d, want 1", n)
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
	update(t, e, func(q store.SQL) error {
		n, err := records.DeleteOldMessages(ctx, q, 100, 10)
		if n != 1 { // nobody waits for 5
			t.Errorf("deleted %d, want 1", n)
		}
		return err
	})
}

func TestOldReceipts(t *testing.T) {
	e := openEngine(t)
	key := func(provider, part string) store.ReceiptKey {
		return store.ReceiptKey{Provider: provider, PartID: part}
	}
	put(t, e, func(b *store.Batch) {
		for k, message := range map[store.ReceiptKey]core.MessageID{key("a", "1"): 5, key("a", "2"): 50, key("b", "0"): 6, key("b", "1"): 51} {
			b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: message})
		}
		b.Orphans.Put(key("a", "9"), store.Orphan{Key: key("a", "9"), At: 10})
		b.Orphans.Put(key("a", "8"), store.Orphan{Key: key("a", "8"), At: 11})
	})
	var old []store.ReceiptKey
	for after, end := (store.ReceiptKey{}), false; !end; {
		view(t, e, func(q store.SQL) error {
			page, err := records.OldReceipts(ctx, q, 50, after, 3)
			old, after, end = append(old, page.Old...), page.Last, page.End
			return err
		})
	}
	if diff := cmp.Diff([]store.ReceiptKey{key("a", "1"), key("b", "0")}, old); diff != "" {
		t.Errorf("old (-want +got):\n%s", diff)
	}
	update(t, e, func(q store.SQL) error {
		for _, k := range old {
			if err := records.DeleteReceipt(ctx, q, k); err != nil {
				return err
			}
		}
		n, err := records.DeleteOrphans(ctx, q, 11)
		if n != 1 {
			t.Errorf("deleted %d orphans, want 1", n)
		}
		return err
	})
	view(t, e, func(q store.SQL) error {
		page, err := records.OldReceipts(ctx, q, 1000, store.ReceiptKey{}, 10)
		if len(page.Old) != 2 || !page.End {
			t.Errorf("left: %+v", page)
		}
		return err
	})
}
