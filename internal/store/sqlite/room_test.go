package sqlite

import (
	"context"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func pages(t *testing.T, e *Engine) (n int64) {
	t.Helper()
	if err := e.View(context.Background(), func(q store.SQL) error {
		return q.Query(context.Background(), "PRAGMA page_count", func(row store.Scanner) error { return row.Scan(&n) })
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Rows that were inserted tightly change without moving their neighbours: no
// page is split.
func TestRowsKeepTheirLength(t *testing.T) {
	e := openMigrated(t, testOptions(t.TempDir()))
	const rows = 500
	now := store.At(time.Unix(1_700_000_000, 0))
	each := func(change func(b *store.Batch, id int64)) {
		commit(t, e, func(b *store.Batch) {
			for id := range int64(rows) {
				b.Messages.Want(core.MessageID(id + 1))
				b.Verifications.Want(core.VerificationID(id + 1))
			}
		}, func(b *store.Batch) {
			for id := range int64(rows) {
				change(b, id+1)
			}
		})
	}
	each(func(b *store.Batch, id int64) {
		b.Messages.Put(core.MessageID(id), store.Message{ID: core.MessageID(id), State: store.MessageLeased, Money: store.MoneyReserved,
			Segments: 1, Phone: make([]byte, 40), Body: make([]byte, 90), ValidUntil: now, Due: now, Updated: now})
		b.PutVerification(store.Verification{ID: core.VerificationID(id), App: 1, State: store.VerificationPending, Expires: now, Message: core.MessageID(id)})
	})
	before := pages(t, e)
	each(func(b *store.Batch, id int64) {
		m, _ := b.Messages.Get(core.MessageID(id))
		m.State, m.Money, m.Attempts, m.Parts, m.Provider, m.Updated = store.MessageSubmitted, store.MoneySettled, 2, 2, "carrier-one", now+1
		b.Messages.Put(m.ID, m)
		v, _ := b.Verifications.Get(core.VerificationID(id))
		v.State, v.Wrong = store.VerificationVerified, 4
		b.PutVerification(v)
	})
	each(func(b *store.Batch, id int64) {
		m, _ := b.Messages.Get(core.MessageID(id))
		m.State, m.Code, m.Status, m.PartsDone, m.Body, m.Due = store.MessageDelivered, "DELIVRD", 4001, 2, nil, 0
		b.Messages.Put(m.ID, m)
	})
	if after := pages(t, e); after != before {
		t.Errorf("%d pages became %d", before, after)
	}
}
