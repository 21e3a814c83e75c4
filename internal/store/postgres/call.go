package postgres

import "yanma.dev/yanma/internal/store"

func newCalls(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "idempotency", keys: 1,
		columns: columnsOf("key_hash bytea, body_hash bytea, ref bigint, status bigint, answer bytea, expires bigint")}
	put := func(p *arrays, call *store.Call) {
		p.bytes(call.Key[:])
		p.bytes(call.Body[:])
		p.int(call.Ref)
		p.int(int64(call.Status))
		p.bytes(call.Answer)
		p.time(call.Expires)
	}
	return &kind[store.CallKey, store.Call]{
		set:    func(b *store.Batch) *store.Set[store.CallKey, store.Call] { return &b.Calls },
		putKey: func(p *arrays, k store.CallKey) { p.bytes(k[:]) },
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			var call store.Call
			f.into(call.Key[:])
			f.into(call.Body[:])
			call.Ref, call.Status, call.Answer, call.Expires = f.int(), uint16(f.int()), f.bytes(), f.time()
			b.Calls.Loaded(call.Key, call)
		},
		byKey:   t.byKey(),
		insert:  t.insert("key_hash"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}
