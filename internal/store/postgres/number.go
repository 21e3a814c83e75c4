package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func newProofs(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "number_proof", keys: 1,
		columns: columnsOf("key_hash bytea, app bigint, carrier bigint, expires bigint, check_id bigint, until bigint")}
	put := func(p *arrays, n *store.NumberProof) {
		p.bytes(n.Key[:])
		p.int(int64(n.App))
		p.int(int64(n.Carrier))
		p.time(n.Expires)
		p.int(int64(n.Check))
		p.time(n.Until)
	}
	return &kind[store.ProofKey, store.NumberProof]{
		set:    func(b *store.Batch) *store.Set[store.ProofKey, store.NumberProof] { return &b.Proofs },
		putKey: func(p *arrays, k store.ProofKey) { p.bytes(k[:]) },
		putRow: put,
		loaded: func(b *store.Batch, f *fields) {
			var n store.NumberProof
			f.into(n.Key[:])
			n.App, n.Carrier, n.Expires = core.AppID(f.int()), uint8(f.int()), f.time()
			n.Check, n.Until = core.NumberCheckID(f.int()), f.time()
			b.Proofs.Loaded(n.Key, n)
		},
		byKey:   t.byKey(),
		insert:  t.insert("key_hash"),
		remove:  t.remove(),
		update:  t.update(t.columns),
		putLife: put,
	}
}

// The columns that an answer changes, and behind them all others.
const (
	checkAnswer = "id bigint, state bigint, money bigint, gateway text, code text, reference text, counted boolean, latency bigint, " +
		"due bigint, updated bigint"
	checkColumns = checkAnswer + ", tenant bigint, app bigint, kind bigint, carrier bigint, tenant_pays boolean, price bigint, " +
		"idx_a bytea, idx_b bytea, phone bytea, phone_hash bytea"
)

func newChecks(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "number_check", columns: columnsOf(checkColumns), keys: 1}
	return &kind[core.NumberCheckID, store.NumberCheck]{
		set:    func(b *store.Batch) *store.Set[core.NumberCheckID, store.NumberCheck] { return &b.NumberChecks },
		putKey: putID[core.NumberCheckID],
		putRow: func(p *arrays, n *store.NumberCheck) {
			putCheckAnswer(p, n)
			p.int(int64(n.Tenant))
			p.int(int64(n.App))
			p.int(int64(n.Kind))
			p.int(int64(n.Carrier))
			p.bool(n.TenantPays)
			p.int(int64(n.Price))
			p.side(&n.Index.A)
			p.side(&n.Index.B)
			p.bytes(n.Phone)
			p.bytes(n.Hash)
		},
		loaded: func(b *store.Batch, f *fields) {
			n := scanCheck(f)
			b.NumberChecks.Loaded(n.ID, n)
		},
		byKey:   t.byKey(),
		insert:  t.insert(""),
		remove:  t.remove(),
		update:  t.update(columnsOf(checkAnswer)),
		putLife: putCheckAnswer,
		keeps:   store.SameQuestion,
		keyOf:   func(n *store.NumberCheck) core.NumberCheckID { return n.ID },
		rewrite: t.update(t.columns),
	}
}

func putCheckAnswer(p *arrays, n *store.NumberCheck) {
	p.int(int64(n.ID))
	p.int(int64(n.State))
	p.int(int64(n.Money))
	p.text(n.Gateway)
	p.text(n.Code)
	p.text(n.Reference)
	p.bool(n.Counted)
	p.int(int64(n.Latency))
	if n.Due == 0 {
		p.null() // in no index
	} else {
		p.time(n.Due)
	}
	p.time(n.Updated)
}

func scanCheck(f *fields) (n store.NumberCheck) {
	n.ID = core.NumberCheckID(f.int())
	n.State = store.NumberCheckState(f.int())
	n.Money = store.Money(f.int())
	n.Gateway = f.text()
	n.Code = f.text()
	n.Reference = f.text()
	n.Counted = f.bool()
	n.Latency = uint32(f.int())
	n.Due = f.time()
	n.Updated = f.time()
	n.Tenant = core.TenantID(f.int())
	n.App = core.AppID(f.int())
	n.Kind = uint8(f.int())
	n.Carrier = uint8(f.int())
	n.TenantPays = f.bool()
	n.Price = core.Credits(f.int())
	n.Index = f.index()
	n.Phone = f.bytes()
	n.Hash = f.bytes()
	return n
}
