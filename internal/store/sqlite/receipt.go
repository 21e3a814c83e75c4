package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

type receiptStatements struct{ byKey, insert, update, remove *zsqlite.Stmt }

func prepareReceipts(p *preparer) receiptStatements {
	const columns = "provider, part_id, message, attempt, failed"
	return receiptStatements{
		byKey:  p.stmt("SELECT message, attempt, failed FROM receipt_ref WHERE provider = ? AND part_id = ?"),
		insert: p.insert("receipt_ref", columns),
		update: p.update("receipt_ref", 2, columns),
		remove: p.stmt("DELETE FROM receipt_ref WHERE provider = ? AND part_id = ?"),
	}
}

func bindReceipt(stmt *zsqlite.Stmt, k store.ReceiptKey) parameters {
	p := bind(stmt)
	p.text(k.Provider)
	p.text(k.PartID)
	return p
}

func (s *receiptStatements) load(b *store.Batch) error {
	return loadByKey(s.byKey, b.Receipts.Wanted(), bindReceipt, func(k store.ReceiptKey, row columns) {
		b.Receipts.Loaded(k, store.ReceiptRef{Key: k, Message: core.MessageID(row.int()), Attempt: uint8(row.int()), Failed: row.bool()})
	})
}

func (s *receiptStatements) write(b *store.Batch) error {
	put := func(stmt *zsqlite.Stmt, r *store.ReceiptRef) error {
		p := bindReceipt(stmt, r.Key)
		p.int(int64(r.Message))
		p.int(int64(r.Attempt))
		p.bool(r.Failed)
		return p.run()
	}
	return writeSet(&b.Receipts, rowWriter[store.ReceiptKey, store.ReceiptRef]{
		remove: remover(s.remove, bindReceipt),
		update: func(_, r *store.ReceiptRef) error { return put(s.update, r) },
		insert: func(r *store.ReceiptRef) error { return put(s.insert, r) },
		keeps:  keepsAll[store.ReceiptRef],
	})
}

type orphanStatements struct{ byKey, any, insert, update, remove *zsqlite.Stmt }

func prepareOrphans(p *preparer) orphanStatements {
	const columns = "provider, part_id, state, code, status, at"
	return orphanStatements{
		byKey:  p.stmt("SELECT state, code, status, at FROM orphan WHERE provider = ? AND part_id = ?"),
		any:    p.stmt("SELECT 1 FROM orphan LIMIT 1"),
		insert: p.insert("orphan", columns),
		update: p.update("orphan", 2, columns),
		remove: p.stmt("DELETE FROM orphan WHERE provider = ? AND part_id = ?"),
	}
}

// load looks first whether anything waits at all: mostly nothing does.
func (s *orphanStatements) load(b *store.Batch) error {
	if len(b.Orphans.Wanted()) == 0 {
		return nil
	}
	if waits, err := hasRow(s.any); err != nil || !waits {
		return err
	}
	return loadByKey(s.byKey, b.Orphans.Wanted(), bindReceipt, func(k store.ReceiptKey, row columns) {
		b.Orphans.Loaded(k, scanOrphan(k, row))
	})
}

func (s *orphanStatements) write(b *store.Batch) error {
	put := func(stmt *zsqlite.Stmt, o *store.Orphan) error {
		p := bindReceipt(stmt, o.Key)
		p.int(int64(o.State))
		p.text(o.Code)
		p.int(int64(o.Status))
		p.time(o.At)
		return p.run()
	}
	return writeSet(&b.Orphans, rowWriter[store.ReceiptKey, store.Orphan]{
		remove: remover(s.remove, bindReceipt),
		update: func(_, o *store.Orphan) error { return put(s.update, o) },
		insert: func(o *store.Orphan) error { return put(s.insert, o) },
		keeps:  keepsAll[store.Orphan],
	})
}

func scanOrphan(k store.ReceiptKey, c columns) store.Orphan {
	return store.Orphan{Key: k, State: uint8(c.int()), Code: c.text(), Status: uint16(c.int()), At: c.time()}
}
