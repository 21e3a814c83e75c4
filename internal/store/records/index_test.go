package records_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// newIndex is a number's value under the new key, in this test: the sealed
// number itself.
func newIndex(phone []byte) (v core.IndexValue) {
	copy(v[:], phone)
	return v
}

func found(t *testing.T, e store.Engine, v core.IndexValue) (user core.UserID, failure core.FailureID, live int) {
	t.Helper()
	tx, err := e.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(1)
	b.UserOf.Want(store.UserKey{Tenant: 1, Index: v})
	b.FailureOf.Want(store.FailureKey{App: 1, Index: v})
	b.Live.Want(store.LiveKey{App: 1, Index: v})
	if err := tx.Load(ctx, &b); err != nil {
		t.Fatal(err)
	}
	u, _ := b.User(store.UserKey{Tenant: 1, Index: v})
	f, _ := b.Failure(store.FailureKey{App: 1, Index: v}, 0)
	return u.ID, f.ID, len(b.LiveVerifications(store.LiveKey{App: 1, Index: v}))
}

// TestReq11_IndexRowsRotate fills the new side of every row page by page, as a
// rotation does, and clears the old one: a number keeps its user, its counters
// and its live code throughout.
func TestReq11_IndexRowsRotate(t *testing.T) {
	e := openEngine(t)
	const rows = 7
	phone := func(n int) []byte { return []byte{'p', byte(n)} }
	old := func(n int) core.IndexValue { return core.IndexValue{0: 'o', 1: byte(n)} }
	put(t, e, func(b *store.Batch) {
		for n := 1; n <= rows; n++ {
			x := core.PhoneIndex{A: old(n)}
			b.PutUser(store.User{ID: core.UserID(n), Tenant: 1, Index: x, Phone: phone(n)})
			b.PutFailure(store.Failure{ID: core.FailureID(n), App: 1, Index: x, Phone: phone(n)})
			b.PutVerification(store.Verification{ID: core.VerificationID(n), App: 1, Index: x, Message: core.MessageID(n)})
			b.Messages.Put(core.MessageID(n), store.Message{ID: core.MessageID(n), Phone: phone(n)})
			b.NumberChecks.Put(core.NumberCheckID(n), store.NumberCheck{ID: core.NumberCheckID(n), App: 1, Index: x, Phone: phone(n)})
		}
		b.PutUser(store.User{ID: 100, Tenant: 1, Index: core.PhoneIndex{A: old(100)}})                                  // no number left
		b.PutVerification(store.Verification{ID: 100, App: 1, Index: core.PhoneIndex{A: old(100)}})                     // a test number's
		b.PutVerification(store.Verification{ID: 101, App: 1, Index: core.PhoneIndex{A: old(1)}, State: 3, Message: 1}) // dead
	})
	update(t, e, func(q store.SQL) error {
		for n := 1; n <= rows; n++ {
			r := records.Reply{ID: core.ReplyID(n), App: 1, Provider: "p", Index: core.PhoneIndex{A: old(n)}, Phone: phone(n), Text: []byte("t")}
			if _, err := records.InsertReply(ctx, q, &r); err != nil {
				return err
			}
			o := records.OptOut{ID: int64(n), Tenant: 1, App: 1, Signature: "Yanma", Index: core.PhoneIndex{A: old(n)}, Phone: phone(n)}
			if err := records.InsertOptOut(ctx, q, o); err != nil {
				return err
			}
		}
		return nil
	})
	expectAll := func(value func(int) core.IndexValue, want bool) {
		t.Helper()
		for n := 1; n <= rows; n++ {
			user, failure, live := found(t, e, value(n))
			if (user == core.UserID(n) && failure == core.FailureID(n) && live == 1) != want || !want && (user != 0 || failure != 0 || live != 0) {
				t.Errorf("number %d: user %d, counters %d, %d live codes; to be found: %v", n, user, failure, live, want)
			}
		}
	}
	fresh := func(n int) core.IndexValue { return newIndex(phone(n)) }
	for _, table := range records.IndexedTables() {
		filled := 0
		for after := int64(0); ; {
			var page []records.Unindexed
			view(t, e, func(q store.SQL) (err error) {
				page, err = records.LackingIndex(ctx, q, table, records.SideB, after, 3)
				return err
			})
			if len(page) == 0 {
				break
			}
			update(t, e, func(q store.SQL) error {
				for _, row := range page {
					if err := records.FillIndex(ctx, q, table, records.SideB, row.ID, newIndex(row.Phone)); err != nil {
						return err
					}
				}
				return nil
			})
			filled, after = filled+len(page), page[len(page)-1].ID
		}
		if filled != rows {
			t.Errorf("table %d: filled %d rows, want %d", table, filled, rows)
		}
	}
	expectAll(old, true)
	expectAll(fresh, true)
	for _, table := range records.IndexedTables() {
		for after := int64(0); ; {
			var last int64
			update(t, e, func(q store.SQL) (err error) {
				last, err = records.ClearIndex(ctx, q, table, records.SideA, after, 3)
				return err
			})
			if last == 0 {
				break
			}
			after = last
		}
	}
	expectAll(old, false)
	expectAll(fresh, true)
	if user, _, live := found(t, e, old(100)); user != 100 || live != 1 {
		t.Errorf("rows without a number lost their only side: user %d, %d live codes", user, live)
	}
}

// TestFillIndexKeeps: what a command wrote meanwhile stays.
func TestFillIndexKeeps(t *testing.T) {
	e := openEngine(t)
	written := core.IndexValue{1}
	put(t, e, func(b *store.Batch) {
		b.PutUser(store.User{ID: 1, Tenant: 1, Index: core.PhoneIndex{A: core.IndexValue{9}, B: written}})
	})
	update(t, e, func(q store.SQL) error {
		return records.FillIndex(ctx, q, records.IndexedUsers, records.SideB, 1, core.IndexValue{2})
	})
	var got []byte
	view(t, e, func(q store.SQL) error {
		return q.Query(ctx, "SELECT idx_b FROM users WHERE id = 1", func(r store.Scanner) error { return r.Scan(&got) })
	})
	if diff := cmp.Diff(written[:], got); diff != "" {
		t.Errorf("side (-want +got):\n%s", diff)
	}
}
