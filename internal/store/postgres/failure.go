package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that counting changes, and behind them the keys of the indexes.
const (
	failureLife    = "id bigint, phone bytea, recent bigint, consecutive bigint, total bigint, last_wrong bigint, locked_until bigint, disabled boolean"
	failureColumns = failureLife + ", tenant bigint, app bigint, purpose bigint, idx_a bytea, idx_b bytea, scope bigint"
)

func newFailures(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "failure", columns: columnsOf(failureColumns), keys: 1}
	of := t.bySides("f.app = n.app AND f.purpose = n.purpose", "", columnsOf("app bigint, purpose bigint, idx bytea")...)
	return &kind[core.FailureID, store.Failure]{
		set: func(b *store.Batch) *store.Set[core.FailureID, store.Failure] { return &b.Failures },
		find: func(q *request, b *store.Batch) {
			findAll(q, of, b.FailureOf.Wanted(), func(p *arrays, k *store.FailureKey) {
				p.int(int64(k.App))
				p.int(int64(k.Purpose))
				p.side(&k.Index)
			}, func(f *fields) { b.LoadedFailure(scanFailure(f)) })
		},
		finds:  func(b *store.Batch) bool { return len(b.FailureOf.Wanted()) > 0 },
		putKey: putID[core.FailureID],
		putRow: func(p *arrays, f *store.Failure) {
			putFailureLife(p, f)
			p.int(int64(f.Tenant))
			p.int(int64(f.App))
			p.int(int64(f.Purpose))
			p.side(&f.Index.A)
			p.side(&f.Index.B)
			p.int(int64(f.Scope))
		},
		loaded:  func(b *store.Batch, f *fields) { b.LoadedFailure(scanFailure(f)) },
		byKey:   t.byKey(),
		insert:  t.insert("app, purpose, idx_a, idx_b, scope"),
		remove:  t.remove(),
		update:  t.update(columnsOf(failureLife)),
		putLife: putFailureLife,
		keeps: func(was, is *store.Failure) bool {
			return was.Tenant == is.Tenant && was.App == is.App && was.Purpose == is.Purpose &&
				was.Scope == is.Scope && sameSides(&was.Index, &is.Index)
		},
		keyOf:   func(f *store.Failure) core.FailureID { return f.ID },
		free:    t.free("idx_a = NULL, idx_b = NULL"),
		rewrite: t.update(t.columns),
	}
}

// sameSides compares what is stored of an index.
func sameSides(x, y *core.PhoneIndex) bool { return x.A == y.A && x.B == y.B }

func putFailureLife(p *arrays, f *store.Failure) {
	p.int(int64(f.ID))
	p.bytes(f.Phone)
	p.int(int64(f.Recent))
	p.int(int64(f.Consecutive))
	p.int(int64(f.Total))
	p.time(f.LastWrong)
	p.time(f.LockedUntil)
	p.bool(f.Disabled)
}

func scanFailure(f *fields) (row store.Failure) {
	row.ID = core.FailureID(f.int())
	row.Phone = f.bytes()
	row.Recent = uint16(f.int())
	row.Consecutive = uint16(f.int())
	row.Total = uint16(f.int())
	row.LastWrong = f.time()
	row.LockedUntil = f.time()
	row.Disabled = f.bool()
	row.Tenant = core.TenantID(f.int())
	row.App = core.AppID(f.int())
	row.Purpose = core.Purpose(f.int())
	row.Index = f.index()
	row.Scope = uint64(f.int())
	return row
}
