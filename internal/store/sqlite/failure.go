package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that counting changes, and before them the keys of the indexes.
const (
	failureCounters = "phone, recent, consecutive, total, last_wrong, locked_until, disabled"
	failureColumns  = "id, tenant, app, purpose, idx_a, idx_b, scope, " + failureCounters
)

type failureStatements struct {
	byID, insert, update, remove *zsqlite.Stmt
	of                           sideStatements
}

func prepareFailures(p *preparer) failureStatements {
	const table = "failure"
	const find = "SELECT " + failureColumns + " FROM failure INDEXED BY failure_"
	const where = " WHERE app = ? AND purpose = ? AND "
	return failureStatements{
		byID:   p.stmt("SELECT " + failureColumns + " FROM failure WHERE id = ?"),
		insert: p.insert(table, failureColumns),
		update: p.update(table, 1, "id, "+failureCounters),
		remove: p.stmt("DELETE FROM failure WHERE id = ?"),
		of: sideStatements{
			a:    p.stmt(find + "a" + where + "idx_a = ?"),
			b:    p.stmt(find + "b" + where + "idx_b = ?"),
			anyA: p.stmt("SELECT 1 FROM failure INDEXED BY failure_a WHERE idx_a IS NOT NULL LIMIT 1"),
			anyB: p.stmt("SELECT 1 FROM failure INDEXED BY failure_b WHERE idx_b IS NOT NULL LIMIT 1"),
		},
	}
}

func (s *failureStatements) load(b *store.Batch) error {
	if err := s.loadOf(b); err != nil {
		return err
	}
	return loadByKey(s.byID, b.Failures.Wanted(), bindID[core.FailureID], func(_ core.FailureID, row columns) {
		b.LoadedFailure(scanFailure(row))
	})
}

func (s *failureStatements) loadOf(b *store.Batch) error {
	wanted := b.FailureOf.Wanted()
	sides, err := s.of.inUse(len(wanted))
	if err != nil {
		return err
	}
	for i := range wanted {
		k := &wanted[i]
		for _, side := range sides {
			p := bind(side)
			p.int(int64(k.App))
			p.int(int64(k.Purpose))
			p.side(&k.Index)
			if err := p.rows(func(row columns) { b.LoadedFailure(scanFailure(row)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *failureStatements) write(b *store.Batch) error {
	return writeSet(&b.Failures, rowWriter[core.FailureID, store.Failure]{
		remove: remover(s.remove, bindID[core.FailureID]),
		update: func(_, f *store.Failure) error { return writeCounters(bindID(s.update, f.ID), f) },
		insert: s.writeNew,
		key:    func(f *store.Failure) core.FailureID { return f.ID },
		keeps: func(was, is *store.Failure) bool {
			return was.Tenant == is.Tenant && was.App == is.App && was.Purpose == is.Purpose &&
				was.Scope == is.Scope && sameSides(&was.Index, &is.Index)
		},
	})
}

func (s *failureStatements) writeNew(f *store.Failure) error {
	p := bind(s.insert)
	p.int(int64(f.ID))
	p.int(int64(f.Tenant))
	p.int(int64(f.App))
	p.int(int64(f.Purpose))
	p.side(&f.Index.A)
	p.side(&f.Index.B)
	p.int(int64(f.Scope))
	return writeCounters(p, f)
}

func writeCounters(p parameters, f *store.Failure) error {
	p.bytes(f.Phone)
	p.int(int64(f.Recent))
	p.int(int64(f.Consecutive))
	p.int(int64(f.Total))
	p.time(f.LastWrong)
	p.time(f.LockedUntil)
	p.bool(f.Disabled)
	return p.run()
}

func scanFailure(c columns) (f store.Failure) {
	f.ID = core.FailureID(c.int())
	f.Tenant = core.TenantID(c.int())
	f.App = core.AppID(c.int())
	f.Purpose = core.Purpose(c.int())
	f.Index = c.index()
	f.Scope = uint64(c.int())
	f.Phone = c.bytes()
	f.Recent = uint16(c.int())
	f.Consecutive = uint16(c.int())
	f.Total = uint16(c.int())
	f.LastWrong = c.time()
	f.LockedUntil = c.time()
	f.Disabled = c.bool()
	return f
}

// sameSides compares what is stored of an index.
func sameSides(x, y *core.PhoneIndex) bool { return x.A == y.A && x.B == y.B }
