package postgres

import "yanma.dev/yanma/internal/store"

func newPasses(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "captcha_pass", keys: 1,
		columns: columnsOf("key_hash bytea, pass bytea, parts bigint, expires bigint, until bigint")}
	put := func(p *arrays, n *store.CaptchaPass) {
		p.bytes(n.Key[:])
		p.bytes(n.Pass[:])
		p.int(int64(n.Parts))
		p.time(n.Expires)
		p.time(n.Until)
	}
	return &kind[store.PassKey, store.CaptchaPass]{
		set:    func(b *store.Batch) *store.Set[store.PassKey, store.CaptchaPass] { return &b.Passes },
		putKey: func(p *arrays, k store.PassKey) { p.bytes(k[:]) },
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			var n store.CaptchaPass
			f.into(n.Key[:])
			f.into(n.Pass[:])
			n.Parts, n.Expires, n.Until = uint8(f.int()), f.time(), f.time()
			b.Passes.Loaded(n.Key, n)
		},
		byKey:   t.byKey(),
		insert:  t.insert("key_hash"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}
