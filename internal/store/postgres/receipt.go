package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The carrier's id of a part is kept as bytes: what a carrier sends may be in
// any encoding, and must be found again as it came.

func newReceipts(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "receipt_ref", columns: columnsOf("provider text, part_id bytea, message bigint, attempt bigint, failed boolean"), keys: 2}
	put := func(p *arrays, r *store.ReceiptRef) {
		putReceiptKey(p, r.Key)
		p.int(int64(r.Message))
		p.int(int64(r.Attempt))
		p.bool(r.Failed)
	}
	return &kind[store.ReceiptKey, store.ReceiptRef]{
		set:    func(b *store.Batch) *store.Set[store.ReceiptKey, store.ReceiptRef] { return &b.Receipts },
		putKey: putReceiptKey,
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			k := store.ReceiptKey{Provider: f.text(), PartID: f.text()}
			b.Receipts.Loaded(k, store.ReceiptRef{Key: k, Message: core.MessageID(f.int()), Attempt: uint8(f.int()), Failed: f.bool()})
		},
		byKey:   t.byKey(),
		insert:  t.insert("provider, part_id"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}

func putReceiptKey(p *arrays, k store.ReceiptKey) {
	p.text(k.Provider)
	p.raw(k.PartID)
}

func newOrphans(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "orphan", columns: columnsOf("provider text, part_id bytea, state bigint, code text, status bigint, at bigint"), keys: 2}
	put := func(p *arrays, o *store.Orphan) {
		putReceiptKey(p, o.Key)
		p.int(int64(o.State))
		p.text(o.Code)
		p.int(int64(o.Status))
		p.time(o.At)
	}
	return &kind[store.ReceiptKey, store.Orphan]{
		set:    func(b *store.Batch) *store.Set[store.ReceiptKey, store.Orphan] { return &b.Orphans },
		putKey: putReceiptKey,
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			k := store.ReceiptKey{Provider: f.text(), PartID: f.text()}
			b.Orphans.Loaded(k, store.Orphan{Key: k, State: uint8(f.int()), Code: f.text(), Status: uint16(f.int()), At: f.time()})
		},
		byKey:   t.byKey(),
		insert:  t.insert("provider, part_id"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}
