package postgres

import (
	"context"
	"errors"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// A receipt and the part that it belongs to, on two nodes, each loaded before
// the other is committed: whoever comes second is to run again, in either order.
func TestReq35_ReceiptMeetsPart(t *testing.T) {
	all := nodes(t, 2, 1)
	ctx := context.Background()
	k := store.ReceiptKey{Provider: "p", PartID: "\xff1"}
	part := func(b *store.Batch) {
		b.Messages.Put(1, store.Message{ID: 1})
		b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: 1})
	}
	orphan := func(b *store.Batch) { b.Orphans.Put(k, store.Orphan{Key: k, At: 5}) }
	load := func(n *node) (store.Tx, *store.Batch) {
		tx, err := n.engine.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var b store.Batch
		b.Begin(1)
		b.Receipts.Want(k)
		b.Orphans.Want(k)
		b.Messages.Want(core.MessageID(1))
		if err := tx.Load(ctx, &b); err != nil {
			t.Fatal(err)
		}
		return tx, &b
	}
	end := func(tx store.Tx, b *store.Batch, change func(*store.Batch)) error {
		change(b)
		if err := tx.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		err := tx.Commit(ctx)
		tx.Rollback()
		return err
	}
	for name, order := range map[string][2]func(*store.Batch){"part, then receipt": {part, orphan}, "receipt, then part": {orphan, part}} {
		t.Run(name, func(t *testing.T) {
			first, mine := load(all[0])
			second, theirs := load(all[1])
			if err := end(first, mine, order[0]); err != nil {
				t.Fatal(err)
			}
			if err := end(second, theirs, order[1]); !errors.Is(err, store.ErrAgain) || !errors.Is(err, store.ErrNotCommitted) {
				t.Errorf("the second one: %v, want ErrAgain and ErrNotCommitted", err)
			}
			// Run again it sees the other one. Nothing else is left behind.
			again, b := load(all[1])
			_, hasPart := b.Receipts.Get(k)
			_, hasOrphan := b.Orphans.Get(k)
			if hasPart == hasOrphan {
				t.Errorf("part %v, orphan %v; want the first one's", hasPart, hasOrphan)
			}
			again.Rollback()
			left := rows(t, all[0].engine, "SELECT (SELECT count(*) FROM receipt_ref), (SELECT count(*) FROM orphan)", 2)
			if left[0][0]+left[0][1] != 1 {
				t.Errorf("%d parts and %d orphans, want one row in all", left[0][0], left[0][1])
			}
			commit(t, all[0].engine, func(b *store.Batch) { b.Receipts.Want(k); b.Orphans.Want(k); b.Messages.Want(1) }, func(b *store.Batch) {
				b.Receipts.Delete(k)
				b.Orphans.Delete(k)
				b.Messages.Delete(1)
			})
		})
	}
	// Both in one batch know of each other.
	commit(t, all[0].engine, func(b *store.Batch) { b.Receipts.Want(k); b.Orphans.Want(k) }, func(b *store.Batch) {
		part(b)
		orphan(b)
	})
}
