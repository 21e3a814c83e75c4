package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// newSpends are rows that a batch locks when it reads them: what two nodes spend
// of one cap is decided one after the other. Of two that make a day's first row
// the second one is run again, and finds it.
func newSpends(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "spend", columns: columnsOf("id bigint, amount bigint"), keys: 1}
	put := func(p *arrays, s *store.Spend) {
		p.int(int64(s.Key))
		p.int(int64(s.Amount))
	}
	return &kind[store.SpendKey, store.Spend]{
		set:    func(b *store.Batch) *store.Set[store.SpendKey, store.Spend] { return &b.Spends },
		putKey: putID[store.SpendKey],
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			k := store.SpendKey(f.int())
			b.Spends.Loaded(k, store.Spend{Key: k, Amount: core.Credits(f.int())})
		},
		byKey:   t.byKey(),
		insert:  t.insert("id"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}
